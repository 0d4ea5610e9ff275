"""The SQL of holders, plans, contracts and credentials."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Row,
    Select,
    String,
    UniqueConstraint,
    bindparam,
    delete,
    false,
    insert,
    select,
    update,
)

from aldaba_cloud.db import Scope, UtcDateTime, Work, scoped_table, visible_in
from aldaba_cloud.members.models import (
    Contract,
    ContractState,
    Holder,
    HolderKind,
    IssuedCredential,
    Plan,
    PlanKind,
    Standing,
)
from aldaba_cloud.members.terms import CompanyId
from aldaba_cloud.prepared import Prepared
from aldaba_shared.ids import ContractId, CredentialId, HolderId, SiteId
from aldaba_shared.keys import CredentialKind

holders = scoped_table(
    "holders",
    Column("id", String(40), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("name", String(200), nullable=False),
    Column("contact", String(254), nullable=False),
    Column("essential", Boolean, nullable=False),
    Column("long_access", Boolean, nullable=False),
    Column("locale", String(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

plans = scoped_table(
    "plans",
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("sticker", Boolean, nullable=False, server_default=false()),
)

contracts = scoped_table(
    "contracts",
    Column("id", String(40), primary_key=True),
    Column("plan_id", String(40), ForeignKey("plans.id"), nullable=False, index=True),
    Column("payer_id", String(40), ForeignKey("holders.id"), nullable=True),
    Column("company_id", String(40), nullable=True),
    Column("state", String(12), nullable=False),
    Column("standing", String(12), nullable=False),
    Column("renews", Boolean, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("paid_until", Date, nullable=True),
    Column("ends_on", Date, nullable=True),
    Column("returns_on", Date, nullable=True),
    Column("grace_days", Integer, nullable=False),
)

contract_people = scoped_table(
    "contract_people",
    Column("contract_id", String(40), ForeignKey("contracts.id", ondelete="CASCADE"), nullable=False),
    Column("holder_id", String(40), ForeignKey("holders.id"), nullable=False, index=True),
    PrimaryKeyConstraint("contract_id", "holder_id"),
)

credentials = scoped_table(
    "credentials",
    Column("id", String(40), primary_key=True),
    Column("holder_id", String(40), ForeignKey("holders.id"), nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    Column("label", String(80), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_because", String(40), nullable=False),
    Column("duress", Boolean, nullable=False, server_default=false()),
    Column("valid_from", UtcDateTime, nullable=True),
    Column("valid_until", UtcDateTime, nullable=True),
    Column("issued_at", UtcDateTime, nullable=False),
    UniqueConstraint("network_id", "fingerprint"),
)


def add_holders(work: Work, wanted: Iterable[Holder]) -> None:
    """Keep holders."""
    rows = [
        {
            "id": one.id,
            "kind": one.kind,
            "name": one.name,
            "contact": one.contact,
            "essential": one.essential,
            "long_access": one.long_access,
            "locale": one.locale,
            "created_at": work.now,
        }
        | work.stamp(one.site)
        for one in wanted
    ]
    if rows:
        work.db.execute(insert(holders), rows)


def add_plan(work: Work, plan: Plan) -> None:
    """Keep a plan."""
    row = {"id": plan.id, "name": plan.name, "kind": plan.kind, "sticker": plan.sticker}
    work.db.execute(insert(plans), row | work.stamp(plan.site))


def set_plan_sticker(work: Work, plan: str, *, sticker: bool) -> bool:
    """Say whether a plan comes with opening by a door's sticker; False if the caller sees no such plan."""
    mine = (plans.c.id == plan) & work.writable(plans)
    return work.db.execute(update(plans).where(mine).values(sticker=sticker)).rowcount > 0


def add_contracts(work: Work, wanted: Iterable[Contract]) -> None:
    """Keep contracts and whom they are for."""
    rows, people = [], []
    for one in wanted:
        stamp = work.stamp(one.site)
        rows.append({"id": one.id} | _contract_values(one) | stamp)
        people += [{"contract_id": one.id, "holder_id": person} | stamp for person in one.people]
    if rows:
        work.db.execute(insert(contracts), rows)
    if people:
        work.db.execute(insert(contract_people), people)


def save_contract(work: Work, contract: Contract) -> bool:
    """Write a contract's state, standing and dates; False if the caller sees no such contract."""
    mine = (contracts.c.id == contract.id) & work.writable(contracts)
    return work.db.execute(update(contracts).where(mine).values(_contract_values(contract))).rowcount > 0


def add_person(work: Work, contract: Contract, holder: HolderId) -> None:
    """Name one more person on a contract."""
    row = {"contract_id": contract.id, "holder_id": holder}
    work.db.execute(insert(contract_people), row | work.stamp(contract.site))


def remove_person(work: Work, contract: ContractId, holder: HolderId) -> None:
    """Take a name off a contract."""
    mine = (contract_people.c.contract_id == contract) & (contract_people.c.holder_id == holder)
    work.db.execute(delete(contract_people).where(mine, work.writable(contract_people)))


def move_due_dates(work: Work, wanted: Iterable[tuple[ContractId, date | None]]) -> None:
    """Set until when many contracts are paid for, in one statement."""
    rows = [{"b_id": contract, "b_until": until} for contract, until in wanted]
    mine = (contracts.c.id == bindparam("b_id")) & work.writable(contracts)
    if rows:
        work.db.execute(update(contracts).where(mine).values(paid_until=bindparam("b_until")), rows)


def find_holder(work: Work, holder: HolderId) -> Holder | None:
    """One holder, if the caller may see them."""
    rows = _holder_by_id(work.scope).rows(work.db, wanted=holder)
    return _holder(rows[0]) if rows else None


@lru_cache(maxsize=1024)
def _holder_by_id(scope: Scope) -> Prepared:
    return Prepared(select(holders).where(holders.c.id == bindparam("wanted"), visible_in(holders, scope)))


def list_holders(work: Work) -> list[Holder]:
    """Every holder the caller may see, by name."""
    rows = work.db.execute(select(holders).where(work.visible(holders)).order_by(holders.c.name, holders.c.id))
    return [_holder(row) for row in rows]


def holders_after(work: Work, last: tuple[str, HolderId], limit: int) -> list[Holder]:
    """Holders the caller may see, by name, that come after a name and id."""
    later = (holders.c.name > last[0]) | ((holders.c.name == last[0]) & (holders.c.id > last[1]))
    found = select(holders).where(work.visible(holders), later).order_by(holders.c.name, holders.c.id).limit(limit)
    return [_holder(row) for row in work.db.execute(found)]


def holders_by_id(work: Work, wanted: Iterable[HolderId] | None = None) -> dict[HolderId, Holder]:
    """Holders by id; all of them if none are named."""
    found = select(holders).where(work.visible(holders))
    if wanted is not None:
        found = found.where(holders.c.id.in_(list(wanted)))
    return {HolderId(row.id): _holder(row) for row in work.db.execute(found)}


def list_plans(work: Work) -> list[Plan]:
    """Every plan the caller may see."""
    rows = work.db.execute(select(plans).where(work.visible(plans)).order_by(plans.c.name))
    return [Plan(row.id, row.name, PlanKind(row.kind), SiteId(row.site_id), row.sticker) for row in rows]


def find_contract(work: Work, contract: ContractId) -> Contract | None:
    """One contract, if the caller may see it."""
    row = work.db.execute(select(contracts).where(contracts.c.id == contract, work.visible(contracts))).first()
    if row is None:
        return None
    people = select(contract_people.c.holder_id).where(contract_people.c.contract_id == contract)
    return _contract(row, sorted(work.db.execute(people).scalars()))


def lock_contract(work: Work, contract: ContractId) -> None:
    """Have whoever else wants a contract's quotas wait until this transaction ends; SQLite has one writer anyway."""
    work.db.execute(select(contracts.c.id).where(contracts.c.id == contract).with_for_update())


def contracts_of(work: Work, wanted: Iterable[HolderId] | None = None) -> list[Contract]:
    """The contracts in which any of these holders is one of the people; all of them if none are named."""
    found = select(contracts).where(work.visible(contracts)).order_by(contracts.c.id)
    whom = select(contract_people.c.contract_id, contract_people.c.holder_id).where(work.visible(contract_people))
    if wanted is not None:
        mine = select(contract_people.c.contract_id).where(contract_people.c.holder_id.in_(list(wanted)))
        found, whom = found.where(contracts.c.id.in_(mine)), whom.where(contract_people.c.contract_id.in_(mine))
    people: Mapping[str, list[str]] = defaultdict(list)
    for row in work.db.execute(whom):
        people[row.contract_id].append(row.holder_id)
    return [_contract(row, sorted(people.get(row.id, ()))) for row in work.db.execute(found)]


def add_credentials(work: Work, wanted: Iterable[tuple[IssuedCredential, bytes, str]]) -> None:
    """Keep credentials, each with its sealed number and the number's fingerprint."""
    rows = [
        {
            "id": one.id,
            "holder_id": one.holder,
            "kind": one.kind,
            "label": one.label,
            "sealed": sealed,
            "fingerprint": fingerprint,
            "enabled": one.enabled,
            "disabled_because": one.disabled_because,
            "duress": one.duress,
            "valid_from": one.valid_from,
            "valid_until": one.valid_until,
            "issued_at": one.issued_at,
        }
        | work.stamp(one.site)
        for one, sealed, fingerprint in wanted
    ]
    if rows:
        work.db.execute(insert(credentials), rows)


def disable_credential(work: Work, credential: CredentialId, because: str) -> bool:
    """Switch a credential off and keep why; False if the caller sees no such credential."""
    mine = (credentials.c.id == credential) & work.writable(credentials)
    off = update(credentials).where(mine).values(enabled=False, disabled_because=because)
    return work.db.execute(off).rowcount > 0


def enable_credential(work: Work, credential: CredentialId) -> bool:
    """Switch a credential on again; False if the caller sees no such credential."""
    mine = (credentials.c.id == credential) & work.writable(credentials)
    on = update(credentials).where(mine).values(enabled=True, disabled_because="")
    return work.db.execute(on).rowcount > 0


def forget_credential(work: Work, credential: CredentialId) -> bool:
    """Forget a credential as if it had never been issued: it was given to the wrong person a moment ago."""
    mine = (credentials.c.id == credential) & work.writable(credentials)
    return work.db.execute(delete(credentials).where(mine)).rowcount > 0


def ids_of_kinds(work: Work, kinds: Iterable[CredentialKind]) -> Select[Any]:
    """The query of the ids of all credentials of these kinds, for other queries to ask with."""
    return select(credentials.c.id).where(credentials.c.kind.in_(sorted(kinds)), work.visible(credentials))


def find_credential(work: Work, credential: CredentialId) -> IssuedCredential | None:
    """One credential, if the caller may see it."""
    row = work.db.execute(select(credentials).where(credentials.c.id == credential, work.visible(credentials))).first()
    return _credential(row) if row else None


def fingerprint_known(work: Work, fingerprint: str) -> bool:
    """Whether this number is enrolled anywhere in the network, wherever the caller may look."""
    inside = (credentials.c.network_id == work.scope.network) & (credentials.c.fingerprint == fingerprint)
    return work.db.execute(select(credentials.c.id).where(inside)).first() is not None


def credentials_of(work: Work, wanted: Iterable[HolderId] | None = None) -> list[tuple[IssuedCredential, bytes]]:
    """Credentials of these holders (all if none are named), each with its sealed number."""
    found = select(credentials).where(work.visible(credentials)).order_by(credentials.c.id)
    if wanted is not None:
        found = found.where(credentials.c.holder_id.in_(list(wanted)))
    return [(_credential(row), row.sealed) for row in work.db.execute(found)]


def _contract_values(one: Contract) -> dict[str, Any]:
    return {
        "plan_id": one.plan,
        "payer_id": one.payer,
        "company_id": one.company,
        "state": one.state,
        "standing": one.standing,
        "renews": one.renews,
        "starts_on": one.starts_on,
        "paid_until": one.paid_until,
        "ends_on": one.ends_on,
        "returns_on": one.returns_on,
        "grace_days": one.grace_days,
    }


def _holder(row: Row[Any]) -> Holder:
    return Holder(
        id=HolderId(row.id),
        kind=HolderKind(row.kind),
        name=row.name,
        contact=row.contact,
        site=SiteId(row.site_id),
        essential=row.essential,
        long_access=row.long_access,
        locale=row.locale,
    )


def _contract(row: Row[Any], people: Iterable[str]) -> Contract:
    return Contract(
        id=ContractId(row.id),
        plan=row.plan_id,
        people=tuple(HolderId(person) for person in people),
        starts_on=row.starts_on,
        state=ContractState(row.state),
        standing=Standing(row.standing),
        renews=row.renews,
        paid_until=row.paid_until,
        ends_on=row.ends_on,
        returns_on=row.returns_on,
        grace_days=row.grace_days,
        payer=HolderId(row.payer_id) if row.payer_id else None,
        company=CompanyId(row.company_id) if row.company_id else None,
        site=SiteId(row.site_id),
    )


def _credential(row: Row[Any]) -> IssuedCredential:
    return IssuedCredential(
        id=CredentialId(row.id),
        holder=HolderId(row.holder_id),
        kind=CredentialKind(row.kind),
        label=row.label,
        issued_at=row.issued_at,
        enabled=row.enabled,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        disabled_because=row.disabled_because,
        duress=row.duress,
        site=SiteId(row.site_id),
    )
