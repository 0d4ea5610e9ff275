"""Who is on duty, and what is on its way to them.

Revision: 0009_duty; after: 0008_pins
"""

import sqlalchemy as sa
from alembic import op

revision = "0009_duty"
down_revision = "0008_pins"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duty_contacts",
        sa.Column("network_id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(40), nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("address", sa.String(400), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("told_alarm", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_contacts")),
    )
    op.create_table(
        "duty_deliveries",
        sa.Column("network_id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(40), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("alarm_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.String(40), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_deliveries")),
    )
    op.create_index(op.f("ix_duty_deliveries_contact_id"), "duty_deliveries", ["contact_id"])
    op.create_index(op.f("ix_duty_deliveries_due_at"), "duty_deliveries", ["due_at"])


def downgrade() -> None:
    op.drop_table("duty_deliveries")
    op.drop_table("duty_contacts")
