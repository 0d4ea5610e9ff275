"""PINs: which of them call for help, and at which doors a second factor or a second person is needed.

Revision: 0008_pins; after: 0007_certificates
"""

import sqlalchemy as sa
from alembic import op

revision = "0008_pins"
down_revision = "0007_certificates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("doors") as doors:
        doors.add_column(sa.Column("second_factor_schedule_id", sa.String(40), nullable=True))
        doors.add_column(sa.Column("pin_alone", sa.Boolean(), nullable=False, server_default=sa.false()))
        doors.add_column(sa.Column("persons", sa.Integer(), nullable=False, server_default="1"))
    with op.batch_alter_table("credentials") as credentials:
        credentials.add_column(sa.Column("duress", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("credentials") as credentials:
        credentials.drop_column("duress")
    with op.batch_alter_table("doors") as doors:
        for column in ("persons", "pin_alone", "second_factor_schedule_id"):
            doors.drop_column(column)
