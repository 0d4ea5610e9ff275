"""How doors are used: their hours, their interlocks, their shadow; and what zones do while controllers are apart.

Revision: 0005_doors_in_use; after: 0004_passes
"""

import sqlalchemy as sa
from alembic import op

revision = "0005_doors_in_use"
down_revision = "0004_passes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("doors") as doors:
        doors.add_column(sa.Column("unlock_schedule_id", sa.String(40), nullable=True))
        doors.add_column(sa.Column("first_card", sa.Boolean(), nullable=False, server_default=sa.false()))
        doors.add_column(sa.Column("interlock_with", sa.JSON(), nullable=False, server_default="[]"))
        doors.add_column(sa.Column("interlock_apart", sa.String(8), nullable=False, server_default="keep"))
        doors.add_column(sa.Column("shadow", sa.Boolean(), nullable=True))
    with op.batch_alter_table("zones") as zones:
        zones.add_column(sa.Column("apart", sa.String(8), nullable=False, server_default="soften"))


def downgrade() -> None:
    with op.batch_alter_table("zones") as zones:
        zones.drop_column("apart")
    with op.batch_alter_table("doors") as doors:
        for column in ("shadow", "interlock_apart", "interlock_with", "first_card", "unlock_schedule_id"):
            doors.drop_column(column)
