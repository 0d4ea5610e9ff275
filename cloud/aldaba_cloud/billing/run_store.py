"""The SQL of a month's run: everything is read in a few queries and written by COPY or one statement a table."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Date, Integer, Row, String, Table, func, insert, literal, select, update

from aldaba_cloud.billing import store
from aldaba_cloud.billing.building import BILLED_STATES, Billable
from aldaba_cloud.db import UtcDateTime, Work, bulk_insert, scoped_table
from aldaba_cloud.members import store as members
from aldaba_cloud.members import terms_store as terms
from aldaba_cloud.members.terms import Discount, Extra, PlanVersion, TaxIdKind
from aldaba_cloud.pricing.models import Days
from aldaba_shared.ids import ContractId, SiteId

invoice_runs = scoped_table(
    "invoice_runs",
    Column("id", String(40), primary_key=True),
    Column("month", Date, nullable=False),
    Column("ran_at", UtcDateTime, nullable=False),
    Column("invoices", Integer, nullable=False),
    Column("total_cents", Integer, nullable=False),
)


class Account(NamedTuple):
    """Who is billed together, and how: one invoice for each in a run."""

    party: str
    pay_by: str
    days: int
    po_number: str


class Invoiced(NamedTuple):
    """A row of `invoices` that a run writes, in the order of `INVOICE_COLUMNS` after the scope."""

    id: str
    kind: str
    state: str
    issuer_id: str
    party_id: str
    contract_id: str | None
    number: str
    issued_on: date
    due_on: date
    net_cents: int
    tax_cents: int
    total_cents: int
    paid_cents: int
    pay_by: str
    po_number: str
    corrects_id: str | None
    reason: str
    returned_on: date | None
    live: bool
    run_id: str


def billables(work: Work, site: SiteId, horizon: date) -> dict[Account, list[Billable]]:
    """Every contract of a site that a run may bill, by who is billed together, in a fixed order."""
    names, first = _people(work, site)
    versions = terms.plan_versions_by_id(work)
    about = _About(work, site, horizon, versions)
    found: dict[Account, list[Billable]] = defaultdict(list)
    for row in work.db.execute(_contracts(work, site, horizon)):
        if row.id not in about.spells:
            continue
        party = row.company_id or row.payer_id or first.get(row.id, "")
        account = Account(party, row.pay_by or "transfer", row.days or 0, row.po_number or "")
        found[account].append(about.billable(row, site, names.get(row.id, "")))
    return found


class _About:
    """What belongs to contracts, by contract, read once."""

    def __init__(self, work: Work, site: SiteId, horizon: date, versions: Mapping[str, PlanVersion]) -> None:
        self.spells = _spells(work, site, versions)
        self.pauses = _grouped(work, terms.contract_pauses, site, lambda row: Days(row.first, row.last or date.max))
        self.discounts = _grouped(work, terms.contract_discounts, site, _discount)
        self.extras: dict[str, list[Extra]] = _grouped(work, terms.extras, site, terms.extra_of)
        self.pending = _grouped(
            work,
            store.pending_charges,
            site,
            store.pending_of,
            store.pending_charges.c.invoice_id.is_(None) & (store.pending_charges.c.happened_on <= horizon),
        )
        self.through = _billed_through(work, site)

    def billable(self, row: Row[Any], site: SiteId, people: str) -> Billable:
        """One contract with all that is known about it."""
        return Billable(
            contract=ContractId(row.id),
            site=site,
            plan_name=row.plan_name,
            people=people,
            starts_on=row.starts_on,
            anchor_day=row.anchor_day or 1,
            spells=self.spells[row.id],
            ends_on=row.ends_on,
            cost_centre=row.cost_centre or "",
            pauses=self.pauses.get(row.id, ()),
            discounts=self.discounts.get(row.id, ()),
            extras=self.extras.get(row.id, ()),
            pending=self.pending.get(row.id, ()),
            billed_through=self.through.get(row.id, {}),
        )


def tax_ids(work: Work) -> dict[str, bool]:
    """The parties that told what invoices are to say, and whether that has a tax number."""
    table = terms.bill_to
    found = select(table.c.party_id, table.c.tax_id_kind).where(work.visible(table))
    return {row.party_id: row.tax_id_kind != TaxIdKind.NONE.value for row in work.db.execute(found)}


def totals_by_party(work: Work, site: SiteId, first: date, last: date) -> dict[str, int]:
    """What each party was invoiced by runs at a site between two days, tax included."""
    table = store.invoices
    mine = (table.c.site_id == site) & table.c.run_id.is_not(None) & table.c.issued_on.between(first, last)
    found = select(table.c.party_id, func.sum(table.c.total_cents).label("total")).where(mine, work.visible(table))
    return {row.party_id: int(row.total) for row in work.db.execute(found.group_by(table.c.party_id))}


def write_run(
    work: Work,
    site: SiteId,
    invoices: Sequence[Invoiced],
    lines: Iterable[Sequence[Any]],
    taxes: Iterable[Sequence[Any]],
    *,
    charged: Iterable[Sequence[Any]],
) -> None:
    """Write the documents of a run; the buyers are copied from what parties told, as they told it today."""
    stamp = tuple(work.stamp(site).values())
    bulk_insert(work, store.invoices, Invoiced._fields, ((*stamp, *one) for one in invoices))
    bulk_insert(work, store.invoice_lines, store.LINE_COLUMNS, ((*stamp, *one) for one in lines))
    columns = ("invoice_id", "vat", "rate", "net_cents", "tax_cents")
    bulk_insert(work, store.invoice_taxes, columns, ((*stamp, *one) for one in taxes))
    columns = ("contract_id", "item", "first", "last", "invoice_id")
    bulk_insert(work, store.charged, columns, ((*stamp, *one) for one in charged))


def copy_buyers(work: Work, run: str) -> None:
    """Say on each invoice of a run who the buyer is: what they told, else their name."""
    told, buyers = terms.bill_to, store.invoice_buyers
    name = func.coalesce(told.c.name, members.holders.c.name, terms.companies.c.name, store.invoices.c.party_id)
    defaults = {"tax_id_kind": TaxIdKind.NONE.value, "country": "ES", "locale": "es"}
    columns = [one.name for one in buyers.c if one.name not in {"network_id", "site_id", "invoice_id", "name"}]
    rest: list[ColumnElement[Any]] = [func.coalesce(told.c[one], literal(defaults.get(one, ""))) for one in columns]
    parties = (
        store.invoices.outerjoin(told, told.c.party_id == store.invoices.c.party_id)
        .outerjoin(members.holders, members.holders.c.id == store.invoices.c.party_id)
        .outerjoin(terms.companies, terms.companies.c.id == store.invoices.c.party_id)
    )
    scope = (store.invoices.c.network_id, store.invoices.c.site_id)
    found = select(*scope, store.invoices.c.id, name, *rest).select_from(parties).where(store.invoices.c.run_id == run)
    work.db.execute(insert(buyers).from_select(["network_id", "site_id", "invoice_id", "name", *columns], found))


def note_run(work: Work, site: SiteId, run: str, month: date, invoices: Sequence[Invoiced]) -> None:
    """Keep that a run was made."""
    total = sum(one.total_cents for one in invoices)
    row = {"id": run, "month": month, "ran_at": work.now, "invoices": len(invoices), "total_cents": total}
    work.db.execute(insert(invoice_runs), row | work.stamp(site))


def take_pending(work: Work, invoice_of: Mapping[str, str]) -> None:
    """Note on which invoice each pending charge is, by its key."""
    table = store.pending_charges
    by_invoice: dict[str, list[str]] = defaultdict(list)
    for key, invoice in invoice_of.items():
        by_invoice[invoice].append(key)
    for invoice, keys in by_invoice.items():
        work.db.execute(update(table).where(table.c.key.in_(keys), work.writable(table)).values(invoice_id=invoice))


def list_runs(work: Work) -> list[Row[Any]]:
    """Every run, newest first."""
    return list(
        work.db.execute(select(invoice_runs).where(work.visible(invoice_runs)).order_by(invoice_runs.c.ran_at.desc()))
    )


def _contracts(work: Work, site: SiteId, horizon: date) -> Any:  # noqa: ANN401 -- a query of joined columns has no name
    table, plans, said = members.contracts, members.plans, terms.contract_terms
    joined = table.join(plans, plans.c.id == table.c.plan_id).outerjoin(said, said.c.contract_id == table.c.id)
    wanted = (
        table.c.id, table.c.company_id, table.c.payer_id, table.c.starts_on, table.c.ends_on,
        plans.c.name.label("plan_name"), said.c.pay_by, said.c.days, said.c.anchor_day, said.c.po_number,
        said.c.cost_centre,
    )  # fmt: skip
    states = [state.value for state in BILLED_STATES]
    mine = (table.c.site_id == site) & table.c.renews & (table.c.starts_on <= horizon) & table.c.state.in_(states)
    return select(*wanted).select_from(joined).where(mine, work.visible(table)).order_by(table.c.id)


def _people(work: Work, site: SiteId) -> tuple[dict[str, str], dict[str, str]]:
    """The names of each contract's people, and the first of its people by id."""
    table, holders = members.contract_people, members.holders
    found = (
        select(table.c.contract_id, table.c.holder_id, holders.c.name)
        .join(holders, holders.c.id == table.c.holder_id)
        .where(table.c.site_id == site, work.visible(table))
        .order_by(table.c.contract_id, table.c.holder_id)
    )
    names: dict[str, str] = {}
    first: dict[str, str] = {}
    for contract, holder, name in work.db.execute(found):
        first.setdefault(contract, holder)
        names[contract] = f"{names[contract]}, {name}" if contract in names else name
    return names, first


def _spells(work: Work, site: SiteId, versions: Mapping[str, PlanVersion]) -> dict[str, list[tuple[date, PlanVersion]]]:
    table = terms.contract_spells
    found = select(table.c.contract_id, table.c.from_on, table.c.version_id).where(table.c.site_id == site)
    spells: dict[str, list[tuple[date, PlanVersion]]] = defaultdict(list)
    for contract, from_on, version in work.db.execute(found.where(work.visible(table)).order_by(table.c.from_on)):
        spells[contract].append((from_on, versions[version]))
    return spells


def _billed_through(work: Work, site: SiteId) -> dict[str, dict[str, date]]:
    table = store.charged
    last = func.max(table.c.last).label("last")
    found = select(table.c.contract_id, table.c.item, last).where(table.c.site_id == site, work.visible(table))
    through: dict[str, dict[str, date]] = defaultdict(dict)
    for contract, item, day in work.db.execute(found.group_by(table.c.contract_id, table.c.item)):
        through[contract][item] = day
    return through


def _grouped(
    work: Work,
    table: Table,
    site: SiteId,
    made: Callable[[Row[Any]], Any],
    condition: ColumnElement[bool] | None = None,
) -> dict[str, list[Any]]:
    found = select(table).where(table.c.site_id == site, work.visible(table))
    if condition is not None:
        found = found.where(condition)
    grouped: dict[str, list[Any]] = defaultdict(list)
    for row in work.db.execute(found):
        grouped[row.contract_id].append(made(row))
    return grouped


def _discount(row: Row[Any]) -> Discount:
    return Discount(ContractId(row.contract_id), row.reason, row.rate, row.amount_cents, row.from_on, row.until)
