"""Issuers, invoices, what is charged, the ledger, runs and the chain.

Revision: 0014_billing; after: 0013_bookings
"""

import sqlalchemy as sa
from alembic import op

revision = "0014_billing"
down_revision = "0013_bookings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "charged",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("contract_id", sa.String(length=40), nullable=False),
        sa.Column("item", sa.String(length=40), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("contract_id", "item", "first", name=op.f("pk_charged")),
    )
    op.create_table(
        "invoice_runs",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("ran_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invoices", sa.Integer(), nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_runs")),
    )
    op.create_table(
        "invoice_series",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("series", sa.String(length=40), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("network_id", "series", name=op.f("pk_invoice_series")),
    )
    op.create_table(
        "issuers",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("legal_name", sa.String(length=200), nullable=False),
        sa.Column("tax_id", sa.String(length=40), nullable=False),
        sa.Column("street", sa.String(length=200), nullable=False),
        sa.Column("postcode", sa.String(length=20), nullable=False),
        sa.Column("city", sa.String(length=100), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("tax_zone", sa.String(length=8), nullable=False),
        sa.Column("mail", sa.String(length=254), nullable=False),
        sa.Column("iban", sa.String(length=34), nullable=False),
        sa.Column("creditor_id", sa.String(length=35), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("locks_offices", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issuers")),
    )
    op.create_table(
        "ledger_postings",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("entry", sa.String(length=60), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("party_id", sa.String(length=40), nullable=False),
        sa.Column("cents", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("network_id", "entry", "account", name=op.f("pk_ledger_postings")),
    )
    op.create_table(
        "pending_charges",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("contract_id", sa.String(length=40), nullable=False),
        sa.Column("text", sa.String(length=400), nullable=False),
        sa.Column("rule", sa.String(length=120), nullable=False),
        sa.Column("cents", sa.Integer(), nullable=False),
        sa.Column("vat", sa.String(length=12), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("gross", sa.Boolean(), nullable=False),
        sa.Column("cost_centre", sa.String(length=60), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("network_id", "key", name=op.f("pk_pending_charges")),
    )
    with op.batch_alter_table("pending_charges", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pending_charges_invoice_id"), ["invoice_id"], unique=False)
    op.create_table(
        "verifactu_chains",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("issuer_nif", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("last_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("network_id", "issuer_nif", name=op.f("pk_verifactu_chains")),
    )
    op.create_table(
        "verifactu_records",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("issuer_nif", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("document_type", sa.String(length=2), nullable=False),
        sa.Column("tax_cents", sa.Integer(), nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("generated_at", sa.String(length=40), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("network_id", "issuer_nif", "position", name=op.f("pk_verifactu_records")),
    )
    with op.batch_alter_table("verifactu_records", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_verifactu_records_invoice_id"), ["invoice_id"], unique=False)
    op.create_table(
        "invoices",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("issuer_id", sa.String(length=40), nullable=False),
        sa.Column("party_id", sa.String(length=40), nullable=False),
        sa.Column("contract_id", sa.String(length=40), nullable=True),
        sa.Column("number", sa.String(length=60), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("net_cents", sa.Integer(), nullable=False),
        sa.Column("tax_cents", sa.Integer(), nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.Column("paid_cents", sa.Integer(), nullable=False),
        sa.Column("pay_by", sa.String(length=16), nullable=False),
        sa.Column("po_number", sa.String(length=60), nullable=False),
        sa.Column("corrects_id", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("returned_on", sa.Date(), nullable=True),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["corrects_id"], ["invoices.id"], name=op.f("fk_invoices_corrects_id")),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuers.id"], name=op.f("fk_invoices_issuer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("network_id", "number", name=op.f("uq_invoices_network_id_number")),
    )
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invoices_contract_id"), ["contract_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoices_corrects_id"), ["corrects_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoices_party_id"), ["party_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoices_run_id"), ["run_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoices_site_id_issued_on"), ["site_id", "issued_on"], unique=False)
    op.create_table(
        "invoice_buyers",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("tax_id_kind", sa.String(length=12), nullable=False),
        sa.Column("tax_id", sa.String(length=40), nullable=False),
        sa.Column("street", sa.String(length=200), nullable=False),
        sa.Column("postcode", sa.String(length=20), nullable=False),
        sa.Column("city", sa.String(length=100), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("mail", sa.String(length=254), nullable=False),
        sa.Column("locale", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_buyers_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_invoice_buyers")),
    )
    op.create_table(
        "invoice_lines",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=400), nullable=False),
        sa.Column("rule", sa.String(length=120), nullable=False),
        sa.Column("cents", sa.Integer(), nullable=False),
        sa.Column("vat", sa.String(length=12), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("cost_centre", sa.String(length=60), nullable=False),
        sa.Column("contract_id", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_lines_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", "position", name=op.f("pk_invoice_lines")),
    )
    op.create_table(
        "invoice_taxes",
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.String(length=40), nullable=False),
        sa.Column("invoice_id", sa.String(length=40), nullable=False),
        sa.Column("vat", sa.String(length=12), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("net_cents", sa.Integer(), nullable=False),
        sa.Column("tax_cents", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_taxes_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", "vat", name=op.f("pk_invoice_taxes")),
    )


def downgrade() -> None:
    op.drop_table("invoice_taxes")
    op.drop_table("invoice_lines")
    op.drop_table("invoice_buyers")
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invoices_site_id_issued_on"))
        batch_op.drop_index(batch_op.f("ix_invoices_run_id"))
        batch_op.drop_index(batch_op.f("ix_invoices_party_id"))
        batch_op.drop_index(batch_op.f("ix_invoices_corrects_id"))
        batch_op.drop_index(batch_op.f("ix_invoices_contract_id"))
    op.drop_table("invoices")
    with op.batch_alter_table("verifactu_records", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_verifactu_records_invoice_id"))
    op.drop_table("verifactu_records")
    op.drop_table("verifactu_chains")
    with op.batch_alter_table("pending_charges", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pending_charges_invoice_id"))
    op.drop_table("pending_charges")
    op.drop_table("ledger_postings")
    op.drop_table("issuers")
    op.drop_table("invoice_series")
    op.drop_table("invoice_runs")
    op.drop_table("charged")
