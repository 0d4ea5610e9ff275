"""The operator's live board: the page, and the stream of fragments that keeps it true."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from aldaba_cloud.auth import service as auth
from aldaba_cloud.auth.models import Role
from aldaba_cloud.db import Work
from aldaba_cloud.deps import Cloud, CloudDep, CurrentOperator, session_cookie
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.reading import BEAT, read_board, site_of, site_wanted
from aldaba_cloud.places.models import Site
from aldaba_shared.ids import SiteId

router = APIRouter(include_in_schema=False)

BREATH_SECONDS: Final = 0.2
"""After sending, changes are gathered for so long: five pictures a second are enough for any eye."""
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
    token = request.cookies.get(session_cookie(cloud), "")
    picture = Picture(cloud, page, wanted.id, token)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_stream(cloud, picture), media_type="text/event-stream", headers=headers)


@dataclass
class Picture:
    """What one browser has been sent, so that only what differs is sent again."""

    cloud: Cloud
    page: Page
    site: SiteId
    token: str
    parts: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def refresh(self) -> str | None:
        """The messages that bring the browser up to date; None when its session has ended."""
        with self.cloud.database.read() as db:
            now = self.cloud.clock.now()
            session = auth.session_of(db, self.token, now)
            scope = session.account.scope(Role.OPERATOR) if session else None
            if session is None or scope is None:
                return None
            work = Work(db, scope, now, session.account.id)
            return self._difference(work, site_of(work, self.site))

    def _difference(self, work: Work, site: Site) -> str:
        board = read_board(work, site, self.page)
        zone = ZoneInfo(site.time_zone)
        messages = []
        for name in ("zones", "doors", "alarms"):
            drawn = self.page.draw(f"_{name}.html", board=board, zone=zone)
            if self.parts.get(name) != drawn:
                self.parts[name] = drawn
                messages.append(_message(name, drawn))
        newest = board.events if self.told else board.events[:RESENT_EVENTS]
        fresh = [one for one in reversed(newest) if one.id not in self.told]
        messages += [
            _message("happened", self.page.draw("_event.html", one=one, fresh=True, zone=zone)) for one in fresh
        ]
        self.told = {"", *(one.id for one in board.events)}
        return "".join(messages)


async def _stream(cloud: Cloud, picture: Picture) -> AsyncIterator[str]:
    """Say at once what is so, then after every change; end when the session does."""
    changes = cloud.live.changes(picture.site, beat_seconds=BEAT.total_seconds())
    async for _changed in changes:
        # Quiet also passes: numbers grow old and sessions end without anything happening.
        news = await run_in_threadpool(picture.refresh)
        if news is None:
            yield _message("ended", "")
            return
        yield news + _message("beat", "")
        await asyncio.sleep(BREATH_SECONDS)


def _message(kind: str, html: str) -> str:
    """One server-sent event."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip()) or "data:\n"
    return f"event: {kind}\n{lines}\n"
