"""How a door is used, as its administrator sets it: its hours, its first card, its interlock, its shadow."""

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.access import service
from aldaba_cloud.access import store as access
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CloudDep, CurrentAdmin
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import books
from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.pages.confirming import confirmation_of
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.reading import site_of
from aldaba_cloud.pages.schedules import door_hours
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door, DoorUse
from aldaba_shared.door_rules import Apart
from aldaba_shared.events import ShadowCompared, read_line
from aldaba_shared.ids import DoorId, ScheduleId
from aldaba_shared.shadow_report import ShadowReport, shadow_reports

router = APIRouter(prefix="/admin/doors", include_in_schema=False)

LOOK_BACK = timedelta(days=30)


@router.get("/{door}")
def show(door: str, caller: CurrentAdmin, page: PageDep, *, published: bool = False) -> Response:
    """The settings of one door."""
    known = door_known(caller.work, door)
    confirmation = confirmation_of(caller.work, known.site) if published else None
    return door_form(caller.work, page, known, known.use, confirmation=confirmation)


@router.post("/{door}/rehearse")
def rehearse(
    door: str,
    caller: CurrentAdmin,
    cloud: CloudDep,
    page: PageDep,
    *,
    unlock: Annotated[str, Form()] = "",
    first_card: Annotated[bool, Form()] = False,
    partner: Annotated[list[str] | None, Form()] = None,
    apart: Annotated[Apart, Form()] = Apart.KEEP,
) -> Response:
    """Say in which hours the door would stand unlocked; nothing is kept."""
    known = door_known(caller.work, door)
    use = _use(known.use, unlock, partner, apart, first_card=first_card)
    found = service.rehearse_door_use(caller.work, known.id, use, cloud.keyring)
    hours = [door_hours(caller.work, one, page) for one in found.doors]
    return door_form(caller.work, page, known, use, rehearsed=hours)


@router.post("/{door}")
def publish(
    door: str,
    caller: CurrentAdmin,
    cloud: CloudDep,
    *,
    unlock: Annotated[str, Form()] = "",
    first_card: Annotated[bool, Form()] = False,
    partner: Annotated[list[str] | None, Form()] = None,
    apart: Annotated[Apart, Form()] = Apart.KEEP,
) -> Response:
    """Keep how the door is used and publish it; the page then shows each door confirming."""
    known = door_known(caller.work, door)
    use = _use(known.use, unlock, partner, apart, first_card=first_card)
    service.set_door_use(caller.work, known.id, use, cloud.keyring)
    return RedirectResponse(f"/admin/doors/{door}?published=1", HTTPStatus.SEE_OTHER)


@router.post("/{door}/zone")
def declare(door: str, caller: CurrentAdmin, cloud: CloudDep, *, apart: Annotated[Apart, Form()]) -> Response:
    """Declare what passback does in the zone behind the door while controllers cannot hear each other."""
    service.set_zone_apart(caller.work, door_known(caller.work, door).into, apart, cloud.keyring)
    return RedirectResponse(f"/admin/doors/{door}?published=1", HTTPStatus.SEE_OTHER)


@router.post("/{door}/shadow")
def switch(door: str, caller: CurrentAdmin, *, shadow: Annotated[bool, Form()]) -> Response:
    """Take the door live, or put it back into shadow."""
    fleet.set_shadow(caller.work, door_known(caller.work, door).id, shadow=shadow)
    return RedirectResponse(f"/admin/doors/{door}", HTTPStatus.SEE_OTHER)


def _use(known: DoorUse, unlock: str, partner: list[str] | None, apart: Apart, *, first_card: bool) -> DoorUse:
    """What this form says, over what other forms said."""
    return replace(
        known,
        unlock=ScheduleId(unlock) if unlock else None,
        first_card=first_card,
        interlock_with=tuple(DoorId(one) for one in partner or ()),
        interlock_apart=apart,
    )


def door_form(work: Work, page: Page, door: Door, use: DoorUse, **more: object) -> Response:
    """The page of a door with these settings in its forms."""
    site = site_of(work, door.site)
    place = places.load_place(work, site)
    shown: dict[str, object] = {"rehearsed": None, "confirmation": None, "lacking": None}
    return page.show(
        "door_use.html",
        status=HTTPStatus.OK,
        door=door,
        use=use,
        schedules=[one for one in access.list_schedules(work) if one.site == site.id],
        others=[one for one in sorted(place.doors.values(), key=lambda one: one.name) if one.id != door.id],
        behind=place.zones[door.into],
        report=_report(work, door),
        zone=ZoneInfo(site.time_zone),
        **(shown | more),
    )


def _report(work: Work, door: Door) -> ShadowReport | None:
    """What the door compared in the last thirty days."""
    rows = books.lines_of_kind(work, door.site, "shadow_compared", since=work.now - LOOK_BACK)
    lines = (read_line(row.body).event for row in rows if row.door_id == door.id)
    return next(iter(shadow_reports(one for one in lines if isinstance(one, ShadowCompared))), None)


def door_known(work: Work, door: str) -> Door:
    """The door of this name.

    Raises:
        Missing: there is none within the caller's sight.
    """
    known = places.find_door(work, DoorId(door))
    if known is None:
        raise Missing("door", door)
    return known
