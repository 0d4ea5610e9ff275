"""Streams of fragments: one browser, one site, and only what differs from what it has."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from aldaba_cloud.auth import service as auth
from aldaba_cloud.auth.models import Role
from aldaba_cloud.db import Work
from aldaba_cloud.deps import Cloud, session_cookie
from aldaba_shared.ids import SiteId

BEAT_SECONDS: Final = 10.0
"""How often a quiet stream says that it lives."""
BREATH_SECONDS: Final = 0.2
"""After sending, changes are gathered for so long: five pictures a second are enough for any eye."""

Draw = Callable[[Work], str]
"""Draws the messages a browser lacks; empty when it lacks none."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What one browser watches, and by which right."""

    cloud: Cloud
    site: SiteId
    role: Role
    token: str

    def allowed(self) -> bool:
        """Whether the session and its role still hold at the site."""
        with self.cloud.database.read() as db:
            return self._work(db) is not None

    def refresh(self, draw: Draw) -> str | None:
        """The messages that bring the browser up to date; None when its session or its role has ended."""
        with self.cloud.database.read() as db:
            work = self._work(db)
            return draw(work) if work else None

    def _work(self, db: Connection) -> Work | None:
        now = self.cloud.clock.now()
        session = auth.session_of(db, self.token, now)
        scope = session.account.scope(self.role) if session else None
        if session is None or scope is None or not (scope.sites is None or self.site in scope.sites):
            return None
        return Work(db, scope, now, session.account.id)


def watching(request: Request, cloud: Cloud, site: SiteId, role: Role, draw: Draw) -> Response:
    """The answer that goes on for as long as the browser listens."""
    watch = Watch(cloud, site, role, request.cookies.get(session_cookie(cloud), ""))
    return event_stream(_stream(watch, draw))


def event_stream(messages: AsyncIterator[str] | AsyncIterator[bytes]) -> Response:
    """Server-sent events that nothing on the way may keep back."""
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(messages, media_type="text/event-stream", headers=headers)


async def _stream(watch: Watch, draw: Draw) -> AsyncIterator[str]:
    """Say at once what is so, then after every change; end when the session does."""
    # Quiet also draws anew: numbers grow old and sessions end without anything happening.
    async for _changed in watch.cloud.live.changes(watch.site, beat_seconds=BEAT_SECONDS):
        news = await run_in_threadpool(watch.refresh, draw)
        if news is None:
            yield message("ended", "")
            return
        yield news + message("beat", "")
        await asyncio.sleep(BREATH_SECONDS)


def message(kind: str, html: str) -> str:
    """One server-sent event."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip()) or "data:\n"
    return f"event: {kind}\n{lines}\n"
