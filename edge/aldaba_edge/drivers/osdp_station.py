"""One reader of a bus, judged by what is heard of it: pure, with time as an argument.

The library calls a reader `online`; that is not enough. A reader counts as
there only while its Secure Channel is up and it answers. Silence loses it. One
that answers and does not come up secured has another key than ours, or none: it
was changed, reset, or somebody stands in its place, so that is an alarm, and it
opens nothing. A lost reader is switched off between tries, since each unanswered
question costs every other reader of the bus a fifth of a second.
"""

from dataclasses import dataclass

from aldaba_edge.backoff import Backoff
from aldaba_edge.ports import ReaderBack, ReaderLost, ReaderTampered, Reading

SILENT_SECONDS = 1.5
"""The library asks every 50 ms and again after a second: two questions went unanswered."""
SECURE_SECONDS = 2.0
"""A Secure Channel is up within half a second."""


@dataclass(slots=True)
class Station:
    """What is known of one reader; all times are monotonic seconds."""

    backoff: Backoff
    tried_at: float
    heard_at: float | None = None
    trusted: bool = False
    """Whether its cards and keys count: secured, and answering."""
    _clear: bool = False
    _lost: bool = False
    _alarmed: bool = False
    _failures: int = 0
    _off_until: float | None = None

    def heard(self, at: float, *, in_clear: bool) -> None:
        """It answered; what it says in clear while it should not is remembered until the next look."""
        self.heard_at = at
        self._clear = self._clear or in_clear

    def wanted(self, at: float, *, off: bool) -> bool:
        """Whether it is to be asked now, or left alone until the next try.

        `off` is whether the library leaves it alone already: it takes some seconds
        over that, and until then calls a channel secured that has long been lost.
        """
        if self._off_until is not None and at >= self._off_until and off:
            self._off_until, self.tried_at, self.heard_at, self._clear = None, at, None, False
        return self._off_until is None

    def look(self, at: float, *, secured: bool) -> list[Reading]:
        """What is new about it; `secured` is whether its Secure Channel is up."""
        if self._off_until is not None:
            return []
        if not self.trusted:
            return self._came_up(at) if secured else self._try(at)
        if not secured:
            return self._fail(at, "osdp_channel_lost", alarm=False)
        if self._clear:
            return self._fail(at, "osdp_in_clear", alarm=True)
        return self._fail(at, "osdp_silent", alarm=False) if self._silent(at) else []

    def _try(self, at: float) -> list[Reading]:
        """A try ends with a secured reader, with one that answers and is not ours, or with silence."""
        if self.heard_at is None:
            return self._fail(at, "osdp_silent", alarm=False) if self._silent(at) else []
        if at - self.tried_at > SECURE_SECONDS:
            return self._fail(at, "osdp_not_secure", alarm=True)
        return []

    def _silent(self, at: float) -> bool:
        return at - (self.tried_at if self.heard_at is None else self.heard_at) > SILENT_SECONDS

    def _came_up(self, at: float) -> list[Reading]:
        self.trusted, self.heard_at, self._clear, self._failures = True, at, False, 0
        back = self._lost
        self._lost = self._alarmed = False
        return [ReaderBack()] if back else []

    def _fail(self, at: float, why: str, *, alarm: bool) -> list[Reading]:
        """Lost is said once, and so is the alarm, until it is secured again."""
        self.trusted = False
        self._failures += 1
        self._off_until = at + self.backoff.after(self._failures)
        news: list[Reading] = [] if self._alarmed or not alarm else [ReaderTampered(why)]
        news += [] if self._lost else [ReaderLost(why)]
        self._lost, self._alarmed = True, self._alarmed or alarm
        return news

    def line_lost(self, why: str) -> list[Reading]:
        """The whole bus is gone, and every reader with it."""
        self.trusted = False
        was, self._lost = self._lost, True
        return [] if was else [ReaderLost(why)]

    def line_back(self, at: float) -> None:
        """The bus is there again: everything is tried anew."""
        self._off_until, self.tried_at, self.heard_at, self._clear, self.trusted = None, at, None, False, False
