"""Configurations kept for the next controller, canaries, and since when a controller runs its software.

Revision: 0010_swapping; after: 0009_duty
"""

import sqlalchemy as sa
from alembic import op

revision = "0010_swapping"
down_revision = "0009_duty"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "configurations",
        sa.Column("network_id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(40), nullable=False),
        sa.Column("controller_id", sa.String(40), nullable=False),
        sa.Column("doors", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("controller_id", name=op.f("pk_configurations")),
    )
    op.add_column("controllers", sa.Column("canary", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("controllers", sa.Column("software_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("controllers", "software_since")
    op.drop_column("controllers", "canary")
    op.drop_table("configurations")
