"""What moves: a door's leaf and a turnstile's arm, each driven by its table, its timers and its lock.

Here the pure tables of `aldaba_shared` meet ports. A lock that fails never
stops what is recorded, and it never reaches another door (`devices`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from aldaba_edge.devices import Alarmed, LockLine
from aldaba_edge.ports import Clock, Signal
from aldaba_shared import door as door_table
from aldaba_shared import turnstile as lane_table
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.door import FREE_MODES, RELEASED_STATES, DoorEffect, DoorInput, DoorState
from aldaba_shared.events import AnyEvent, DoorClosed, DoorForced, DoorHeld, DoorOpened, PassageNotTaken, Passed
from aldaba_shared.ids import DoorId, HolderId, ZoneId
from aldaba_shared.turnstile import LaneEffect, LaneInput, LaneState


class Record(Protocol):
    """Writes an event in the books; movements it makes are the writer's affair."""

    def __call__(self, event: AnyEvent) -> None:
        """Write it."""


class Mechanics(Protocol):
    """What a door loop needs of the thing it opens."""

    @property
    def secured(self) -> bool:
        """Whether it is shut and held: what an interlocked partner asks."""

    @property
    def state(self) -> str:
        """The state's name, for `status`."""

    def let(self, given: DoorInput, side: Side, holder: HolderId | None = None, *, seconds: float) -> None:
        """Let through: a grant, a request to leave or a command, for this long."""

    def for_holder(self, holder: HolderId | None) -> None:
        """Whom the last release was for; known only after it on a way out."""

    def mode(self, mode: DoorMode) -> None:
        """Do what this mode does by itself from now on."""

    def close(self) -> None:
        """Hold shut and forget every timer."""


@dataclass(frozen=True, slots=True)
class LeafTimes:
    """How long a leaf may stay open, and how soon it locks; `relock_seconds` None: not before the release ends."""

    held_seconds: float = 30.0
    pre_alarm_seconds: float = 20.0
    relock_seconds: float | None = 0.0


class DoorMechanics:
    """A leaf and its lock, as `aldaba_shared.door` says."""

    def __init__(
        self,
        door: DoorId,
        clock: Clock,
        lock: LockLine,
        *,
        record: Record,
        show: Callable[[Signal], None],
        times: LeafTimes,
        found_open: bool = False,
    ) -> None:
        self._door = door
        self._clock = clock
        self._lock = lock
        self._record = record
        self._show = show
        self._times = times
        self._state = DoorState.SECURED
        self._release_seconds = 0.0
        self._opened_at = 0.0
        self._release, self._pre_alarm, self._held = Alarmed(clock), Alarmed(clock), Alarmed(clock)
        lock.secure()
        if found_open:  # by whom, nobody saw: no alarm for a restart, and one for a leaf that stays open
            self._state = DoorState.OPEN
            self._start_held()

    @property
    def secured(self) -> bool:
        """Whether the leaf is shut and held."""
        return self._state is DoorState.SECURED

    @property
    def released(self) -> bool:
        """Whether the lock lets through now."""
        return self._state in RELEASED_STATES

    @property
    def state(self) -> str:
        """The state's name."""
        return self._state.value

    def let(
        self,
        given: DoorInput,
        side: Side,  # noqa: ARG002 - a leaf has one lock for both sides; a turnstile asks
        holder: HolderId | None = None,  # noqa: ARG002 - the tap itself is the passage
        *,
        seconds: float,
    ) -> None:
        """Let through for this long."""
        self._release_seconds = seconds
        self.feel(given)

    def for_holder(self, holder: HolderId | None) -> None:
        """Nothing: the tap itself is the passage."""

    def mode(self, mode: DoorMode) -> None:
        """Free for as long as the mode lets everybody through, else held."""
        self.feel(DoorInput.FREED if mode in FREE_MODES else DoorInput.SECURED_AGAIN)

    def leaf(self, opened: bool) -> None:  # noqa: FBT001 - what the contact says
        """The contact's word."""
        self.feel(DoorInput.OPENED if opened else DoorInput.CLOSED)

    def feel(self, given: DoorInput) -> None:
        """Take an input into account: the state first, then its effects in order."""
        self._state, effects = door_table.after(self._state, given)
        for effect in effects:
            self._EFFECTS[effect](self)

    def close(self) -> None:
        """Hold shut and forget every timer."""
        for timer in (self._release, self._pre_alarm, self._held):
            timer.stop()
        self._state = DoorState.SECURED
        self._lock.close()

    def _start_release(self) -> None:
        self._release.start(self._release_seconds, lambda: self.feel(DoorInput.RELEASE_ENDED))

    def _shorten_release(self) -> None:
        relock = self._times.relock_seconds
        if relock is not None:
            self._release.start(min(relock, self._release_seconds), lambda: self.feel(DoorInput.RELEASE_ENDED))

    def _start_held(self) -> None:
        self._opened_at = self._clock.monotonic()
        self._pre_alarm.start(self._times.pre_alarm_seconds, lambda: self.feel(DoorInput.PRE_ALARM))
        self._held.start(self._times.held_seconds, lambda: self.feel(DoorInput.HELD_TOO_LONG))

    def _stop_held(self) -> None:
        self._pre_alarm.stop()
        self._held.stop()

    def _record_held(self) -> None:
        after_ms = round((self._clock.monotonic() - self._opened_at) * 1000)
        self._record(DoorHeld(self._door, after_ms))

    _EFFECTS: Final[dict[DoorEffect, Callable[["DoorMechanics"], None]]] = {
        DoorEffect.RELEASE: lambda self: self._lock.release(),
        DoorEffect.SECURE: lambda self: self._lock.secure(),
        DoorEffect.START_RELEASE: _start_release,
        DoorEffect.SHORTEN_RELEASE: _shorten_release,
        DoorEffect.STOP_RELEASE: lambda self: self._release.stop(),
        DoorEffect.START_HELD: _start_held,
        DoorEffect.STOP_HELD: _stop_held,
        DoorEffect.RECORD_OPENED: lambda self: self._record(DoorOpened(self._door)),
        DoorEffect.RECORD_CLOSED: lambda self: self._record(DoorClosed(self._door)),
        DoorEffect.RECORD_FORCED: lambda self: self._record(DoorForced(self._door)),
        DoorEffect.RECORD_HELD: _record_held,
        DoorEffect.WARN: lambda self: self._show(Signal.PRE_ALARM),
        DoorEffect.CALM: lambda self: self._show(Signal.READY),
    }


class LaneMechanics:
    """A turnstile's arm and its one or two locks, as `aldaba_shared.turnstile` says.

    `into` names the zone each way leads to; a passage moves the holder there.
    """

    def __init__(
        self,
        door: DoorId,
        clock: Clock,
        locks: tuple[LockLine, LockLine],
        *,
        record: Record,
        show: Callable[[Signal], None],
        into: Callable[[Side], ZoneId | None],
    ) -> None:
        self._door = door
        self._lock_in, self._lock_out = locks
        self._record = record
        self._show = show
        self._into = into
        self._state = LaneState.SECURED
        self._holder: HolderId | None = None
        self._passing = Side.IN
        self._release_seconds = 0.0
        self._release = Alarmed(clock)
        self._secure()

    @property
    def secured(self) -> bool:
        """Whether nobody can turn the arm."""
        return self._state is LaneState.SECURED

    @property
    def state(self) -> str:
        """The state's name."""
        return self._state.value

    def let(
        self,
        given: DoorInput,
        side: Side,
        holder: HolderId | None = None,
        *,
        seconds: float,
    ) -> None:
        """Let one person through, in the direction this side leads; a request to leave always leads out."""
        leads_in = side is Side.IN and given is not DoorInput.EXIT_REQUESTED
        self._release_seconds = seconds
        self.feel(LaneInput.GRANT_IN if leads_in else LaneInput.GRANT_OUT)
        self._holder = holder

    def for_holder(self, holder: HolderId | None) -> None:
        """Whom the last release was for."""
        self._holder = holder

    def mode(self, mode: DoorMode) -> None:
        """Free for as long as the mode lets everybody through, else held."""
        self.feel(LaneInput.FREED if mode in FREE_MODES else LaneInput.SECURED_AGAIN)

    def passage(self, side: Side) -> None:
        """The arm turned this way."""
        self._passing = side
        self.feel(LaneInput.PASSED_IN if side is Side.IN else LaneInput.PASSED_OUT)

    def feel(self, given: LaneInput) -> None:
        """Take an input into account: the state first, then its effects in order."""
        self._state, effects = lane_table.after(self._state, given)
        for effect in effects:
            self._EFFECTS[effect](self)

    def close(self) -> None:
        """Hold shut and forget the timer."""
        self._release.stop()
        self._state = LaneState.SECURED
        self._lock_in.close()
        self._lock_out.close()

    def _secure(self) -> None:
        self._lock_in.secure()
        self._lock_out.secure()

    def _start_release(self) -> None:
        self._release.start(self._release_seconds, lambda: self.feel(LaneInput.RELEASE_ENDED))

    def _record_holder(self) -> None:
        holder, self._holder = self._holder, None
        self._record(Passed(self._door, self._passing, holder, self._into(self._passing) if holder else None))

    def _record_not_taken(self) -> None:
        self._record(PassageNotTaken(self._door, self._holder))
        self._holder = None

    _EFFECTS: Final[dict[LaneEffect, Callable[["LaneMechanics"], None]]] = {
        LaneEffect.RELEASE_IN: lambda self: self._lock_in.release(),
        LaneEffect.RELEASE_OUT: lambda self: self._lock_out.release(),
        LaneEffect.SECURE: _secure,
        LaneEffect.START_RELEASE: _start_release,
        LaneEffect.STOP_RELEASE: lambda self: self._release.stop(),
        LaneEffect.RECORD_HOLDER: _record_holder,
        LaneEffect.RECORD_SOMEBODY: lambda self: self._record(Passed(self._door, self._passing)),
        LaneEffect.RECORD_NOT_TAKEN: _record_not_taken,
        LaneEffect.CALM: lambda self: self._show(Signal.READY),
    }
