"""Doors that are held after a restore.

Revision: 0003_held; after: 0002_fleet
"""

import sqlalchemy as sa
from alembic import op

revision = "0003_held"
down_revision = "0002_fleet"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("controllers", sa.Column("held_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("controllers", "held_since")
