"""Each door's confirmation after a change, live: who follows the newest rules, and who has not said so yet."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from aldaba_cloud.access import service
from aldaba_cloud.auth.models import Role
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CloudDep, CurrentOperator
from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.reading import connected, site_of, site_wanted
from aldaba_cloud.pages.stream import message, watching
from aldaba_cloud.places import store as places
from aldaba_shared.ids import SiteId

router = APIRouter(prefix="/confirmations", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Confirming:
    """One door and whether it follows the newest rules."""

    door: str
    confirmed: bool
    connected: bool
    last_contact: datetime | None
    version: int
    grace_hours: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """All doors of a site."""

    site: SiteId
    zone: ZoneInfo
    doors: tuple[Confirming, ...]

    @property
    def done(self) -> int:
        """How many have confirmed."""
        return sum(door.confirmed for door in self.doors)


def confirmation_of(work: Work, site_id: SiteId) -> Confirmation:
    """Where each door of a site stands."""
    site = site_of(work, site_id)
    place = places.load_place(work, site)
    said = {one.controller: one for one in service.confirmations(work)}
    controllers = {one.id: one for one in fleet.list_controllers(work)}
    doors = []
    for door in sorted(place.doors.values(), key=lambda one: one.name):
        state = said.get(door.controller) if door.controller else None
        controller = controllers.get(door.controller) if door.controller else None
        if state is not None and controller is not None:
            here = connected(work, controller)
            doors.append(
                Confirming(
                    door.name, state.up_to_date, here, controller.last_contact_at, state.published[1],
                    door.offline_grace_hours,
                )
            )  # fmt: skip
    return Confirmation(site.id, ZoneInfo(site.time_zone), tuple(doors))


@router.get("/live")
def live(request: Request, caller: CurrentOperator, cloud: CloudDep, page: PageDep, site: str = "") -> Response:
    """The stream of the list."""
    wanted = site_wanted(caller.work, site)
    return watching(request, cloud, wanted.id, Role.OPERATOR, Picture(page, wanted.id).difference)


@dataclass
class Picture:
    """What one browser has of the list."""

    page: Page
    site: SiteId
    drawn: str = ""

    def difference(self, work: Work) -> str:
        """The list, if it has changed."""
        drawn = self.page.draw("_confirmations.html", confirmation=confirmation_of(work, self.site))
        if drawn == self.drawn:
            return ""
        self.drawn = drawn
        return message("confirmations", drawn)
