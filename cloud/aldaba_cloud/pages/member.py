"""A member's own page: where they may go and when, their cards, and blocking a lost one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.access import service
from aldaba_cloud.db import Work
from aldaba_cloud.deps import Cloud, CloudDep, CurrentMember
from aldaba_cloud.errors import Missing
from aldaba_cloud.members import store as members
from aldaba_cloud.pages.hours import Opening, merged, opening
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.schedules import week_lines
from aldaba_cloud.places import store as places
from aldaba_shared.ids import CredentialId, HolderId
from aldaba_shared.schedule import WEEK_DAYS, Schedule

router = APIRouter(prefix="/me", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Way:
    """A door that this member may pass."""

    door: str
    opening: Opening
    week: list[tuple[str, list[str]]]
    until: datetime | None


@router.get("")
def my_access(caller: CurrentMember, cloud: CloudDep, page: PageDep, *, blocked: str = "") -> Response:
    """Doors, hours, cards."""
    carried = [one for one, _sealed in members.credentials_of(caller.work, [caller.holder])]
    cards = [one for one in carried if not one.duress]  # whoever looks over a shoulder learns of none
    return page.show(
        "me.html",
        sites=_ways(caller.work, caller.holder, cloud, page),
        cards=cards,
        blocked=next((one for one in cards if one.id == blocked), None),
        now=caller.work.now,
    )


@router.post("/cards/{card}/block")
def block(card: str, caller: CurrentMember, cloud: CloudDep) -> Response:
    """Block one of the member's own cards; nobody else's can be named."""
    mine = {one.id: one for one, _sealed in members.credentials_of(caller.work, [caller.holder])}
    found = mine.get(CredentialId(card))
    if found is None:
        raise Missing("card", card)
    if found.enabled:
        service.revoke_credential(caller.work, found.id, "lost", cloud.keyring)
    return RedirectResponse(f"/me?blocked={found.id}", HTTPStatus.SEE_OTHER)


def _ways(work: Work, holder: HolderId, cloud: Cloud, page: Page) -> list[tuple[str, ZoneInfo, list[Way]]]:
    """Each site's doors; those that open soonest first."""
    found = []
    for site_id, reach in service.reach_of(work, holder, cloud.keyring).items():
        site = places.find_site(work, site_id)
        if site is None:
            continue
        doors = places.load_place(work, site).doors
        ways = [
            Way(doors[one.door].name, opening(one.schedules, work.now), _week(one.schedules, page), one.until)
            for one in reach
        ]
        ways.sort(key=lambda way: (not way.opening.open, way.door))
        found.append((site.name, ZoneInfo(site.time_zone), ways))
    return found


def _week(schedules: Iterable[Schedule], page: Page) -> list[tuple[str, list[str]]]:
    """The week that several schedules make together."""
    known = list(schedules)
    week = tuple(merged(window for one in known for window in one.week[day]) for day in range(WEEK_DAYS))
    return week_lines(week, page)
