"""How fast the news of peers is read, so that a big site's return leaves the loop to the doors and the lines.

A piece of news costs a signature and up to some hundred stays. At a site of 200
controllers that all come back at once each would read 199 of them before anything
else. So a burst is read at once, as all news of an ordinary site is, and after it
one piece at a time, the newest of each peer. While lines of our own are on their
way up the pauses are longer and no new burst is allowed: a loop that reading has
held up would otherwise take the time it lost for a time of rest.

What waits is not believed, and whoever is not heard counts as apart; what is read
is checked as if it had just come. So waiting is a delay, which the broker can
cause anyway, and never a way back to older news.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

import structlog

from aldaba_edge.ports import Clock, Timer
from aldaba_edge.trust import OutOfDate
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ControllerId
from aldaba_shared.messages import Kind

log = structlog.get_logger()

BURST: Final = 20
"""So many are read at once; a site of so many controllers never waits."""
EACH_SECONDS: Final = 0.1
"""A Pi Zero needs a quarter of this for one."""
BUSY_SECONDS: Final = 1.0
MOST_WAITING: Final = 1_000
"""Peers that may wait; no site has more, and a flood of made-up names must not fill our memory."""


class PeerNews:
    """Reads news at once or in its turn.

    `read` answers whether the very same bytes need not be read again; `refused` is
    told the kind and the cause of what it raised; `busy` says that our own lines
    are on their way up.
    """

    def __init__(
        self,
        clock: Clock,
        read: Callable[[bytes], bool],
        refused: Callable[[str, str], None],
        busy: Callable[[], bool],
    ) -> None:
        self._clock = clock
        self._read = read
        self._refused = refused
        self._busy = busy
        self._spare = float(BURST)
        self._counted_at = clock.monotonic()
        self._known: dict[ControllerId, bytes] = {}
        self._waiting: dict[ControllerId, bytes] = {}
        self._timer: Timer | None = None

    def arrived(self, teller: ControllerId, envelope: bytes) -> None:
        """Take what came on a peer's topic; never raises for what it is."""
        if self._known.get(teller) == sha256(envelope).digest():
            return  # brokers repeat what they retain
        if not self._waiting and self._may():
            self._look(teller, envelope)
            return
        if teller not in self._waiting and len(self._waiting) >= MOST_WAITING:
            log.warning("news_dropped", waiting=MOST_WAITING)
            return
        self._waiting[teller] = envelope
        self._wait()

    def stop(self) -> None:
        """Read nothing more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _may(self) -> bool:
        now = self._clock.monotonic()
        if not self._busy():
            self._spare = min(float(BURST), self._spare + (now - self._counted_at) / EACH_SECONDS)
        self._counted_at = now
        if self._spare < 1:
            return False
        self._spare -= 1
        return True

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self._clock.call_later(BUSY_SECONDS if self._busy() else EACH_SECONDS, self._next)

    def _next(self) -> None:
        self._timer = None
        self._counted_at, self._spare = self._clock.monotonic(), 0.0
        teller = next(iter(self._waiting))
        self._look(teller, self._waiting.pop(teller))
        if self._waiting:
            self._wait()

    def _look(self, teller: ControllerId, envelope: bytes) -> None:
        try:
            if self._read(envelope):
                if len(self._known) >= MOST_WAITING:
                    self._known.clear()
                self._known[teller] = sha256(envelope).digest()
        except AldabaError as error:
            self._refused(Kind.PRESENCE, error.why if isinstance(error, OutOfDate) else error.code)
