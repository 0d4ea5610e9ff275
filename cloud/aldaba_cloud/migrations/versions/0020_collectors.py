"""Collectors: how parties pay through them, what was asked, and what they said.

Revision: 0020_collectors; after: 0019_debits
"""

import sqlalchemy as sa
from alembic import op

revision = "0020_collectors"
down_revision = "0019_debits"
branch_labels = None
depends_on = None


def scope() -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(length=40), nullable=False) for name in ("network_id", "site_id")]


def upgrade() -> None:
    op.create_table(
        "collector_accounts",
        *scope(),
        sa.Column("party_id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("customer", sa.String(length=80), nullable=False),
        sa.Column("method", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("network_id", "party_id", "provider", name=op.f("pk_collector_accounts")),
    )
    op.create_table(
        "collections",
        *scope(),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("cents", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(length=80), nullable=False),
        sa.Column("method", sa.String(length=80), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_collections_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collections")),
        sa.UniqueConstraint(
            "network_id", "provider", "reference", name=op.f("uq_collections_network_id_provider_reference")
        ),
    )
    op.create_index(op.f("ix_collections_invoice_id"), "collections", ["invoice_id"])
    op.create_table(
        "collector_events",
        *scope(),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("event_id", sa.String(length=80), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("said", sa.String(length=12), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("network_id", "provider", "event_id", name=op.f("pk_collector_events")),
    )
    op.create_index(op.f("ix_collector_events_reference"), "collector_events", ["reference"])


def downgrade() -> None:
    for table in ("collector_events", "collections", "collector_accounts"):
        op.drop_table(table)
