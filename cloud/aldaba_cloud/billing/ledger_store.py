"""The SQL of the ledger: double entry, written from the documents in the same transaction.

Accounts are those of the Spanish plan (PGC): 430 customers, 477 tax collected,
572 bank, 570 cash, 560 deposits received; sales go to the account each line
carries. Debits are positive, credits negative, so an entry sums to nothing.
"""

from datetime import date
from typing import Any, Final

from sqlalchemy import (
    Column,
    Date,
    Integer,
    PrimaryKeyConstraint,
    Select,
    String,
    and_,
    func,
    insert,
    literal,
    select,
)

from aldaba_cloud.billing.models import Posting
from aldaba_cloud.billing.store import invoice_lines, invoice_taxes, invoices
from aldaba_cloud.db import Work, scoped_table
from aldaba_shared.ids import SiteId

CUSTOMERS: Final = "430"
TAX: Final = "477"
BANK: Final = "572"
CASH: Final = "570"
DEPOSITS: Final = "560"

ledger_postings = scoped_table(
    "ledger_postings",
    Column("entry", String(60), nullable=False),
    Column("account", String(12), nullable=False),
    Column("made_on", Date, nullable=False),
    Column("party_id", String(40), nullable=False),
    Column("cents", Integer, nullable=False),
    PrimaryKeyConstraint("network_id", "entry", "account"),
)


def post_run(work: Work, run: str) -> None:
    """Write the entries of every invoice of a run."""
    _post_invoices(work, invoices.c.run_id == run)


def post_invoice(work: Work, invoice: str) -> None:
    """Write the entry of one final invoice or credit note."""
    _post_invoices(work, invoices.c.id == invoice)


def post(work: Work, site: SiteId, entry: str, sides: dict[str, int], *, on: date, party: str) -> None:
    """Write an entry: cents by account, debits positive; the sides sum to nothing."""
    rows = [
        {"entry": entry, "account": account, "made_on": on, "party_id": party, "cents": cents} | work.stamp(site)
        for account, cents in sides.items()
    ]
    work.db.execute(insert(ledger_postings), rows)


def postings(work: Work, first: date, last: date, site: SiteId | None = None) -> list[Posting]:
    """The postings of some days, in the order of the journal."""
    table = ledger_postings
    found = select(table).where(table.c.made_on.between(first, last), work.visible(table))
    if site is not None:
        found = found.where(table.c.site_id == site)
    rows = work.db.execute(found.order_by(table.c.made_on, table.c.entry, table.c.cents.desc(), table.c.account))
    return [Posting(row.entry, row.account, row.made_on, row.party_id, row.cents) for row in rows]


def unbalanced_entries(work: Work) -> list[str]:
    """Entries whose sides do not sum to nothing."""
    table = ledger_postings
    entries = select(table.c.entry).where(work.visible(table)).group_by(table.c.entry)
    uneven = entries.having(func.sum(table.c.cents) != 0).order_by(table.c.entry)
    return list(work.db.execute(uneven).scalars())


def balance(work: Work, account: str) -> int:
    """What stands on an account."""
    table = ledger_postings
    found = select(func.coalesce(func.sum(table.c.cents), 0)).where(table.c.account == account, work.visible(table))
    return int(work.db.execute(found).scalar_one())


def uneven_invoices(work: Work) -> list[str]:
    """Final invoices whose lines, tax and totals do not say the same."""
    lines = _sums(work, invoice_lines, invoice_lines.c.cents)
    nets = _sums(work, invoice_taxes, invoice_taxes.c.net_cents)
    taxes = _sums(work, invoice_taxes, invoice_taxes.c.tax_cents)
    even = and_(
        func.coalesce(lines.c.sum, 0) == invoices.c.net_cents,
        func.coalesce(nets.c.sum, 0) == invoices.c.net_cents,
        func.coalesce(taxes.c.sum, 0) == invoices.c.tax_cents,
        invoices.c.net_cents + invoices.c.tax_cents == invoices.c.total_cents,
    )
    joined = (
        invoices.outerjoin(lines, lines.c.invoice_id == invoices.c.id)
        .outerjoin(nets, nets.c.invoice_id == invoices.c.id)
        .outerjoin(taxes, taxes.c.invoice_id == invoices.c.id)
    )
    found = select(invoices.c.number).select_from(joined)
    wrong = found.where(invoices.c.number.is_not(None), work.visible(invoices), ~even)
    return list(work.db.execute(wrong.order_by(invoices.c.number)).scalars())


def sum_of_invoices(work: Work) -> tuple[int, int]:
    """Of all final documents: the tax, and what is still owed."""
    found = select(
        func.coalesce(func.sum(invoices.c.tax_cents), 0),
        func.coalesce(func.sum(invoices.c.total_cents - invoices.c.paid_cents), 0),
    ).where(invoices.c.number.is_not(None), work.visible(invoices))
    tax, owed = work.db.execute(found).one()
    return int(tax), int(owed)


def _sums(work: Work, table: Any, column: Any) -> Any:  # noqa: ANN401 -- SQLAlchemy's own kinds
    found = select(table.c.invoice_id, func.sum(column).label("sum")).where(work.visible(table))
    return found.group_by(table.c.invoice_id).subquery()


def _post_invoices(work: Work, which: Any) -> None:  # noqa: ANN401 -- SQLAlchemy's own condition
    """Customer against sales and tax, straight from the documents."""
    head = (invoices.c.network_id, invoices.c.site_id, literal("inv:").concat(invoices.c.id))
    tail = (invoices.c.issued_on, invoices.c.party_id)
    mine = which & invoices.c.number.is_not(None) & work.writable(invoices)
    _insert(work, select(*head, literal(CUSTOMERS), *tail, invoices.c.total_cents).where(mine))
    taxed = mine & (invoices.c.tax_cents != 0)
    _insert(work, select(*head, literal(TAX), *tail, -invoices.c.tax_cents).where(taxed))
    joined = invoice_lines.join(invoices, invoices.c.id == invoice_lines.c.invoice_id)
    sales = select(*head, invoice_lines.c.account, *tail, -func.sum(invoice_lines.c.cents)).select_from(joined)
    grouped = (invoices.c.network_id, invoices.c.site_id, invoices.c.id, *tail, invoice_lines.c.account)
    _insert(work, sales.where(mine).group_by(*grouped))


def _insert(work: Work, found: Select[Any]) -> None:
    columns = ["network_id", "site_id", "entry", "account", "made_on", "party_id", "cents"]
    work.db.execute(insert(ledger_postings).from_select(columns, found))
