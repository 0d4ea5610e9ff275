"""Letters: mail written in the transaction of what it tells.

Revision: 0021_letters; after: 0020_collectors
"""

import sqlalchemy as sa
from alembic import op

revision = "0021_letters"
down_revision = "0020_collectors"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "letters",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("about", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("enclosed", sa.JSON(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
        sa.UniqueConstraint("network_id", "key", name=op.f("uq_letters_network_id_key")),
    )
    op.create_index(op.f("ix_letters_due_at"), "letters", ["due_at"])
    op.create_index("ix_letters_network_id_written_at", "letters", ["network_id", "written_at"])


def downgrade() -> None:
    op.drop_index("ix_letters_network_id_written_at", table_name="letters")
    op.drop_index(op.f("ix_letters_due_at"), table_name="letters")
    op.drop_table("letters")
