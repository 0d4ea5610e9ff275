"""Key sets of a site's own cards, and digest keys that were changed.

Revision: 0006_card_keys; after: 0005_doors_in_use
"""

import sqlalchemy as sa
from alembic import op

revision = "0006_card_keys"
down_revision = "0005_doors_in_use"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "card_key_sets",
        sa.Column("network_id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed_root", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("network_id", "version", name=op.f("pk_card_key_sets")),
    )
    op.create_table(
        "digest_keys",
        sa.Column("network_id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(40), nullable=False),
        sa.Column("controller_id", sa.String(40), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_before", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("controller_id", name=op.f("pk_digest_keys")),
    )


def downgrade() -> None:
    op.drop_table("digest_keys")
    op.drop_table("card_key_sets")
