"""Visitors: a pass is issued for somebody who comes to see a member, shown as a QR code, and taken back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field, NaiveDatetime

from aldaba_cloud.access import passes
from aldaba_cloud.access import store as access
from aldaba_cloud.access.models import VisitorPass
from aldaba_cloud.access.passes import MOST_USES, PassUnusable, PassWanted
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CloudDep, CurrentOperator
from aldaba_cloud.members import store as members
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.problems import told
from aldaba_cloud.pages.reading import site_of, site_wanted
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Place, Site
from aldaba_shared.ids import HolderId, ZoneId

router = APIRouter(prefix="/passes", include_in_schema=False)

USUAL: Final = timedelta(hours=4)


class PassForm(BaseModel):
    """What stands in the form; times are the site's wall clock."""

    site: str
    visitor: str = Field(min_length=1, max_length=80)
    host: str
    zone: str
    begins: NaiveDatetime
    ends: NaiveDatetime
    uses: int = Field(2, ge=1, le=MOST_USES)


@dataclass(frozen=True, slots=True)
class PassLine:
    """A pass in the list, and whether it opens anything now, later or no more."""

    issued: VisitorPass
    host: str
    doors: tuple[str, ...]
    state: str


@router.get("")
def list_passes(caller: CurrentOperator, page: PageDep, site: str = "") -> Response:
    """The passes that have not ended, and the form for the next."""
    return _list(caller.work, page, site_wanted(caller.work, site))


@router.post("")
def issue(sent: Annotated[PassForm, Form()], caller: CurrentOperator, cloud: CloudDep, page: PageDep) -> Response:
    """Issue a pass; this answer is the only place where the visitor's link is shown."""
    site = site_wanted(caller.work, sent.site)
    zone = ZoneInfo(site.time_zone)
    wanted = PassWanted(
        HolderId(sent.host),
        sent.visitor,
        sent.begins.replace(tzinfo=zone),
        sent.ends.replace(tzinfo=zone),
        sent.uses,
        zone=ZoneId(sent.zone),
    )
    try:
        made = passes.issue_pass(caller.work, wanted, cloud.keyring)
    except PassUnusable as error:
        return _list(caller.work, page, site, sent=sent, wrong=told(page, error))
    link = f"{cloud.config.base_url}/api/v1/passes/shared/{made.link}"
    return _one(caller.work, page, made.issued, link=link)


@router.get("/{name}")
def show(name: str, caller: CurrentOperator, page: PageDep) -> Response:
    """One pass with its QR code."""
    return _one(caller.work, page, passes.find_pass(caller.work, name))


@router.post("/{name}/cancel")
def cancel(name: str, caller: CurrentOperator, cloud: CloudDep) -> Response:
    """Take a pass back."""
    passes.cancel_pass(caller.work, name, cloud.keyring)
    return RedirectResponse(f"/passes/{name}", HTTPStatus.SEE_OTHER)


def _list(work: Work, page: Page, site: Site, *, sent: PassForm | None = None, wrong: str = "") -> Response:
    place = places.load_place(work, site)
    known = [one for one in access.list_passes(work) if one.site == site.id]
    hosts = members.list_holders(work)
    names = {one.id: one.name for one in hosts}
    zone = ZoneInfo(site.time_zone)
    now = work.now.astimezone(zone)
    return page.show(
        "passes.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
        lines=[_line(work, one, place, names) for one in known],
        hosts=sorted(hosts, key=lambda one: one.name),
        zones=sorted(place.zones.values(), key=lambda one: one.name),
        site=site,
        zone=zone,
        sent=sent,
        wrong=wrong,
        most=MOST_USES,
        begins=_field(sent.begins if sent else now),
        ends=_field(sent.ends if sent else now + USUAL),
    )


def _one(work: Work, page: Page, issued: VisitorPass, *, link: str = "") -> Response:
    site = site_of(work, issued.site)
    host = members.find_holder(work, issued.host)
    line = _line(work, issued, places.load_place(work, site), {issued.host: host.name} if host else {})
    return page.show("pass.html", one=line, link=link, site=site, zone=ZoneInfo(site.time_zone))


def _line(work: Work, issued: VisitorPass, place: Place, names: Mapping[HolderId, str]) -> PassLine:
    doors = tuple(place.doors[door].name if door in place.doors else door for door in issued.doors)
    return PassLine(issued, names.get(issued.host, issued.host), doors, _state(work, issued))


def _state(work: Work, issued: VisitorPass) -> str:
    if issued.cancelled_at is not None:
        return "cancelled"
    if work.now >= issued.valid_until:
        return "over"
    return "soon" if work.now < issued.valid_from else "good"


def _field(moment: NaiveDatetime) -> str:
    """A moment as a `datetime-local` field holds it."""
    return moment.strftime("%Y-%m-%dT%H:%M")
