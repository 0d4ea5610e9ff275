"""Visitor passes.

Revision: 0004_passes; after: 0003_held
"""

import sqlalchemy as sa
from alembic import op

revision = "0004_passes"
down_revision = "0003_held"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "passes",
        sa.Column("network_id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(40), nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("cti", sa.LargeBinary(16), nullable=False),
        sa.Column("share_digest", sa.String(64), nullable=False),
        sa.Column("visitor", sa.String(80), nullable=False),
        sa.Column("host_id", sa.String(40), nullable=False),
        sa.Column("doors", sa.JSON(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["host_id"], ["holders.id"], name=op.f("fk_passes_host_id_holders"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passes")),
        sa.UniqueConstraint("cti", name=op.f("uq_passes_cti")),
        sa.UniqueConstraint("share_digest", name=op.f("uq_passes_share_digest")),
    )
    op.create_index(op.f("ix_passes_valid_until"), "passes", ["valid_until"])


def downgrade() -> None:
    op.drop_table("passes")
