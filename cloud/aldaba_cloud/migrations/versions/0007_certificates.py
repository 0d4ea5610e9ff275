"""Certificates by which the broker knows controllers.

Revision: 0007_certificates; after: 0006_card_keys
"""

import sqlalchemy as sa
from alembic import op

revision = "0007_certificates"
down_revision = "0006_card_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificates",
        sa.Column("network_id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(40), nullable=False),
        sa.Column("serial", sa.String(60), nullable=False),
        sa.Column("controller_id", sa.String(40), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("holds_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_certificates")),
    )
    op.create_index(op.f("ix_certificates_controller_id"), "certificates", ["controller_id"])
    op.create_index(op.f("ix_certificates_revoked_at"), "certificates", ["revoked_at"])


def downgrade() -> None:
    op.drop_table("certificates")
