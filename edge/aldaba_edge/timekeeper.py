"""Whether this controller knows what time it is, on whose word, and how far it may be off.

A Pi without a battery clock wakes up in the past, and a clock before the last
moment this controller believed is wrong for certain; but one that stands after
it is not right for that. So the time is known only on somebody's word:

- the cloud's signed ack, which names the nonce of what was sent: its time, good to half the way there and back;
- the kernel, while NTP disciplines it;
- the battery clock at the start, when it keeps time and the wall clock was set from it;
- the anchor kept on disk, within one boot: a process that is killed forgets nothing that the machine still counts.

Known time is an anchor: the moment at which the monotonic clock stood at zero.
From then on the time is anchor plus monotonic, whatever anybody does to the
wall clock. Nothing may turn the time before the floor but the cloud's signed
word. While nobody's word is had the time is the wall clock's, never before the
floor, and is called uncertain: passes and phones wait, cards follow the door's
policy. Facts from EN 60839-11-1, grade 3: within 10 s a week, set every 24 h.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from msgspec import Struct

from aldaba_edge.machine_time import MachineTime
from aldaba_edge.ports import Clock, Timer
from aldaba_edge.state import Slot, State
from aldaba_shared.events import AnyEvent, ClockConfirmed, ClockDoubted

log = structlog.get_logger()

CLOSE: Final = timedelta(seconds=1)
"""Nearer than this a clock is not turned."""
RTC_CLOSE: Final = timedelta(seconds=5)
FAR: Final = timedelta(seconds=10)
WEEK: Final = timedelta(days=7)
SET_EVERY: Final = timedelta(hours=24)
MEASURABLE: Final = timedelta(hours=1)
"""Over a shorter time a drift is not told from the network's moods."""
CRYSTAL_PPM: Final = 50
"""How far a Pi's crystal may drift (its data sheet's tolerance and temperature), in parts per million."""
LOOK_SECONDS: Final = 10.0
DOUBT_SECONDS: Final = 60.0
"""A start whose NTP or cloud answers within this was no case for an alarm; what needs the time waits from the first."""
KEPT_SECONDS: Final = 3600.0


class PostingClock(Clock, Protocol):
    """A clock that other threads can post to."""

    def post(self, callback: Callable[[], None]) -> None:
        """Call back on the loop soon."""


class Anchor(Struct, frozen=True):
    """The moment at which a boot's monotonic clock stood at zero, on whose word, and how far that may be off."""

    boot: str
    zero: datetime
    by: str
    uncertainty_us: int
    set_at: float
    """The monotonic second at which it was learned."""


class KeptClock:
    """The `Clock` of a running controller: anchored to known time, or the wall clock but never before the floor."""

    def __init__(self, inner: PostingClock) -> None:
        self._inner = inner
        self._zero: datetime | None = None
        self._floor: datetime | None = None
        self.monotonic = inner.monotonic
        self.call_later = inner.call_later
        self.post = inner.post

    def now(self) -> datetime:
        """The time as this controller knows it."""
        monotonic = timedelta(seconds=self._inner.monotonic())
        if self._zero is not None:
            return self._zero + monotonic
        wall = self._inner.now()
        return wall if self._floor is None else max(wall, self._floor + monotonic)

    @property
    def wall(self) -> datetime:
        """What the machine's own clock shows."""
        return self._inner.now()

    def anchor(self, zero: datetime) -> None:
        """Count from this moment on, which is where the monotonic clock stood at zero."""
        self._zero = zero

    def not_before(self, floor: datetime) -> None:
        """Count at least from the floor, which was true before this moment."""
        self._floor = floor - timedelta(seconds=self._inner.monotonic())


class Timekeeper:
    """Gathers the words on the time, anchors the clock, and says in the books when it doubts.

    `on_known` is called each time an unsure clock becomes sure.
    """

    def __init__(
        self, clock: KeptClock, state: State, machine: MachineTime, *, boot: str, tell: Callable[[AnyEvent], object]
    ) -> None:
        self._clock = clock
        self._state = state
        self._machine = machine
        self._boot = boot
        self._tell = tell
        self._anchor: Anchor | None = None
        self._set_at = self._turned_at = clock.monotonic()
        self._kept_at = float("-inf")
        self._said: set[str] = set()
        self._timer: Timer | None = None
        self.on_known: Callable[[], None] = lambda: None
        self.off: timedelta | None = None
        """The cloud's clock minus ours as it was found last."""

    @property
    def trusted(self) -> bool:
        """Whether the time is known."""
        return self._anchor is not None

    @property
    def by(self) -> str:
        """On whose word: `cloud`, `ntp`, `rtc`; `nobody` while it is uncertain."""
        return self._anchor.by if self._anchor is not None else "nobody"

    @property
    def uncertainty(self) -> timedelta | None:
        """How far the time may be off: what it was learned with, and the crystal's drift since; None when unknown."""
        if self._anchor is None:
            return None
        since = self._clock.monotonic() - self._set_at
        return timedelta(microseconds=self._anchor.uncertainty_us + since * CRYSTAL_PPM)

    def status(self) -> dict[str, object]:
        """For people and programs."""
        uncertainty, off = self.uncertainty, self.off
        return {
            "trusted": self.trusted,
            "by": self.by,
            "uncertainty_ms": None if uncertainty is None else round(uncertainty / timedelta(milliseconds=1)),
            "off_ms": None if off is None else round(off / timedelta(milliseconds=1)),
            "set_seconds_ago": round(self._clock.monotonic() - self._set_at) if self.trusted else None,
            "floor": self._state.time_floor().isoformat(),
        }

    def start(self) -> None:
        """Judge the clock as it is found, and keep an eye on it."""
        floor = self._state.time_floor()
        self._clock.not_before(floor)
        kept = self._state.get(Slot.CLOCK, Anchor)
        if not self._by_kernel():
            if kept is not None and kept.boot == self._boot:
                self._anchored(kept)
            elif not self._by_battery(floor):
                why = "set_back" if self._clock.wall < floor else "power_cut"
                self._clock.call_later(DOUBT_SECONDS, lambda: None if self.trusted else self._doubt(why))
        self._watch()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def measured(self, off: timedelta, uncertainty: timedelta) -> timedelta:
        """The cloud's signed time, minus ours: believe it, turn the clock if it is off; answers what is left of it."""
        if uncertainty > FAR:
            return off
        self.off = off
        turned = abs(off) > CLOSE + uncertainty
        if turned and self.trusted:
            self._judge_drift(off, uncertainty)
        zero = self._zero + off if turned else self._zero
        if turned or not self.trusted:
            self._turned_at = self._clock.monotonic()
        self._set("cloud", zero, uncertainty, off if turned else timedelta(0))
        if self._clock.now() < self._state.time_floor():
            # An unsure clock once stood too far on; only a signed word may take the floor back.
            self._state.put(Slot.TIME_FLOOR, self._clock.now())
        return timedelta(0) if turned else off

    @property
    def _zero(self) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())

    def _watch(self) -> None:
        """NTP may come at any moment, and a day may pass without anybody's word."""
        if not self._by_kernel() and timedelta(seconds=self._clock.monotonic() - self._set_at) >= SET_EVERY:
            self._doubt("not_set")
        self._timer = self._clock.call_later(LOOK_SECONDS, self._watch)

    def _by_kernel(self) -> bool:
        """The kernel's word, when it is disciplined and stands after the floor; the cloud's goes before it."""
        clock = self._clock
        if not self._machine.synchronised() or clock.wall < self._state.time_floor():
            return False
        fresh = timedelta(seconds=clock.monotonic() - self._set_at) < SET_EVERY
        if self.by == "cloud" and fresh:
            return True
        off = clock.wall - clock.now()
        zero = self._zero + (off if abs(off) > CLOSE else timedelta(0))
        self._set("ntp", zero, CLOSE, off if abs(off) > CLOSE else timedelta(0))
        return True

    def _by_battery(self, floor: datetime) -> bool:
        """The battery clock's word, when the wall clock was set from it."""
        shown = self._machine.rtc()
        wall = self._clock.wall
        if shown is None or shown < floor - RTC_CLOSE or abs(shown - wall) > RTC_CLOSE:
            return False
        self._set("rtc", wall - timedelta(seconds=self._clock.monotonic()), RTC_CLOSE, timedelta(0))
        return True

    def _set(self, by: str, zero: datetime, uncertainty: timedelta, off: timedelta) -> None:
        known = self.trusted
        now = self._clock.monotonic()
        anchor = Anchor(self._boot, zero, by, uncertainty // timedelta(microseconds=1), now)
        changed = self._anchor is None or abs(zero - self._anchor.zero) > CLOSE
        self._anchored(anchor)
        doubted, self._said = self._said, self._said & {"drift"}
        if changed or now - self._kept_at >= KEPT_SECONDS:
            self._kept_at = now
            self._state.put(Slot.CLOCK, anchor)
        if doubted - self._said:
            self._tell(ClockConfirmed(by, _ms(off), _ms(uncertainty)))
        if not known:
            log.info("clock_known", by=by, off_ms=_ms(off))
            self.on_known()

    def _anchored(self, anchor: Anchor) -> None:
        self._anchor = anchor
        self._set_at = anchor.set_at
        self._clock.anchor(anchor.zero)

    def _judge_drift(self, off: timedelta, uncertainty: timedelta) -> None:
        """More than ten seconds a week, measured since the clock was turned last."""
        since = timedelta(seconds=self._clock.monotonic() - self._turned_at)
        drifted = abs(off) - uncertainty
        if drifted > FAR or (since >= MEASURABLE and drifted * (WEEK / since) > FAR):
            self._doubt("drift", off)

    def _doubt(self, why: str, off: timedelta = timedelta(0)) -> None:
        if why in self._said:
            return
        self._said.add(why)
        log.error("clock_doubted", why=why, off_ms=_ms(off))
        self._tell(ClockDoubted(why, _ms(off)))


def _ms(span: timedelta) -> int:
    return round(span / timedelta(milliseconds=1))
