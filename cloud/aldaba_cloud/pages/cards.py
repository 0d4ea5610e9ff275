"""Cards nobody has, as they are tapped: given to a member with one press; and who still uses copyable ones."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.access import unknown_cards as unknown
from aldaba_cloud.access.copyable import copyable_cards
from aldaba_cloud.access.unknown_cards import Tapped, UnknownCard
from aldaba_cloud.auth.models import Role
from aldaba_cloud.db import Work
from aldaba_cloud.deps import Cloud, CloudDep, CurrentOperator
from aldaba_cloud.errors import Missing
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import Holder
from aldaba_cloud.pages import words
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.reading import site_of, site_wanted
from aldaba_cloud.pages.stream import message, watching
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Site
from aldaba_shared.ids import ControllerId, CredentialId, HolderId

router = APIRouter(prefix="/cards", include_in_schema=False)

OFFERED: Final = 12
"""People under a search; whoever is not among them types more letters."""
LABEL: Final = "%Y-%m-%d"
LINE_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Line:
    """An unknown card in the list; `probably` was let in at the same door a moment before."""

    card: UnknownCard
    door: str
    kind: str
    probably: Holder | None

    @property
    def address(self) -> str:
        """The page on which it is given."""
        tapped = self.card.tapped
        return f"/cards/tapped/{tapped.controller}/{tapped.journal}/{tapped.sequence}"


@router.get("")
def list_cards(caller: CurrentOperator, cloud: CloudDep, page: PageDep, *, site: str = "", given: str = "") -> Response:
    """The cards nobody has, newest first."""
    wanted = site_wanted(caller.work, site)
    issued = members.find_credential(caller.work, CredentialId(given)) if given else None
    return page.show(
        "cards.html",
        lines=_lines(caller.work, cloud, page, wanted),
        site=wanted,
        given=issued,
        owner=members.find_holder(caller.work, issued.holder) if issued else None,
        zone=ZoneInfo(wanted.time_zone),
    )


@router.get("/live")
def live(request: Request, caller: CurrentOperator, cloud: CloudDep, page: PageDep, site: str = "") -> Response:
    """The list again, whenever it has changed."""
    wanted = site_wanted(caller.work, site)
    sent = [""]

    def draw(work: Work) -> str:
        lines = _lines(work, cloud, page, wanted)
        drawn = page.draw("_cards.html", lines=lines, zone=ZoneInfo(wanted.time_zone))
        if drawn == sent[0]:
            return ""
        sent[0] = drawn
        return message("cards", drawn)

    return watching(request, cloud, wanted.id, Role.OPERATOR, draw)


@router.get("/copyable")
def copyable(caller: CurrentOperator, page: PageDep, site: str = "") -> Response:
    """Who still uses cards that anybody can copy."""
    wanted = site_wanted(caller.work, site)
    return page.show("cards_copyable.html", lines=copyable_cards(caller.work), zone=ZoneInfo(wanted.time_zone))


def _tapped(line: str) -> Tapped:
    """Which line an address names."""
    parts = line.split("/")
    if len(parts) != LINE_PARTS or not parts[2].isdecimal():
        raise Missing("card", line)
    return Tapped(ControllerId(parts[0]), parts[1], int(parts[2]))


@router.get("/tapped/{line:path}")
def choose(line: str, caller: CurrentOperator, cloud: CloudDep, page: PageDep, find: str = "") -> Response:
    """Whom to give one card to."""
    card = unknown.find_card(caller.work, _tapped(line), cloud.keyring)
    wanted = find.strip().casefold()
    fitting = [one for one in members.list_holders(caller.work) if wanted in f"{one.name} {one.contact}".casefold()]
    shown_line = _line(caller.work, card, page)
    people = sorted(fitting, key=lambda one: (one != shown_line.probably, one.name))
    zone = ZoneInfo(site_of(caller.work, card.site).time_zone)
    shown = people[:OFFERED]
    return page.show(
        "card_give.html", line=shown_line, people=shown, more=len(people) - len(shown), find=find, zone=zone
    )


@router.post("/tapped/{line:path}")
def give(
    line: str,
    caller: CurrentOperator,
    cloud: CloudDep,
    page: PageDep,
    *,
    holder: Annotated[str, Form()],
    label: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """Give it to a member."""
    named = label.strip() or card_label(page, caller.work)
    issued = unknown.give(caller.work, _tapped(line), HolderId(holder), named, cloud.keyring)
    return RedirectResponse(f"/cards?given={issued.id}", HTTPStatus.SEE_OTHER)


def card_label(page: Page, work: Work) -> str:
    """What a card is called that nobody named."""
    return f"{page.text(words.CARD)} {work.now:{LABEL}}"


def _lines(work: Work, cloud: Cloud, page: Page, site: Site) -> list[Line]:
    return [_line(work, card, page) for card in unknown.unknown_cards(work, site.id, cloud.keyring)]


def _line(work: Work, card: UnknownCard, page: Page) -> Line:
    door = places.find_door(work, card.door)
    if door is None:
        raise Missing("door", card.door)
    before = unknown.just_before(work, card)
    kind = page.text(words.KINDS.get(card.kind, words.CARD))
    return Line(card, door.name, kind, members.find_holder(work, before) if before else None)
