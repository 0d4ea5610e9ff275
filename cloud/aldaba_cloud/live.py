"""Waking the pages that show something live: who listens to a site is told that it changed, not what.

Listeners read again what they show, so nothing can be lost, doubled or out of
order here: a burst of changes wakes each of them once.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from threading import Lock

from aldaba_shared.ids import SiteId


class Live:
    """The listeners of one process; `replicas` connects it with those of others."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._listeners: dict[SiteId, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self.pass_on: Callable[[SiteId | None], None] = lambda _site: None
        """Told of every site that is told here (None: all), for the other processes of the service; must not wait."""

    def tell(self, site: SiteId) -> None:
        """Say that something about a site has changed; from any thread, after the commit."""
        self.wake(site)
        self.pass_on(site)

    def tell_all(self) -> None:
        """Say that something has changed somewhere; listeners find out by reading whether it concerns them."""
        self.wake_all()
        self.pass_on(None)

    def wake(self, site: SiteId) -> None:
        """Wake this process's listeners of a site."""
        with self._lock:
            waiting = tuple(self._listeners.get(site, ()))
        for loop, changed in waiting:
            try:
                loop.call_soon_threadsafe(changed.set)
            except RuntimeError:  # the loop was closed while its listener was still known
                continue

    def wake_all(self) -> None:
        """Wake every listener of this process."""
        with self._lock:
            sites = tuple(self._listeners)
        for site in sites:
            self.wake(site)

    async def changes(self, site: SiteId, *, beat_seconds: float) -> AsyncGenerator[bool, None]:
        """Yield at once, then True after changes and False after every stretch of quiet, until the caller stops."""
        mine = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._listeners.setdefault(site, set()).add(mine)
        mine[1].set()
        try:
            while True:
                try:
                    await asyncio.wait_for(mine[1].wait(), beat_seconds)
                except TimeoutError:
                    yield False
                else:
                    mine[1].clear()
                    yield True
        finally:
            with self._lock:
                self._listeners[site].discard(mine)
