"""The SQL of companies, plan versions, terms, spells, pauses, discounts, extras and deposits."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Row,
    String,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from aldaba_cloud.db import Work, scoped_table
from aldaba_cloud.members.terms import (
    Address,
    BillTo,
    Company,
    CompanyId,
    Deposit,
    DepositState,
    Discount,
    Extra,
    ExtraKind,
    Pause,
    PayBy,
    PaymentTerms,
    Period,
    PlanVersion,
    QuotaKind,
    Spell,
    TaxIdKind,
)
from aldaba_cloud.money import VatKind
from aldaba_shared.ids import ContractId, SiteId

companies = scoped_table(
    "companies",
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("sector", String(60), nullable=False),
)

bill_to = scoped_table(
    "bill_to",
    Column("party_id", String(40), primary_key=True),
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

plan_versions = scoped_table(
    "plan_versions",
    Column("id", String(40), primary_key=True),
    Column("plan_id", String(40), ForeignKey("plans.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("price_cents", Integer, nullable=False),
    Column("period", String(8), nullable=False),
    Column("gross", Boolean, nullable=False),
    Column("vat", String(12), nullable=False),
    Column("account", String(12), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("levels", JSON, nullable=False),
    Column("quotas", JSON, nullable=False),
    UniqueConstraint("plan_id", "number"),
)


def _contract_column(*, primary_key: bool = False) -> Column[Any]:
    return Column(
        "contract_id",
        String(40),
        ForeignKey("contracts.id", ondelete="CASCADE"),
        nullable=False,
        primary_key=primary_key,
        index=not primary_key or None,
    )


contract_terms = scoped_table(
    "contract_terms",
    _contract_column(primary_key=True),
    Column("pay_by", String(16), nullable=False),
    Column("days", Integer, nullable=False),
    Column("notice_days", Integer, nullable=False),
    Column("commitment_until", Date, nullable=True),
    Column("anchor_day", Integer, nullable=False),
    Column("po_number", String(60), nullable=False),
    Column("cost_centre", String(60), nullable=False),
)

contract_spells = scoped_table(
    "contract_spells",
    Column("contract_id", String(40), ForeignKey("contracts.id", ondelete="CASCADE"), nullable=False),
    Column("from_on", Date, nullable=False),
    Column("version_id", String(40), ForeignKey("plan_versions.id"), nullable=False),
    PrimaryKeyConstraint("contract_id", "from_on"),
)

contract_pauses = scoped_table(
    "contract_pauses",
    Column("contract_id", String(40), ForeignKey("contracts.id", ondelete="CASCADE"), nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=True),
    Column("reason", String(200), nullable=False),
    PrimaryKeyConstraint("contract_id", "first"),
)

contract_discounts = scoped_table(
    "contract_discounts",
    Column("contract_id", String(40), ForeignKey("contracts.id", ondelete="CASCADE"), nullable=False),
    Column("reason", String(60), nullable=False),
    Column("rate", Integer, nullable=False),
    Column("amount_cents", Integer, nullable=False),
    Column("from_on", Date, nullable=False),
    Column("until", Date, nullable=True),
    PrimaryKeyConstraint("contract_id", "reason", "from_on"),
)

extras = scoped_table(
    "extras",
    Column("id", String(40), primary_key=True),
    _contract_column(),
    Column("kind", String(16), nullable=False),
    Column("what", String(100), nullable=False),
    Column("price_cents", Integer, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=True),
    Column("vat", String(12), nullable=False),
    Column("account", String(12), nullable=False),
)

deposits = scoped_table(
    "deposits",
    Column("id", String(40), primary_key=True),
    _contract_column(),
    Column("cents", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    Column("held_on", Date, nullable=True),
    Column("returned_on", Date, nullable=True),
)


def add_company(work: Work, company: Company) -> None:
    """Keep a company."""
    row = {"id": company.id, "name": company.name, "sector": company.sector}
    work.db.execute(insert(companies), row | work.stamp(company.site))


def list_companies(work: Work) -> list[Company]:
    """Every company the caller may see, by name."""
    rows = work.db.execute(select(companies).where(work.visible(companies)).order_by(companies.c.name, companies.c.id))
    return [Company(CompanyId(row.id), row.name, row.sector, SiteId(row.site_id)) for row in rows]


def save_bill_to(work: Work, wanted: Iterable[BillTo]) -> None:
    """Keep what invoices say of these parties, in place of what was known of them."""
    rows = [_bill_to_row(one) | work.stamp(one.site) for one in wanted]
    known = delete(bill_to).where(bill_to.c.party_id.in_([row["party_id"] for row in rows]), work.writable(bill_to))
    if rows:
        work.db.execute(known)
        work.db.execute(insert(bill_to), rows)


def bill_to_by_party(work: Work, parties: Iterable[str] | None = None) -> dict[str, BillTo]:
    """What invoices say, by the id of a holder or company; of all if none are named."""
    found = select(bill_to).where(work.visible(bill_to))
    if parties is not None:
        found = found.where(bill_to.c.party_id.in_(list(parties)))
    return {row.party_id: bill_to_of(row, row.party_id) for row in work.db.execute(found)}


def add_plan_version(work: Work, version: PlanVersion) -> None:
    """Keep a version of a plan; versions are never changed."""
    row = {
        "id": version.id,
        "plan_id": version.plan,
        "number": version.number,
        "price_cents": version.price_cents,
        "period": version.period,
        "gross": version.gross,
        "vat": version.vat,
        "account": version.account,
        "valid_from": version.valid_from,
        "levels": list(version.levels),
        "quotas": {kind.value: much for kind, much in version.quotas.items()},
    }
    work.db.execute(insert(plan_versions), row | work.stamp(version.site))


def plan_versions_by_id(work: Work) -> dict[str, PlanVersion]:
    """Every version of every plan the caller may see."""
    found = select(plan_versions).where(work.visible(plan_versions)).order_by(plan_versions.c.id)
    return {row.id: _plan_version(row) for row in work.db.execute(found)}


def save_terms(work: Work, contract: ContractId, terms: PaymentTerms, site: SiteId) -> None:
    """Keep the payment terms of a contract, in place of those it had."""
    mine = (contract_terms.c.contract_id == contract) & work.writable(contract_terms)
    work.db.execute(delete(contract_terms).where(mine))
    add_terms(work, {contract: terms}, site)


def add_terms(work: Work, wanted: Mapping[ContractId, PaymentTerms], site: SiteId) -> None:
    """Keep the payment terms of contracts that have none yet."""
    names = ("pay_by", "days", "notice_days", "commitment_until", "anchor_day", "po_number", "cost_centre")
    stamp = work.stamp(site)
    rows = [
        {"contract_id": contract} | {name: getattr(terms, name) for name in names} | stamp
        for contract, terms in wanted.items()
    ]
    if rows:
        work.db.execute(insert(contract_terms), rows)


def terms_of(work: Work, contract: ContractId) -> PaymentTerms:
    """The payment terms of a contract; the usual ones if nobody told any."""
    mine = (contract_terms.c.contract_id == contract) & work.visible(contract_terms)
    row = work.db.execute(select(contract_terms).where(mine)).first()
    return _terms(row) if row else PaymentTerms()


def days_by_contract(work: Work) -> dict[ContractId, int]:
    """How many days after its date an invoice of each contract is due."""
    found = select(contract_terms.c.contract_id, contract_terms.c.days).where(work.visible(contract_terms))
    return {ContractId(row.contract_id): row.days for row in work.db.execute(found)}


def add_spells(work: Work, wanted: Iterable[Spell], site: SiteId) -> None:
    """Say from which days contracts are under which versions."""
    stamp = work.stamp(site)
    rows = [{"contract_id": one.contract, "from_on": one.from_on, "version_id": one.version} | stamp for one in wanted]
    if rows:
        work.db.execute(insert(contract_spells), rows)


def spells_of(work: Work, contract: ContractId) -> list[Spell]:
    """The versions a contract was under, oldest first."""
    mine = (contract_spells.c.contract_id == contract) & work.visible(contract_spells)
    rows = work.db.execute(select(contract_spells).where(mine).order_by(contract_spells.c.from_on))
    return [Spell(ContractId(row.contract_id), row.version_id, row.from_on) for row in rows]


def levels_by_contract(work: Work, today: date) -> dict[ContractId, tuple[str, ...]]:
    """The access levels of the version under which each contract is on a local day; none where it brings none."""
    bringing = {one.id: one.levels for one in plan_versions_by_id(work).values() if one.levels}
    if not bringing:
        return {}
    ever = select(contract_spells.c.contract_id).where(contract_spells.c.version_id.in_(sorted(bringing)))
    begun = (contract_spells.c.from_on <= today) & contract_spells.c.contract_id.in_(ever)
    rows = work.db.execute(
        select(contract_spells).where(begun, work.visible(contract_spells)).order_by(contract_spells.c.from_on)
    )
    now = {ContractId(row.contract_id): row.version_id for row in rows}
    return {contract: bringing[version] for contract, version in now.items() if version in bringing}


def save_pause(work: Work, pause: Pause, site: SiteId) -> None:
    """Keep a pause; one that begins on the same day takes its place."""
    mine = (contract_pauses.c.contract_id == pause.contract) & (contract_pauses.c.first == pause.first)
    work.db.execute(delete(contract_pauses).where(mine, work.writable(contract_pauses)))
    row = {"contract_id": pause.contract, "first": pause.first, "last": pause.last, "reason": pause.reason}
    work.db.execute(insert(contract_pauses), row | work.stamp(site))


def pauses_of(work: Work, contract: ContractId) -> list[Pause]:
    """The pauses of a contract, oldest first."""
    mine = (contract_pauses.c.contract_id == contract) & work.visible(contract_pauses)
    rows = work.db.execute(select(contract_pauses).where(mine).order_by(contract_pauses.c.first))
    return [Pause(ContractId(row.contract_id), row.first, row.last, row.reason) for row in rows]


def add_discount(work: Work, one: Discount, site: SiteId) -> None:
    """Keep a discount of a contract."""
    names = ("reason", "rate", "amount_cents", "from_on", "until")
    row = {"contract_id": one.contract} | {name: getattr(one, name) for name in names}
    work.db.execute(insert(contract_discounts), row | work.stamp(site))


def add_extra(work: Work, one: Extra) -> None:
    """Keep an extra of a contract."""
    names = ("id", "kind", "what", "price_cents", "starts_on", "ends_on", "vat", "account")
    row = {"contract_id": one.contract} | {name: getattr(one, name) for name in names}
    work.db.execute(insert(extras), row | work.stamp(one.site))


def extras_of(work: Work, contract: ContractId) -> list[Extra]:
    """The extras of a contract, oldest first."""
    mine = (extras.c.contract_id == contract) & work.visible(extras)
    return [
        extra_of(row) for row in work.db.execute(select(extras).where(mine).order_by(extras.c.starts_on, extras.c.id))
    ]


def add_deposit(work: Work, one: Deposit) -> None:
    """Keep a deposit of a contract."""
    work.db.execute(
        insert(deposits), {"id": one.id, "contract_id": one.contract} | _deposit_values(one) | work.stamp(one.site)
    )


def save_deposit(work: Work, one: Deposit) -> bool:
    """Write where a deposit is; False if the caller sees no such deposit."""
    mine = (deposits.c.id == one.id) & work.writable(deposits)
    return work.db.execute(update(deposits).where(mine).values(_deposit_values(one))).rowcount > 0


def list_deposits(work: Work) -> list[Deposit]:
    """Every deposit the caller may see."""
    return [
        _deposit(row) for row in work.db.execute(select(deposits).where(work.visible(deposits)).order_by(deposits.c.id))
    ]


def _deposit_values(one: Deposit) -> dict[str, Any]:
    return {"cents": one.cents, "state": one.state, "held_on": one.held_on, "returned_on": one.returned_on}


def _bill_to_row(one: BillTo) -> dict[str, Any]:
    address = {name: getattr(one.address, name) for name in ("street", "postcode", "city", "country")}
    own = {name: getattr(one, name) for name in ("name", "tax_id_kind", "tax_id", "mail", "locale")}
    return {"party_id": one.party} | own | address


def bill_to_of(row: Row[Any], party: str) -> BillTo:
    """What invoices say of a party, from a row that has it: the party's own, or what a document keeps of it."""
    return BillTo(
        party=party,
        name=row.name,
        tax_id_kind=TaxIdKind(row.tax_id_kind),
        tax_id=row.tax_id,
        address=Address(row.street, row.postcode, row.city, row.country),
        mail=row.mail,
        locale=row.locale,
        site=SiteId(row.site_id),
    )


def _plan_version(row: Row[Any]) -> PlanVersion:
    return PlanVersion(
        id=row.id,
        plan=row.plan_id,
        number=row.number,
        price_cents=row.price_cents,
        period=Period(row.period),
        gross=row.gross,
        vat=VatKind(row.vat),
        account=row.account,
        valid_from=row.valid_from,
        levels=tuple(row.levels),
        quotas={QuotaKind(kind): much for kind, much in row.quotas.items()},
        site=SiteId(row.site_id),
    )


def _terms(row: Row[Any]) -> PaymentTerms:
    return PaymentTerms(
        pay_by=PayBy(row.pay_by),
        days=row.days,
        notice_days=row.notice_days,
        commitment_until=row.commitment_until,
        anchor_day=row.anchor_day,
        po_number=row.po_number,
        cost_centre=row.cost_centre,
    )


def extra_of(row: Row[Any]) -> Extra:
    """Read an extra from its row."""
    return Extra(
        id=row.id,
        contract=ContractId(row.contract_id),
        kind=ExtraKind(row.kind),
        what=row.what,
        price_cents=row.price_cents,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        vat=VatKind(row.vat),
        account=row.account,
        site=SiteId(row.site_id),
    )


def _deposit(row: Row[Any]) -> Deposit:
    return Deposit(
        id=row.id,
        contract=ContractId(row.contract_id),
        cents=row.cents,
        state=DepositState(row.state),
        held_on=row.held_on,
        returned_on=row.returned_on,
        site=SiteId(row.site_id),
    )
