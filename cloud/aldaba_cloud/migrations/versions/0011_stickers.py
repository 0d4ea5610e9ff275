"""Doors and plans that come with a sticker, and cards given by tapping one after another.

Revision: 0011_stickers; after: 0010_swapping
"""

import sqlalchemy as sa
from alembic import op

revision = "0011_stickers"
down_revision = "0010_swapping"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("doors", "plans"):
        with op.batch_alter_table(table) as changed:
            changed.add_column(sa.Column("sticker", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "card_rounds",
        sa.Column("network_id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(40), nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("door_id", sa.String(40), nullable=False),
        sa.Column("holders", sa.JSON(), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_rounds")),
    )


def downgrade() -> None:
    op.drop_table("card_rounds")
    for table in ("plans", "doors"):
        with op.batch_alter_table(table) as changed:
            changed.drop_column("sticker")
