"""The SQL of issuers, invoices and their lines, and of what waits to be on the next one."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Row,
    String,
    UniqueConstraint,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from aldaba_cloud.billing.models import (
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceState,
    Issuer,
    Pending,
    TaxLine,
    WholeInvoice,
)
from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_cloud.members.terms import Address, BillTo, PayBy
from aldaba_cloud.members.terms_store import bill_to_of
from aldaba_cloud.money import TaxZone, VatKind
from aldaba_shared.ids import ContractId, SiteId

issuers = scoped_table(
    "issuers",
    Column("id", String(40), primary_key=True),
    Column("legal_name", String(200), nullable=False),
    Column("tax_id", String(40), nullable=False),
    Column("street", String(200), nullable=False),
    Column("postcode", String(20), nullable=False),
    Column("city", String(100), nullable=False),
    Column("country", String(2), nullable=False),
    Column("prefix", String(12), nullable=False),
    Column("tax_zone", String(8), nullable=False),
    Column("mail", String(254), nullable=False),
    Column("iban", String(34), nullable=False),
    Column("creditor_id", String(35), nullable=False),
    Column("live", Boolean, nullable=False),
    Column("locks_offices", Boolean, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)

invoices = scoped_table(
    "invoices",
    Column("id", String(40), primary_key=True),
    Column("kind", String(12), nullable=False),
    Column("state", String(12), nullable=False),
    Column("issuer_id", String(40), ForeignKey("issuers.id"), nullable=False),
    Column("party_id", String(40), nullable=False, index=True),
    Column("contract_id", String(40), nullable=True, index=True),
    Column("number", String(60), nullable=True),
    Column("issued_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("net_cents", Integer, nullable=False),
    Column("tax_cents", Integer, nullable=False),
    Column("total_cents", Integer, nullable=False),
    Column("paid_cents", Integer, nullable=False),
    Column("pay_by", String(16), nullable=False),
    Column("po_number", String(60), nullable=False),
    Column("corrects_id", String(40), ForeignKey("invoices.id"), nullable=True, index=True),
    Column("reason", String(200), nullable=False),
    Column("returned_on", Date, nullable=True),
    Column("live", Boolean, nullable=False),
    Column("run_id", String(40), nullable=True, index=True),
    UniqueConstraint("network_id", "number"),
    Index(None, "site_id", "issued_on"),
)

invoice_buyers = scoped_table(
    "invoice_buyers",
    Column("invoice_id", String(40), ForeignKey("invoices.id"), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("tax_id_kind", String(12), nullable=False),
    Column("tax_id", String(40), nullable=False),
    Column("street", String(200), nullable=False),
    Column("postcode", String(20), nullable=False),
    Column("city", String(100), nullable=False),
    Column("country", String(2), nullable=False),
    Column("mail", String(254), nullable=False),
    Column("locale", String(8), nullable=False),
)

invoice_lines = scoped_table(
    "invoice_lines",
    Column("invoice_id", String(40), ForeignKey("invoices.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("text", String(400), nullable=False),
    Column("rule", String(120), nullable=False),
    Column("cents", Integer, nullable=False),
    Column("vat", String(12), nullable=False),
    Column("rate", Integer, nullable=False),
    Column("account", String(12), nullable=False),
    Column("cost_centre", String(60), nullable=False),
    Column("contract_id", String(40), nullable=True),
    PrimaryKeyConstraint("invoice_id", "position"),
)

invoice_taxes = scoped_table(
    "invoice_taxes",
    Column("invoice_id", String(40), ForeignKey("invoices.id"), nullable=False),
    Column("vat", String(12), nullable=False),
    Column("rate", Integer, nullable=False),
    Column("net_cents", Integer, nullable=False),
    Column("tax_cents", Integer, nullable=False),
    PrimaryKeyConstraint("invoice_id", "vat"),
)

charged = scoped_table(
    "charged",
    Column("contract_id", String(40), nullable=False),
    Column("item", String(40), nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("invoice_id", String(40), nullable=True),
    PrimaryKeyConstraint("contract_id", "item", "first"),
)

pending_charges = scoped_table(
    "pending_charges",
    Column("key", String(120), nullable=False),
    Column("contract_id", String(40), nullable=False),
    Column("text", String(400), nullable=False),
    Column("rule", String(120), nullable=False),
    Column("cents", Integer, nullable=False),
    Column("vat", String(12), nullable=False),
    Column("account", String(12), nullable=False),
    Column("gross", Boolean, nullable=False),
    Column("cost_centre", String(60), nullable=False),
    Column("happened_on", Date, nullable=False),
    Column("invoice_id", String(40), nullable=True, index=True),
    PrimaryKeyConstraint("network_id", "key"),
)

LINE_COLUMNS = (
    "invoice_id",
    "position",
    "text",
    "rule",
    "cents",
    "vat",
    "rate",
    "account",
    "cost_centre",
    "contract_id",
)
ADDRESS = ("street", "postcode", "city", "country")


def add_issuer(work: Work, one: Issuer) -> None:
    """Say who invoices at a site from now on."""
    names = ("id", "legal_name", "tax_id", "prefix", "tax_zone", "mail", "iban", "creditor_id", "live", "locks_offices")
    row = {name: getattr(one, name) for name in names} | {name: getattr(one.address, name) for name in ADDRESS}
    work.db.execute(insert(issuers), row | {"since": work.now} | work.stamp(one.site))


def issuer_of(work: Work, site: SiteId) -> Issuer | None:
    """Who invoices at a site now."""
    mine = select(issuers).where(issuers.c.site_id == site, work.visible(issuers))
    row = work.db.execute(mine.order_by(issuers.c.since.desc(), issuers.c.id.desc()).limit(1)).first()
    return _issuer(row) if row else None


def add_draft(work: Work, whole: WholeInvoice) -> None:
    """Keep a draft with all its lines."""
    head, stamp = whole.head, work.stamp(whole.head.site)
    own = (
        "id",
        "kind",
        "state",
        "issued_on",
        "due_on",
        "net_cents",
        "tax_cents",
        "total_cents",
        "paid_cents",
        "pay_by",
    )
    rest = ("po_number", "reason", "returned_on", "live")
    row = {name: getattr(head, name) for name in (*own, *rest)}
    ids = {"issuer_id": head.issuer, "party_id": head.party, "contract_id": head.contract, "corrects_id": head.corrects}
    work.db.execute(insert(invoices), row | ids | {"number": head.number or None, "run_id": None} | stamp)
    buyer = {name: getattr(whole.buyer, name) for name in ("name", "tax_id_kind", "tax_id", "mail", "locale")}
    address = {name: getattr(whole.buyer.address, name) for name in ADDRESS}
    work.db.execute(insert(invoice_buyers), {"invoice_id": head.id} | buyer | address | stamp)
    work.db.execute(
        insert(invoice_lines), [_line_row(head.id, at, one) | stamp for at, one in enumerate(whole.lines, 1)]
    )
    taxes = [{"invoice_id": head.id} | _tax_row(one) | stamp for one in whole.taxes]
    work.db.execute(insert(invoice_taxes), taxes)


def save_head(work: Work, head: Invoice) -> bool:
    """Write what may change of an invoice: state, what was paid, when it came back; and a draft's number and dates."""
    values: dict[str, Any] = {"state": head.state, "paid_cents": head.paid_cents, "returned_on": head.returned_on}
    mine = (invoices.c.id == head.id) & work.writable(invoices)
    return work.db.execute(update(invoices).where(mine).values(values)).rowcount > 0


def give_number(work: Work, head: Invoice) -> None:
    """Make a draft final: its number, date and state, once."""
    mine = (invoices.c.id == head.id) & invoices.c.number.is_(None) & work.writable(invoices)
    values = {"number": head.number, "state": head.state, "issued_on": head.issued_on, "due_on": head.due_on}
    work.db.execute(update(invoices).where(mine).values(values))


def find_invoice(work: Work, invoice: str, *, locked: bool = False) -> Invoice | None:
    """One invoice, if the caller may see it; locked until the transaction ends if it is about to change."""
    found = select(invoices).where(invoices.c.id == invoice, work.visible(invoices))
    row = work.db.execute(found.with_for_update() if locked else found).first()
    return _invoice(row) if row else None


def find_by_number(work: Work, number: str) -> Invoice | None:
    """One invoice by its printed number."""
    row = work.db.execute(select(invoices).where(invoices.c.number == number, work.visible(invoices))).first()
    return _invoice(row) if row else None


def list_invoices(
    work: Work, *, site: SiteId | None = None, days: tuple[date, date] | None = None, after: str = "", limit: int = 100
) -> list[Invoice]:
    """Invoices by id, in pages: those after a given one. Drafts are among them."""
    found = select(invoices).where(work.visible(invoices), invoices.c.id > after).order_by(invoices.c.id).limit(limit)
    if site is not None:
        found = found.where(invoices.c.site_id == site)
    if days is not None:
        found = found.where(invoices.c.issued_on.between(*days))
    return [_invoice(row) for row in work.db.execute(found)]


def newest_invoices(work: Work, limit: int = 200) -> list[tuple[Invoice, str]]:
    """The newest invoices, each with its buyer's name."""
    joined = invoices.join(invoice_buyers, invoice_buyers.c.invoice_id == invoices.c.id)
    found = select(invoices, invoice_buyers.c.name.label("buyer")).select_from(joined).where(work.visible(invoices))
    ordered = found.order_by(invoices.c.issued_on.desc(), invoices.c.number.desc()).limit(limit)
    return [(_invoice(row), row.buyer) for row in work.db.execute(ordered)]


def open_invoices(work: Work, contract: ContractId | None = None) -> list[Invoice]:
    """Final invoices on which something is owed, of a contract or of all."""
    found = select(invoices).where(
        work.visible(invoices),
        invoices.c.number.is_not(None),
        invoices.c.kind != InvoiceKind.CREDIT_NOTE.value,
        invoices.c.state != InvoiceState.PAID.value,
    )
    if contract is not None:
        lines = select(invoice_lines.c.invoice_id).where(invoice_lines.c.contract_id == contract)
        found = found.where((invoices.c.contract_id == contract) | invoices.c.id.in_(lines))
    return [_invoice(row) for row in work.db.execute(found.order_by(invoices.c.due_on, invoices.c.id))]


def contracts_on(work: Work, invoice: str) -> list[ContractId]:
    """The contracts an invoice has lines of."""
    mine = (invoice_lines.c.invoice_id == invoice) & invoice_lines.c.contract_id.is_not(None)
    found = select(invoice_lines.c.contract_id).where(mine, work.visible(invoice_lines)).distinct()
    return [ContractId(one) for one in work.db.execute(found.order_by(invoice_lines.c.contract_id)).scalars()]


def whole_invoice(work: Work, invoice: str) -> WholeInvoice | None:
    """An invoice with its issuer, buyer, lines and taxes."""
    head = find_invoice(work, invoice)
    if head is None:
        return None
    buyer = work.db.execute(select(invoice_buyers).where(invoice_buyers.c.invoice_id == invoice)).one()
    issuer = work.db.execute(select(issuers).where(issuers.c.id == head.issuer)).one()
    lines = work.db.execute(
        select(invoice_lines).where(invoice_lines.c.invoice_id == invoice).order_by(invoice_lines.c.position)
    )
    taxes = work.db.execute(
        select(invoice_taxes).where(invoice_taxes.c.invoice_id == invoice).order_by(invoice_taxes.c.vat)
    )
    corrected = find_invoice(work, head.corrects) if head.corrects else None
    return WholeInvoice(
        head,
        _issuer(issuer),
        bill_to_of(buyer, head.party),
        tuple(_line(row) for row in lines),
        tuple(TaxLine(VatKind(row.vat), row.rate, row.net_cents, row.tax_cents) for row in taxes),
        corrected.number if corrected else "",
    )


def credited_cents(work: Work, invoice: str) -> int:
    """How much of an invoice its credit notes took back already, as a positive amount."""
    found = select(func.coalesce(func.sum(invoices.c.total_cents), 0)).where(
        invoices.c.corrects_id == invoice, work.visible(invoices)
    )
    return -int(work.db.execute(found).scalar_one())


def add_pending(work: Work, one: Pending) -> bool:
    """Note something for the next invoice; False if the same key was noted before."""
    names = ("key", "text", "rule", "cents", "vat", "account", "gross", "cost_centre", "happened_on")
    row = {name: getattr(one, name) for name in names} | {"contract_id": one.contract, "invoice_id": None}
    made = postgres_insert if work.db.dialect.name == "postgresql" else sqlite_insert
    fresh = made(pending_charges).values(row | work.stamp(one.site)).on_conflict_do_nothing()
    return work.db.execute(fresh.returning(pending_charges.c.key)).first() is not None


def find_pending(work: Work, key: str) -> Pending | None:
    """What was noted under a key."""
    row = work.db.execute(select(pending_charges).where(*_same_key(work, key))).first()
    return pending_of(row) if row else None


def note_charged(work: Work, site: SiteId, rows: Sequence[tuple[str, str, date, date, str | None]]) -> None:
    """Note what is billed: contract, thing, first and last day, invoice (None: elsewhere, before us)."""
    names = ("contract_id", "item", "first", "last", "invoice_id")
    stamp = work.stamp(site)
    if rows:
        work.db.execute(insert(charged), [dict(zip(names, row, strict=True)) | stamp for row in rows])


def billed_through(work: Work, contract: ContractId) -> date | None:
    """The last day of a contract's plan that is billed."""
    mine = (charged.c.contract_id == contract) & (charged.c.item == "plan") & work.visible(charged)
    found: date | None = work.db.execute(select(func.max(charged.c.last)).where(mine)).scalar()
    return found


def _same_key(work: Work, key: str) -> tuple[Any, Any]:
    return pending_charges.c.key == key, pending_charges.c.network_id == work.scope.network


def _line_row(invoice: str, position: int, one: InvoiceLine) -> dict[str, Any]:
    names = ("text", "rule", "cents", "vat", "rate", "account", "cost_centre")
    row = {name: getattr(one, name) for name in names}
    return row | {"invoice_id": invoice, "position": position, "contract_id": one.contract}


def _tax_row(one: TaxLine) -> dict[str, Any]:
    return {"vat": one.vat, "rate": one.rate, "net_cents": one.net_cents, "tax_cents": one.tax_cents}


def _issuer(row: Row[Any]) -> Issuer:
    return Issuer(
        id=row.id,
        site=SiteId(row.site_id),
        legal_name=row.legal_name,
        tax_id=row.tax_id,
        address=Address(row.street, row.postcode, row.city, row.country),
        prefix=row.prefix,
        tax_zone=TaxZone(row.tax_zone),
        mail=row.mail,
        iban=row.iban,
        creditor_id=row.creditor_id,
        live=row.live,
        locks_offices=row.locks_offices,
    )


def _invoice(row: Row[Any]) -> Invoice:
    return Invoice(
        id=row.id,
        kind=InvoiceKind(row.kind),
        state=InvoiceState(row.state),
        site=SiteId(row.site_id),
        issuer=row.issuer_id,
        party=row.party_id,
        number=row.number or "",
        issued_on=row.issued_on,
        due_on=row.due_on,
        net_cents=row.net_cents,
        tax_cents=row.tax_cents,
        total_cents=row.total_cents,
        pay_by=PayBy(row.pay_by),
        paid_cents=row.paid_cents,
        contract=ContractId(row.contract_id) if row.contract_id else None,
        corrects=row.corrects_id,
        reason=row.reason,
        po_number=row.po_number,
        returned_on=row.returned_on,
        live=row.live,
    )


def _line(row: Row[Any]) -> InvoiceLine:
    return InvoiceLine(
        text=row.text,
        rule=row.rule,
        cents=row.cents,
        vat=VatKind(row.vat),
        rate=row.rate,
        account=row.account,
        cost_centre=row.cost_centre,
        contract=ContractId(row.contract_id) if row.contract_id else None,
    )


def pending_of(row: Row[Any]) -> Pending:
    """Read a pending charge from its row."""
    return Pending(
        key=row.key,
        contract=ContractId(row.contract_id),
        text=row.text,
        rule=row.rule,
        cents=row.cents,
        happened_on=row.happened_on,
        vat=VatKind(row.vat),
        account=row.account,
        gross=row.gross,
        cost_centre=row.cost_centre,
        site=SiteId(row.site_id),
    )


def paid_cents(work: Work) -> dict[str, int]:
    """What each final invoice says arrived for it, without what credit notes were set against it."""
    paid: dict[str, int] = defaultdict(int)
    found = select(invoices.c.id, invoices.c.corrects_id, invoices.c.paid_cents)
    for row in work.db.execute(found.where(invoices.c.number.is_not(None), work.visible(invoices))):
        paid[row.corrects_id or row.id] += row.paid_cents
    return paid


def all_numbers(work: Work) -> list[str]:
    """Every number that was given."""
    found = select(invoices.c.number).where(invoices.c.number.is_not(None), work.visible(invoices))
    return list(work.db.execute(found).scalars())


def buyers_of(work: Work, wanted: Sequence[str]) -> dict[str, BillTo]:
    """The buyers as these invoices name them, by invoice."""
    joined = invoice_buyers.join(invoices, invoices.c.id == invoice_buyers.c.invoice_id)
    found = select(invoice_buyers, invoices.c.party_id).select_from(joined).where(work.visible(invoice_buyers))
    asked = set(wanted)
    return {row.invoice_id: bill_to_of(row, row.party_id) for row in work.db.execute(found) if row.invoice_id in asked}


def set_collecting(work: Work, wanted: Sequence[str]) -> None:
    """Note that these invoices are on their way."""
    values = [{"b_id": one} for one in wanted]
    mine = (invoices.c.id == bindparam("b_id")) & work.writable(invoices)
    work.db.execute(update(invoices).where(mine).values(state=InvoiceState.COLLECTING), values)


def contracts_by_invoice(work: Work) -> dict[str, set[ContractId]]:
    """The contracts on each invoice that is not paid."""
    joined = invoice_lines.join(invoices, invoices.c.id == invoice_lines.c.invoice_id)
    found = select(invoice_lines.c.invoice_id, invoice_lines.c.contract_id).select_from(joined).distinct()
    unpaid = (invoices.c.state != InvoiceState.PAID.value) & invoice_lines.c.contract_id.is_not(None)
    on: dict[str, set[ContractId]] = defaultdict(set)
    for invoice, contract in work.db.execute(found.where(unpaid, work.visible(invoices))):
        on[invoice].add(ContractId(contract))
    return on


def all_billed_through(work: Work) -> dict[ContractId, date]:
    """The last day of each contract's plan that is billed."""
    mine = (charged.c.item == "plan") & work.visible(charged)
    found = select(charged.c.contract_id, func.max(charged.c.last).label("last")).where(mine)
    return {ContractId(row.contract_id): row.last for row in work.db.execute(found.group_by(charged.c.contract_id))}
