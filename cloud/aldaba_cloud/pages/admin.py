"""The admin's lists, one member with their cards, and revoking a card."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.access import service
from aldaba_cloud.access import store as access
from aldaba_cloud.deps import CloudDep, CurrentAdmin, CurrentOperator
from aldaba_cloud.errors import Missing
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import Contract, Holder
from aldaba_cloud.pages.confirming import confirmation_of
from aldaba_cloud.pages.i18n import mark
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.pages.reading import site_wanted
from aldaba_cloud.places import store as places
from aldaba_shared.ids import CredentialId, HolderId

router = APIRouter(include_in_schema=False)

KINDS = {
    "member": mark("member"),
    "staff": mark("staff"),
    "cleaner": mark("cleaner"),
    "supplier": mark("supplier"),
    "emergency_key": mark("emergency key"),
    "guest": mark("guest"),
}
STATES = {
    "draft": mark("draft"),
    "scheduled": mark("scheduled"),
    "active": mark("active"),
    "paused": mark("paused"),
    "ending": mark("ending"),
    "ended": mark("ended"),
}
STANDINGS = {
    "good": mark("paid up"),
    "grace": mark("in grace"),
    "limited": mark("limited"),
    "blocked": mark("blocked"),
}
PLACES = {
    "hot_desk": mark("hot desk"),
    "fixed": mark("fixed desk"),
    "office": mark("office"),
    "virtual": mark("virtual"),
    "day_pass": mark("day pass"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A person in the list."""

    holder: Holder
    contract: Contract | None
    plan: str


@router.get("/admin/members")
def list_members(caller: CurrentAdmin, page: PageDep, find: str = "", kind: str = "") -> Response:
    """Everybody who may carry a card; searched by name or address, narrowed by kind."""
    wanted = find.strip().casefold()
    people = [
        one
        for one in members.list_holders(caller.work)
        if (not kind or one.kind == kind) and wanted in f"{one.name} {one.contact}".casefold()
    ]
    plans = {one.id: one.name for one in members.list_plans(caller.work)}
    contracts: dict[HolderId, Contract] = {}
    for contract in members.contracts_of(caller.work, [one.id for one in people]):
        contracts |= dict.fromkeys(contract.people, contract)
    lines = [Line(one, contracts.get(one.id), _plan(contracts.get(one.id), plans)) for one in people]
    return page.show("members.html", lines=lines, find=find, kind=kind, words=_words())


@router.get("/admin/members/{holder}")
def show_member(holder: str, caller: CurrentAdmin, page: PageDep) -> Response:
    """One person: contract and cards."""
    found = members.find_holder(caller.work, HolderId(holder))
    if found is None:
        raise Missing("holder", holder)
    plans = {one.id: one.name for one in members.list_plans(caller.work)}
    contracts = members.contracts_of(caller.work, [found.id])
    cards = [one for one, _sealed in members.credentials_of(caller.work, [found.id])]
    return page.show("member.html", holder=found, contracts=contracts, plans=plans, cards=cards, words=_words())


@router.get("/credentials/{credential}")
def show_credential(credential: str, caller: CurrentOperator, page: PageDep, site: str = "") -> Response:
    """A card, whose it is, and, once it is blocked, which doors know that."""
    found = members.find_credential(caller.work, CredentialId(credential))
    if found is None:
        raise Missing("credential", credential)
    holder = members.find_holder(caller.work, found.holder)
    confirmation = None if found.enabled else confirmation_of(caller.work, site_wanted(caller.work, site).id)
    return page.show("credential.html", card=found, holder=holder, confirmation=confirmation)


@router.post("/credentials/{credential}/revoke")
def revoke(
    credential: str, caller: CurrentOperator, cloud: CloudDep, because: Annotated[str, Form(max_length=80)] = "lost"
) -> Response:
    """Block a card; its page then shows the doors confirming."""
    service.revoke_credential(caller.work, CredentialId(credential), because, cloud.keyring)
    return RedirectResponse(f"/credentials/{credential}", HTTPStatus.SEE_OTHER)


@router.get("/admin/plans")
def list_plans(caller: CurrentAdmin, page: PageDep) -> Response:
    """What is sold."""
    return page.show("plans.html", plans=members.list_plans(caller.work), words=_words())


@router.get("/admin/levels")
def list_levels(caller: CurrentAdmin, page: PageDep, site: str = "") -> Response:
    """Bundles of doors and zones with their schedules."""
    wanted = site_wanted(caller.work, site)
    levels = access.load_levels(caller.work, wanted.id)
    plans = {one.id: one.name for one in members.list_plans(caller.work)}
    sold_with = {
        level: sorted(plans.get(plan, plan) for plan, names in levels.by_plan.items() if level in names)
        for level in levels.levels
    }
    place = places.load_place(caller.work, wanted)
    return page.show("levels.html", levels=levels, sold_with=sold_with, place=place)


def _plan(contract: Contract | None, plans: dict[str, str]) -> str:
    return plans.get(contract.plan, contract.plan) if contract else ""


def _words() -> dict[str, str]:
    """Every word of the lists by its code; the codes of the four kinds never meet."""
    return {**KINDS, **STATES, **{f"standing_{code}": word for code, word in STANDINGS.items()}, **PLACES}
