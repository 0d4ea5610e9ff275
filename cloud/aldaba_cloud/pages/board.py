"""The operator's live board: the page, and the stream of fragments that keeps it true."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from aldaba_cloud.auth.models import Role
from aldaba_cloud.deps import CloudDep, CurrentOperator, session_cookie
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.pages.reading import read_board, site_wanted
from aldaba_cloud.pages.screens import screens_of
from aldaba_cloud.pages.stream import Watch, event_stream

router = APIRouter(include_in_schema=False)


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
    reader = replace(page, session=None, theme="", path="")  # what is drawn is the same for every reader
    watch = Watch(cloud, wanted.id, Role.OPERATOR, request.cookies.get(session_cookie(cloud), ""))
    return event_stream(screens_of(request).stream(reader, wanted.network, wanted.id, watch.allowed))
