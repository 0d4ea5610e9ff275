"""For how long after its hours a schedule lets people come back.

Revision: 0018_coming_back; after: 0017_tasks
"""

import sqlalchemy as sa
from alembic import op

revision = "0018_coming_back"
down_revision = "0017_tasks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedules", sa.Column("reentry_minutes", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("schedules", "reentry_minutes")
