"""Doors: releasing one, locking down and lifting, alarms seen to."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.db import Work
from aldaba_cloud.deps import CurrentOperator
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import alarms as alarm_books
from aldaba_cloud.fleet import books, service
from aldaba_cloud.pages import words
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.pages.reading import alarms_by_door, event_cards, read_board, site_of, site_wanted
from aldaba_cloud.places import store as places
from aldaba_shared.decide import DoorMode
from aldaba_shared.ids import DoorId, ZoneId

router = APIRouter(include_in_schema=False)

LOOKED_AT: Final = 400
SHOWN_LINES: Final = 20

Minutes = Annotated[int, Form(ge=0, le=7 * 24 * 60)]
"""For how long a mode holds; 0: until somebody says otherwise."""


def _until(work: Work, minutes: int) -> datetime | None:
    return work.now + timedelta(minutes=minutes) if minutes else None


@router.get("/doors")
def list_doors(caller: CurrentOperator, page: PageDep, site: str = "") -> Response:
    """The door wall, with lockdown for the whole site."""
    wanted = site_wanted(caller.work, site)
    board = read_board(caller.work, wanted, page)
    locked = any(door.mode == DoorMode.LOCKED_DOWN for door in board.doors)
    place = places.load_place(caller.work, wanted)
    return page.show(
        "doors.html",
        board=board,
        locked=locked,
        zones=sorted(place.zones.values(), key=lambda one: one.name),
        unconfirmed=[place.doors[one].name for one in service.unconfirmed(caller.work, wanted.id)],
        zone=ZoneInfo(wanted.time_zone),
    )


@router.post("/doors/mode")
def set_all(
    caller: CurrentOperator,
    *,
    site: Annotated[str, Form()],
    mode: Annotated[DoorMode, Form()],
    zone: Annotated[str, Form()] = "",
    minutes: Minutes = 0,
) -> Response:
    """Lock down, evacuate or unlock a whole site or one zone, for a while or until it is lifted."""
    wanted, until = site_wanted(caller.work, site), _until(caller.work, minutes)
    if zone:
        service.set_zone_mode(caller.work, ZoneId(zone), mode, until)
    else:
        service.set_site_mode(caller.work, wanted.id, mode, until)
    return RedirectResponse("/doors", HTTPStatus.SEE_OTHER)


@router.get("/doors/{door}")
def show_door(door: str, caller: CurrentOperator, page: PageDep, *, sent: bool = False) -> Response:
    """One door: what it does, its alarms, its last lines, and what an operator may tell it."""
    found = places.find_door(caller.work, DoorId(door))
    if found is None:
        raise Missing("door", door)
    site = site_of(caller.work, found.site)
    board = read_board(caller.work, site, page)
    place = places.load_place(caller.work, site)
    rows = [row for row in books.recent_events(caller.work, site.id, limit=LOOKED_AT) if row.door_id == found.id]
    alarms = alarms_by_door(alarm_books.recent(caller.work), place).get(found.id, [])
    return page.show(
        "door.html",
        card=next(one for one in board.doors if one.id == found.id),
        alarms=[(one, page.text(words.ALARMS.get(one.kind, words.OTHER_ALARM))) for one in alarms],
        events=list(event_cards(caller.work, place, rows, page))[:SHOWN_LINES],
        sent=sent,
        unconfirmed=found.id in service.unconfirmed(caller.work, site.id),
        zone=ZoneInfo(site.time_zone),
    )


@router.post("/doors/{door}/release")
def release(door: str, caller: CurrentOperator) -> Response:
    """Release a door that is within reach."""
    service.release(caller.work, DoorId(door))
    return RedirectResponse(f"/doors/{door}?sent=1", HTTPStatus.SEE_OTHER)


@router.post("/doors/{door}/mode")
def set_mode(
    door: str, caller: CurrentOperator, *, mode: Annotated[DoorMode, Form()], minutes: Minutes = 0
) -> Response:
    """Lock a door down, unlock it or evacuate through it, for a while or until it is lifted."""
    service.set_mode(caller.work, DoorId(door), mode, _until(caller.work, minutes))
    return RedirectResponse(f"/doors/{door}", HTTPStatus.SEE_OTHER)


@router.post("/doors/{door}/alarms/{alarm}")
def see_to(door: str, alarm: int, caller: CurrentOperator) -> Response:
    """Note that somebody saw to an alarm."""
    service.acknowledge(caller.work, alarm)
    return RedirectResponse(f"/doors/{door}", HTTPStatus.SEE_OTHER)
