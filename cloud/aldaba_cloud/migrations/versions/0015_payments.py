"""Payments, mandates, debits, reminders, audits and locked months.

Revision: 0015_payments; after: 0014_billing
"""

import sqlalchemy as sa
from alembic import op

revision = "0015_payments"
down_revision = "0014_billing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "debit_batches",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("collect_on", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("control_cents", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_debit_batches")),
    )
    op.create_table(
        "ledger_audits",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("ran_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("right", sa.Boolean(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_audits")),
    )
    op.create_table(
        "locked_months",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("network_id", "site_id", "month", name=op.f("pk_locked_months")),
    )
    op.create_table(
        "mandates",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("party_id", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=35), nullable=False),
        sa.Column("iban", sa.String(length=34), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("last_used_on", sa.Date(), nullable=True),
        sa.Column("cancelled_on", sa.Date(), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mandates")),
        sa.UniqueConstraint("network_id", "reference", name=op.f("uq_mandates_network_id_reference")),
    )
    with op.batch_alter_table("mandates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mandates_party_id"), ["party_id"], unique=False)
    op.create_table(
        "debit_items",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("batch_id", sa.String(length=40), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("mandate_id", sa.String(length=40), nullable=False),
        sa.Column("cents", sa.Integer(), nullable=False),
        sa.Column("end_to_end", sa.String(length=35), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["debit_batches.id"], name=op.f("fk_debit_items_batch_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_debit_items_invoice_id")),
        sa.PrimaryKeyConstraint("batch_id", "invoice_id", name=op.f("pk_debit_items")),
    )
    with op.batch_alter_table("debit_items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_debit_items_end_to_end"), ["end_to_end"], unique=False)
        batch_op.create_index(batch_op.f("ix_debit_items_invoice_id"), ["invoice_id"], unique=False)
    op.create_table(
        "payments",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("external_id", sa.String(length=140), nullable=False),
        sa.Column("cents", sa.Integer(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("payer_name", sa.String(length=200), nullable=False),
        sa.Column("payer_iban", sa.String(length=34), nullable=False),
        sa.Column("text", sa.String(length=400), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=True),
        sa.Column("returned_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_payments_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint(
            "network_id", "source", "external_id", name=op.f("uq_payments_network_id_source_external_id")
        ),
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payments_invoice_id"), ["invoice_id"], unique=False)
    op.create_table(
        "promises",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_promises_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_promises")),
    )
    op.create_table(
        "reminder_steps",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("step", sa.String(length=12), nullable=False),
        sa.Column("done_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_reminder_steps_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", "step", name=op.f("pk_reminder_steps")),
    )


def downgrade() -> None:
    op.drop_table("reminder_steps")
    op.drop_table("promises")
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payments_invoice_id"))
    op.drop_table("payments")
    with op.batch_alter_table("debit_items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_debit_items_invoice_id"))
        batch_op.drop_index(batch_op.f("ix_debit_items_end_to_end"))
    op.drop_table("debit_items")
    with op.batch_alter_table("mandates", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mandates_party_id"))
    op.drop_table("mandates")
    op.drop_table("locked_months")
    op.drop_table("ledger_audits")
    op.drop_table("debit_batches")
