"""Tasks.

Revision: 0017_tasks; after: 0016_final_documents
"""

import sqlalchemy as sa
from alembic import op

revision = "0017_tasks"
down_revision = "0016_final_documents"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("owner_id", sa.String(length=40), nullable=True),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("link", sa.String(length=200), nullable=False),
        sa.Column("about", sa.String(length=120), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("network_id", "about", name=op.f("uq_tasks_network_id_about")),
    )
    op.create_index(op.f("ix_tasks_done_at"), "tasks", ["done_at"])


def downgrade() -> None:
    op.drop_table("tasks")
