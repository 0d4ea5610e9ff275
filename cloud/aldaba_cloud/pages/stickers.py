"""The page behind a door's sticker: one press asks the door, and the page shows what the door said."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.access import stickers
from aldaba_cloud.access.passes import drawn
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CloudDep, CurrentAdmin, CurrentMember, MemberCaller
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet.service import DoorUnreachable
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door
from aldaba_shared.ids import DoorId
from aldaba_shared.reasons import sentence

router = APIRouter(include_in_schema=False)

LOOKS: Final = 30
"""How often a page looks for the answer, 0.7 seconds apart: the command is dead long before."""


@router.get("/d/{door}")
def show(door: str, caller: CurrentMember, cloud: CloudDep, page: PageDep, asked: str = "") -> Response:
    """This member at this door."""
    found = _door(caller.work, door)
    allowed = stickers.may_ask(caller.work, caller.holder, found, cloud.keyring)
    known = _answer(caller, page, found, asked=asked)
    return page.show("sticker.html", door=found, allowed=allowed, unreachable=asked == "unreachable", **known)


@router.post("/d/{door}")
def ask(door: str, caller: CurrentMember, cloud: CloudDep) -> Response:
    """Ask the door to let this member in."""
    try:
        command = stickers.ask(caller.work, caller.holder, DoorId(door), cloud.keyring)
    except DoorUnreachable:
        command = "unreachable"
    return RedirectResponse(f"/d/{door}?asked={command}", HTTPStatus.SEE_OTHER)


@router.get("/d/{door}/answer")
def answer(door: str, caller: CurrentMember, page: PageDep, *, asked: str, looked: int = 0) -> Response:
    """What the door said so far."""
    found = _door(caller.work, door)
    known = _answer(caller, page, found, asked=asked, looked=looked + 1)
    return page.show("_sticker_answer.html", door=found, **known)


@router.get("/admin/doors/{door}/sticker")
def sticker(door: str, caller: CurrentAdmin, cloud: CloudDep, page: PageDep) -> Response:
    """The sticker, to be printed."""
    found = _door(caller.work, door)
    return page.show("sticker_print.html", door=found, link=_link(cloud.config.base_url, found))


@router.get("/admin/doors/{door}/sticker.svg")
def sticker_code(door: str, caller: CurrentAdmin, cloud: CloudDep) -> Response:
    """The QR code alone."""
    code = drawn(_link(cloud.config.base_url, _door(caller.work, door)))
    return Response(code, media_type="image/svg+xml")


@router.post("/admin/doors/{door}/sticker")
def set_door(door: str, caller: CurrentAdmin, cloud: CloudDep, *, sticker: Annotated[bool, Form()] = False) -> Response:
    """Let members ask this door by its sticker, or no longer."""
    stickers.set_door(caller.work, DoorId(door), cloud.keyring, sticker=sticker)
    return RedirectResponse(f"/admin/doors/{door}?published=1", HTTPStatus.SEE_OTHER)


@router.post("/admin/plans/{plan}/sticker")
def set_plan(plan: str, caller: CurrentAdmin, cloud: CloudDep, *, sticker: Annotated[bool, Form()] = False) -> Response:
    """Let the members of a plan open doors by their stickers, or no longer."""
    stickers.set_plan(caller.work, plan, cloud.keyring, sticker=sticker)
    return RedirectResponse("/admin/plans", HTTPStatus.SEE_OTHER)


def _door(work: Work, door: str) -> Door:
    found = places.find_door(work, DoorId(door))
    if found is None:
        raise Missing("door", door)
    return found


def _link(base_url: str, door: Door) -> str:
    return f"{base_url}/d/{door.id}"


def _answer(caller: MemberCaller, page: Page, door: Door, *, asked: str, looked: int = 0) -> dict[str, Any]:
    """The answer in words; nothing yet, or no more."""
    command = "" if asked == "unreachable" else asked
    event = stickers.answer(caller.work, door, caller.holder, command) if command else None
    return {
        "asked": command,
        "looked": looked,
        "over": looked >= LOOKS,
        "granted": event is not None and event.decision.granted,
        "released": event is not None and event.released,
        "said": sentence(event.decision.reason, page.language) if event is not None else "",
    }
