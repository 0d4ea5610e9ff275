"""Holders and what they carry, over the API. Numbers of cards never leave the cloud."""

from datetime import date
from typing import Self

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel

from aldaba_cloud.api.paging import PageAsked
from aldaba_cloud.deps import CurrentOperator, OneTurn, of_a_row
from aldaba_cloud.errors import Missing
from aldaba_cloud.members import service, store
from aldaba_cloud.members.models import Contract, ContractState, Holder, Standing
from aldaba_shared.ids import ContractId, HolderId

router = APIRouter(prefix="/api/v1/holders", tags=["members"], route_class=OneTurn)


contracts_router = APIRouter(prefix="/api/v1/contracts", tags=["members"], route_class=OneTurn)


class ContractOut(BaseModel):
    """A contract: who pays, and who is named on it."""

    id: str
    plan: str
    people: list[str]
    billed_to: str
    state: ContractState
    standing: Standing
    renews: bool
    starts_on: date
    paid_until: date | None
    ends_on: date | None
    site: str

    @classmethod
    def of(cls, one: Contract) -> Self:
        """What the API says of a contract."""
        return cls(
            id=one.id,
            plan=one.plan,
            people=list(one.people),
            billed_to=one.billed_to,
            state=one.state,
            standing=one.standing,
            renews=one.renews,
            starts_on=one.starts_on,
            paid_until=one.paid_until,
            ends_on=one.ends_on,
            site=one.site,
        )


@contracts_router.get("")
def list_contracts(caller: CurrentOperator, page: PageAsked, holder: str = "") -> list[ContractOut]:
    """List contracts: all, or those on which somebody is named."""
    named = [HolderId(holder)] if holder else None
    found = page.cut(store.contracts_of(caller.work, named), lambda one: (one.id,))
    return [ContractOut.of(one) for one in found]


@contracts_router.put("/{contract_id}/people/{holder_id}")
def name_person(contract_id: str, holder_id: str, caller: CurrentOperator) -> ContractOut:
    """Name somebody on a contract."""
    return ContractOut.of(service.name_person(caller.work, ContractId(contract_id), HolderId(holder_id)))


@contracts_router.delete("/{contract_id}/people/{holder_id}")
def unname_person(contract_id: str, holder_id: str, caller: CurrentOperator) -> ContractOut:
    """Take somebody off a contract."""
    return ContractOut.of(service.unname_person(caller.work, ContractId(contract_id), HolderId(holder_id)))


class HolderOut(BaseModel):
    """A holder."""

    id: str
    kind: str
    name: str
    contact: str
    essential: bool
    long_access: bool


class CredentialOut(BaseModel):
    """A credential without its number."""

    id: str
    holder: str
    kind: str
    label: str
    enabled: bool
    disabled_because: str
    issued_at: AwareDatetime
    valid_from: AwareDatetime | None
    valid_until: AwareDatetime | None


@router.get("")
def list_holders(caller: CurrentOperator, page: PageAsked) -> list[HolderOut]:
    """List everybody who may carry credentials."""
    name, holder = page.begin("", "")
    found = store.holders_after(caller.work, (str(name), HolderId(str(holder))), page.limit + 1)
    return [_out(one) for one in page.page(found, lambda one: (one.name, one.id))]


@router.get("/{holder_id}")
@of_a_row
def find_holder(holder_id: str, caller: CurrentOperator) -> HolderOut:
    """Show one holder."""
    found = store.find_holder(caller.work, HolderId(holder_id))
    if found is None:
        raise Missing("holder", holder_id)
    return _out(found)


@router.get("/{holder_id}/credentials")
def list_credentials(holder_id: str, caller: CurrentOperator, page: PageAsked) -> list[CredentialOut]:
    """List what a holder carries."""
    if store.find_holder(caller.work, HolderId(holder_id)) is None:
        raise Missing("holder", holder_id)
    carried = (one for one, _ in store.credentials_of(caller.work, [HolderId(holder_id)]))
    return [
        CredentialOut(
            id=one.id,
            holder=one.holder,
            kind=one.kind,
            label=one.label,
            enabled=one.enabled,
            disabled_because=one.disabled_because,
            issued_at=one.issued_at,
            valid_from=one.valid_from,
            valid_until=one.valid_until,
        )
        for one in page.cut(carried, lambda one: (one.id,))
    ]


def _out(one: Holder) -> HolderOut:
    return HolderOut(
        id=one.id,
        kind=one.kind,
        name=one.name,
        contact=one.contact,
        essential=one.essential,
        long_access=one.long_access,
    )
