"""Mandates for one collection, and which debits came back.

Revision: 0019_debits; after: 0018_coming_back
"""

import sqlalchemy as sa
from alembic import op

revision = "0019_debits"
down_revision = "0018_coming_back"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("mandates") as batch_op:
        batch_op.add_column(sa.Column("one_off", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("debit_items") as batch_op:
        batch_op.add_column(sa.Column("returned_on", sa.Date(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("debit_items") as batch_op:
        batch_op.drop_column("returned_on")
    with op.batch_alter_table("mandates") as batch_op:
        batch_op.drop_column("one_off")
