"""A round of cards: choose members, tap card after card at one door, each is given to the next."""

from http import HTTPStatus
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.access import rounds
from aldaba_cloud.access.round_store import CardRound
from aldaba_cloud.auth.models import Role
from aldaba_cloud.db import Work
from aldaba_cloud.deps import Cloud, CloudDep, CurrentOperator
from aldaba_cloud.members import store as members
from aldaba_cloud.pages.cards import card_label
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.reading import site_of, site_wanted
from aldaba_cloud.pages.stream import message, watching
from aldaba_cloud.places import store as places
from aldaba_shared.ids import DoorId, HolderId

router = APIRouter(prefix="/card-rounds", include_in_schema=False)


@router.get("")
def ask(caller: CurrentOperator, page: PageDep, site: str = "") -> Response:
    """Who is to get cards, and at which door they are tapped."""
    return _form(caller.work, page, site)


@router.post("")
def begin(
    caller: CurrentOperator,
    page: PageDep,
    *,
    door: Annotated[str, Form()],
    holder: Annotated[list[str] | None, Form()] = None,
    names: Annotated[str, Form(max_length=50_000)] = "",
) -> Response:
    """Begin, with whom was ticked and whom the pasted list names."""
    try:
        pasted = rounds.named(caller.work, names)
    except rounds.NobodyOf as error:
        return _form(caller.work, page, "", names=names, wrong=error.lines)
    made = rounds.begin(caller.work, DoorId(door), [*(HolderId(one) for one in holder or ()), *pasted])
    return RedirectResponse(f"/card-rounds/{made.id}", HTTPStatus.SEE_OTHER)


@router.get("/{name}")
def show(name: str, caller: CurrentOperator, cloud: CloudDep, page: PageDep) -> Response:
    """How far it is, and who is next."""
    one = rounds.find_round(caller.work, name)
    return page.show("card_round.html", **_drawn(caller.work, cloud, one))


@router.get("/{name}/live")
def live(name: str, request: Request, caller: CurrentOperator, cloud: CloudDep, page: PageDep) -> Response:
    """The same again, whenever it has changed; a card that waits asks by itself to be given."""
    sent = [""]

    def draw(work: Work) -> str:
        drawn = page.draw("_card_round.html", **_drawn(work, cloud, rounds.find_round(work, name)))
        if drawn == sent[0]:
            return ""
        sent[0] = drawn
        return message("round", drawn)

    return watching(request, cloud, rounds.find_round(caller.work, name).site, Role.OPERATOR, draw)


@router.post("/{name}/take")
def take(name: str, caller: CurrentOperator, cloud: CloudDep, page: PageDep) -> Response:
    """Give the card that waits to the next."""
    rounds.take(caller.work, name, card_label(page, caller.work), cloud.keyring)
    return _back(name)


@router.post("/{name}/undo")
def undo(name: str, caller: CurrentOperator, cloud: CloudDep) -> Response:
    """Take the last card back."""
    rounds.undo(caller.work, name, cloud.keyring)
    return _back(name)


@router.post("/{name}/end")
def end(name: str, caller: CurrentOperator) -> Response:
    """Stop before everybody has one."""
    rounds.end(caller.work, name)
    return _back(name)


def _back(name: str) -> Response:
    return RedirectResponse(f"/card-rounds/{name}", HTTPStatus.SEE_OTHER)


def _form(work: Work, page: Page, site: str, *, names: str = "", wrong: tuple[str, ...] = ()) -> Response:
    wanted = site_wanted(work, site)
    doors = places.load_place(work, wanted).doors
    return page.show(
        "card_rounds.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
        open=[(one, doors[one.door].name) for one in rounds.unfinished(work, wanted.id) if one.door in doors],
        doors=sorted(doors.values(), key=lambda one: one.name),
        people=sorted(members.list_holders(work), key=lambda one: one.name),
        names=names,
        wrong=wrong,
        zone=ZoneInfo(wanted.time_zone),
    )


def _drawn(work: Work, cloud: Cloud, one: CardRound) -> dict[str, Any]:
    holders = members.holders_by_id(work, one.holders)
    door = places.find_door(work, one.door)
    return {
        "round": one,
        "door": door.name if door else one.door,
        "people": [holders[holder].name if holder in holders else holder for holder in one.holders],
        "waits": rounds.waiting(work, one, cloud.keyring),
        "zone": ZoneInfo(site_of(work, one.site).time_zone),
    }
