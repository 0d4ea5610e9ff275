"""The open boards: drawn once for each site and language, however many screens show it.

One drawer reads the books after a change, draws what differs, and the hub hands
the same bytes to every screen of that site and language. A screen that is slow
loses nothing that still matters: of each zone and door only the newest drawing
waits for it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from aldaba_cloud.db import Scope, Work
from aldaba_cloud.deps import Cloud
from aldaba_cloud.fanout import Frame, server_sent
from aldaba_cloud.pages.kit import Page
from aldaba_cloud.pages.reading import read_board, site_of
from aldaba_cloud.pages.views import Board
from aldaba_shared.ids import NetworkId, SiteId

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 10.0
"""Quiet also draws anew: what is shown grows stale without anything happening."""
LOOK_SECONDS: Final = 30.0
"""How often a screen is asked whether its session and role still hold."""
RESENT_EVENTS: Final = 15
ENDED: Final = server_sent("ended", "")

Allowed: TypeAlias = Callable[[], bool]


@dataclass
class Picture:
    """What the screens of one site and language have been sent."""

    page: Page
    zone: ZoneInfo
    audience: str
    parts: dict[str, str] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def difference(self, board: Board) -> list[Frame]:
        """What the screens lack; a list is sent whole only when something joined or left it."""
        frames = [*self._list("zones", "zone", board), *self._list("doors", "door", board)]
        frames += self._part("alarms", self._draw("_alarms.html", board))
        if self.told:
            frames += [self._event(board, one) for one in reversed(board.events) if one.id not in self.told]
        self.told = {"", *(one.id for one in board.events)}
        return frames

    def whole(self, board: Board) -> bytes:
        """Everything a screen shows that has just been opened or has come back."""
        parts = [self._sent(name, self._draw(f"_{name}.html", board)) for name in ("zones", "doors", "alarms")]
        events = [self._event(board, one) for one in reversed(board.events[:RESENT_EVENTS])]
        return b"".join(frame.data for frame in (*parts, *events))

    def _list(self, names: str, name: str, board: Board) -> list[Frame]:
        cards = getattr(board, names)
        members = tuple(card.id for card in cards)
        same = self.lists.get(names) == members
        self.lists[names] = members
        frames = [
            frame
            for card in cards
            for frame in self._part(f"{name}-{card.id}", self._draw(f"_{name}.html", board, one=card))
        ]
        return frames if same else [self._sent(names, self._draw(f"_{names}.html", board))]

    def _part(self, name: str, drawn: str) -> list[Frame]:
        if self.parts.get(name) == drawn:
            return []
        self.parts[name] = drawn
        return [self._sent(name, drawn)]

    def _event(self, board: Board, one: object) -> Frame:
        """A line of the stream; it replaces no other."""
        drawn = self._draw("_event.html", board, one=one, fresh=True)
        return Frame(self.audience, "happened", "", _message("happened", drawn))

    def _sent(self, name: str, drawn: str) -> Frame:
        return Frame(self.audience, name, name, _message(name, drawn))

    def _draw(self, template: str, board: Board, **more: object) -> str:
        return self.page.draw(template, board=board, zone=self.zone, **more)


def _message(kind: str, drawn: str) -> bytes:
    return server_sent(kind, "\n".join(line for line in drawn.splitlines() if line.strip()))


class Drawer:
    """Draws one site in one language for as long as anybody looks."""

    def __init__(self, cloud: Cloud, page: Page, network: NetworkId, site: SiteId) -> None:
        self.audience = f"{site}/{page.language}"
        self.task: asyncio.Task[None] | None = None
        self._cloud, self._page, self._network, self._site = cloud, page, network, site
        self._picture: Picture | None = None
        self._board: Board | None = None
        self._whole: bytes | None = None
        self._drawn = asyncio.Event()

    async def whole(self) -> bytes:
        """Everything a new screen shows, as of the last drawing."""
        await self._drawn.wait()
        if self._whole is None and self._picture is not None and self._board is not None:
            self._whole = self._picture.whole(self._board)
        return self._whole or b""

    async def run(self) -> None:
        """Draw after every change; stop when the last screen has gone."""
        async with aclosing(self._cloud.live.changes(self._site, beat_seconds=BEAT_SECONDS)) as changes:
            async for _changed in changes:
                if self._drawn.is_set() and self.audience not in self._cloud.hub.audiences():
                    return
                started = time.perf_counter()
                await self._draw_once()
                # Drawing may take half of one core, never all of it; what happens meanwhile is drawn together.
                await asyncio.sleep(time.perf_counter() - started)

    async def _draw_once(self) -> None:
        try:
            self._board, frames = await run_in_threadpool(self._draw)
        except Exception:  # screens keep what they show, and the next change tries again
            log.exception("a board could not be drawn: site %s", self._site)
        else:
            self._whole = None
            self._cloud.hub.publish(frames)
        self._drawn.set()

    def _draw(self) -> tuple[Board, list[Frame]]:
        with self._cloud.database.read() as db:
            work = Work(db, Scope(self._network, frozenset({self._site})), self._cloud.clock.now())
            site = site_of(work, self._site)
            board = read_board(work, site, self._page)
        if self._picture is None:
            self._picture = Picture(self._page, ZoneInfo(site.time_zone), self.audience)
        return board, self._picture.difference(board)


class Screens:
    """Every open board of this process."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._drawers: dict[str, Drawer] = {}

    async def stream(
        self, page: Page, network: NetworkId, site: SiteId, allowed: Allowed
    ) -> AsyncGenerator[bytes, None]:
        """What one screen shows, until it goes or `allowed` says no."""
        drawer = self._drawer(page, network, site)
        first = await drawer.whole()
        looked = time.monotonic()
        async for news in self._cloud.hub.stream(drawer.audience, first):
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                if not await run_in_threadpool(allowed):
                    yield ENDED
                    return
            yield news

    def _drawer(self, page: Page, network: NetworkId, site: SiteId) -> Drawer:
        drawer = Drawer(self._cloud, page, network, site)
        known = self._drawers.get(drawer.audience)
        if known and known.task and not known.task.done() and known.task.get_loop() is asyncio.get_running_loop():
            return known
        drawer.task = asyncio.get_running_loop().create_task(drawer.run(), name=f"board of {drawer.audience}")
        self._drawers[drawer.audience] = drawer
        return drawer


def screens_of(request: Request) -> Screens:
    """The open boards of the service that answers this request."""
    screens: Screens = request.app.state.screens
    return screens
