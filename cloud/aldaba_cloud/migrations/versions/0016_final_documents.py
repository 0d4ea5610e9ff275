"""A final document never changes and a series has no hole, whoever writes: the database is the judge.

By induction: the last number of a series is a document's when the transaction
ends (a deferred foreign key), each document's number follows on another one's or
is the first of its series (a trigger), and neither goes away again (triggers).
Lines, taxes and the buyer are shut once the document stands in the books.

Revision: 0016_final_documents; after: 0015_payments
"""

import sqlalchemy as sa
from alembic import op

revision = "0016_final_documents"
down_revision = "0015_payments"
branch_labels = None
depends_on = None

KEPT = (
    "network_id, site_id, id, kind, issuer_id, party_id, contract_id, number, issued_on, due_on, net_cents, "
    "tax_cents, total_cents, pay_by, po_number, corrects_id, reason, live, run_id"
)
"""What a final invoice keeps; what may change is its state, what was paid and when it came back."""
PARTS = ("invoice_buyers", "invoice_lines", "invoice_taxes")
ADDED_TO = ("invoice_lines", "invoice_taxes")
"""An invoice has one buyer by its key, but could be given another line."""
PRINTED = "series || '-' || CASE WHEN {n} < 1000000 THEN substr('00000' || {n}, length({n})) ELSE {n} END"
"""A number as it is printed, in words both engines know; `{n}` is the counted part as text."""
LAST_IS_PRINTED = (
    "(last = first - 1 AND last_number IS NULL) OR (last >= first AND last_number IS NOT NULL AND last_number = "
    + PRINTED.replace("{n} <", "last <").format(n="CAST(last AS VARCHAR)")
    + ")"
)

SQLITE = (
    f"""
    CREATE TRIGGER invoices_final_update BEFORE UPDATE OF {KEPT} ON invoices WHEN OLD.number IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'invoices_final'); END
    """,
    """
    CREATE TRIGGER invoices_final_delete BEFORE DELETE ON invoices WHEN OLD.number IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'invoices_final'); END
    """,
    *(
        f"""
        CREATE TRIGGER {table}_final_{when} BEFORE {when} ON {table}
        WHEN EXISTS (SELECT 1 FROM invoices WHERE id = OLD.invoice_id AND number IS NOT NULL)
        BEGIN SELECT RAISE(ABORT, 'invoices_final'); END
        """
        for table in PARTS
        for when in ("update", "delete")
    ),
    *(
        f"""
        CREATE TRIGGER {table}_final_insert BEFORE INSERT ON {table}
        WHEN EXISTS (
            SELECT 1 FROM ledger_postings
            WHERE network_id = NEW.network_id AND entry = 'inv:' || NEW.invoice_id
        )
        BEGIN SELECT RAISE(ABORT, 'invoices_final'); END
        """
        for table in ADDED_TO
    ),
    *(
        f"""
        CREATE TRIGGER invoices_follow_{when.partition(" ")[0].lower()} AFTER {when} ON invoices
        WHEN NEW.number IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM invoices AS before WHERE before.network_id = NEW.network_id AND before.number =
                rtrim(NEW.number, '0123456789') || printf(
                    '%06d', CAST(substr(NEW.number, length(rtrim(NEW.number, '0123456789')) + 1) AS INTEGER) - 1
                )
        ) AND NOT EXISTS (
            SELECT 1 FROM invoice_series AS known WHERE known.network_id = NEW.network_id
                AND known.series = substr(NEW.number, 1, length(rtrim(NEW.number, '0123456789')) - 1)
                AND known.first = CAST(substr(NEW.number, length(rtrim(NEW.number, '0123456789')) + 1) AS INTEGER)
        )
        BEGIN SELECT RAISE(ABORT, 'invoice_series_whole'); END
        """
        for when in ("INSERT", "UPDATE OF number")
    ),
    """
    CREATE TRIGGER invoice_series_back BEFORE UPDATE ON invoice_series
    WHEN NEW.last < OLD.last OR (NEW.first <> OLD.first AND OLD.last >= OLD.first)
        OR NEW.series <> OLD.series OR NEW.network_id <> OLD.network_id
    BEGIN SELECT RAISE(ABORT, 'invoice_series_whole'); END
    """,
    """
    CREATE TRIGGER invoice_series_gone BEFORE DELETE ON invoice_series WHEN OLD.last >= OLD.first
    BEGIN SELECT RAISE(ABORT, 'invoice_series_whole'); END
    """,
)

POSTGRESQL = (
    """
    CREATE FUNCTION refuse_as() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END $$
    """,
    f"""
    CREATE TRIGGER invoices_final_update BEFORE UPDATE OF {KEPT} ON invoices FOR EACH ROW
    WHEN (OLD.number IS NOT NULL) EXECUTE FUNCTION refuse_as('invoices_final')
    """,
    """
    CREATE TRIGGER invoices_final_delete BEFORE DELETE ON invoices FOR EACH ROW
    WHEN (OLD.number IS NOT NULL) EXECUTE FUNCTION refuse_as('invoices_final')
    """,
    """
    CREATE FUNCTION parts_are_final() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM invoices WHERE id = OLD.invoice_id AND number IS NOT NULL) THEN
            RAISE EXCEPTION 'invoices_final' USING ERRCODE = 'check_violation';
        END IF;
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END $$
    """,
    # Of many rows at once, such as a month's COPY, the whole is looked at once.
    """
    CREATE FUNCTION parts_are_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT 1 FROM added JOIN ledger_postings AS kept
            ON kept.network_id = added.network_id AND kept.entry = 'inv:' || added.invoice_id
        ) THEN RAISE EXCEPTION 'invoices_final' USING ERRCODE = 'check_violation'; END IF;
        RETURN NULL;
    END $$
    """,
    *(
        f"""
        CREATE TRIGGER {table}_final BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION parts_are_final()
        """
        for table in PARTS
    ),
    *(
        f"""
        CREATE TRIGGER {table}_final_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION parts_are_in_time()
        """
        for table in ADDED_TO
    ),
    """
    CREATE FUNCTION number_before(number varchar) RETURNS varchar LANGUAGE sql IMMUTABLE AS $$
        SELECT rtrim(number, '0123456789') || CASE
            WHEN counted <= 1000000 THEN lpad((counted - 1)::varchar, 6, '0') ELSE (counted - 1)::varchar END
        FROM (SELECT substr(number, length(rtrim(number, '0123456789')) + 1)::bigint AS counted) AS it
    $$
    """,
    """
    CREATE FUNCTION begins_series(network varchar, number varchar) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT EXISTS (
            SELECT 1 FROM invoice_series AS known WHERE known.network_id = network
            AND known.series = rtrim(rtrim(number, '0123456789'), '-')
            AND known.first = substr(number, length(rtrim(number, '0123456789')) + 1)::bigint
        )
    $$
    """,
    """
    CREATE FUNCTION invoices_follow_many() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT 1 FROM added LEFT JOIN invoices AS before
            ON before.network_id = added.network_id AND before.number = number_before(added.number)
            WHERE added.number IS NOT NULL AND before.id IS NULL AND NOT begins_series(added.network_id, added.number)
        ) THEN RAISE EXCEPTION 'invoice_series_whole' USING ERRCODE = 'check_violation'; END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION invoices_follow_one() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT begins_series(NEW.network_id, NEW.number) AND NOT EXISTS (
            SELECT 1 FROM invoices AS before
            WHERE before.network_id = NEW.network_id AND before.number = number_before(NEW.number)
        ) THEN RAISE EXCEPTION 'invoice_series_whole' USING ERRCODE = 'check_violation'; END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER invoices_follow_insert AFTER INSERT ON invoices REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_follow_many()
    """,
    """
    CREATE TRIGGER invoices_follow_update AFTER UPDATE OF number ON invoices FOR EACH ROW
    WHEN (NEW.number IS NOT NULL) EXECUTE FUNCTION invoices_follow_one()
    """,
    """
    CREATE TRIGGER invoice_series_back BEFORE UPDATE ON invoice_series FOR EACH ROW
    WHEN (NEW.last < OLD.last OR (NEW.first <> OLD.first AND OLD.last >= OLD.first)
        OR NEW.series <> OLD.series OR NEW.network_id <> OLD.network_id)
    EXECUTE FUNCTION refuse_as('invoice_series_whole')
    """,
    """
    CREATE TRIGGER invoice_series_gone BEFORE DELETE ON invoice_series FOR EACH ROW WHEN (OLD.last >= OLD.first)
    EXECUTE FUNCTION refuse_as('invoice_series_whole')
    """,
)
TRIGGERS = {
    "invoices": ("invoices_final_update", "invoices_final_delete", "invoices_follow_insert", "invoices_follow_update"),
    "invoice_series": ("invoice_series_back", "invoice_series_gone"),
}
FUNCTIONS = (
    "invoices_follow_one", "invoices_follow_many", "begins_series", "number_before", "parts_are_in_time",
    "parts_are_final", "refuse_as",
)  # fmt: skip


def upgrade() -> None:
    with op.batch_alter_table("invoice_series") as batch_op:
        batch_op.add_column(sa.Column("first", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("last_number", sa.String(length=60), nullable=True))
    printed = PRINTED.replace("{n} <", "last <").format(n="CAST(last AS VARCHAR)")
    op.execute(f"UPDATE invoice_series SET last_number = {printed} WHERE last > 0")
    with op.batch_alter_table("invoice_series") as batch_op:
        batch_op.create_check_constraint("last_is_printed", LAST_IS_PRINTED)
        batch_op.create_foreign_key(
            "fk_invoice_series_network_id_last_number", "invoices", ["network_id", "last_number"], ["network_id", "number"],
            deferrable=True, initially="DEFERRED",
        )  # fmt: skip
    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.execute(statement)


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    parts = ("final",) if postgresql else ("final_update", "final_delete")
    names = {
        **TRIGGERS,
        **{one: [f"{one}_{part}" for part in (*parts, *(["final_insert"] if one in ADDED_TO else []))] for one in PARTS},
    }
    for table, mine in names.items():
        for name in mine:
            op.execute(f"DROP TRIGGER {name} ON {table}" if postgresql else f"DROP TRIGGER {name}")
    for name in FUNCTIONS if postgresql else ():
        op.execute(f"DROP FUNCTION {name}")
    with op.batch_alter_table("invoice_series") as batch_op:
        batch_op.drop_constraint("fk_invoice_series_network_id_last_number", type_="foreignkey")
        batch_op.drop_constraint("last_is_printed", type_="check")
        batch_op.drop_column("last_number")
        batch_op.drop_column("first")
