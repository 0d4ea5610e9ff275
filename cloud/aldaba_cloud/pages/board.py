"""The operator's live board: the page, and the stream of fragments that keeps it true."""

from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from aldaba_cloud.auth.models import Role
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CloudDep, CurrentOperator
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.reading import read_board, site_of, site_wanted
from aldaba_cloud.pages.stream import message, watching
from aldaba_shared.ids import SiteId

router = APIRouter(include_in_schema=False)

RESENT_EVENTS: Final = 15


@router.get("/board")
def board(caller: CurrentOperator, page: PageDep, *, site: str = "", wall: bool = False) -> Response:
    """The board, as a page or for a screen on the wall."""
    wanted = site_wanted(caller.work, site)
    shown = read_board(caller.work, wanted, page)
    return page.show("board.html", board=shown, wall=wall, zone=ZoneInfo(wanted.time_zone))


@router.get("/board/live")
def live(request: Request, caller: CurrentOperator, cloud: CloudDep, page: PageDep, site: str = "") -> Response:
    """The stream of the board: fragments after every change, a beat when nothing happens."""
    wanted = site_wanted(caller.work, site)
    return watching(request, cloud, wanted.id, Role.OPERATOR, Picture(page, wanted.id).difference)


@dataclass
class Picture:
    """What one browser has been sent, so that only what differs is sent again."""

    page: Page
    site: SiteId
    parts: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def difference(self, work: Work) -> str:
        """The fragments that the browser lacks."""
        site = site_of(work, self.site)
        board = read_board(work, site, self.page)
        zone = ZoneInfo(site.time_zone)
        messages = []
        for name in ("zones", "doors", "alarms"):
            drawn = self.page.draw(f"_{name}.html", board=board, zone=zone)
            if self.parts.get(name) != drawn:
                self.parts[name] = drawn
                messages.append(message(name, drawn))
        newest = board.events if self.told else board.events[:RESENT_EVENTS]
        for one in reversed(newest):
            if one.id not in self.told:
                messages += [message("happened", self.page.draw("_event.html", one=one, fresh=True, zone=zone))]
        self.told = {"", *(one.id for one in board.events)}
        return "".join(messages)
