"""What moves: a door's leaf, driven by its table, its timers and its lock (`lane` has the turnstile's arm).

Here the pure table of `aldaba_shared` meets ports. A lock that fails never
stops what is recorded, and it never reaches another door (`devices`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from aldaba_edge.devices import Alarmed, LockLine
from aldaba_edge.ports import Clock, Signal
from aldaba_shared import door as door_table
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.door import FREE_MODES, RELEASED_STATES, DoorEffect, DoorInput, DoorState
from aldaba_shared.events import AnyEvent, DoorClosed, DoorForced, DoorHeld, DoorOpened, LockRested
from aldaba_shared.ids import DoorId, HolderId


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

    def rest(self) -> None:
        """Hold shut and forget whom it let through: what a door in shadow does."""

    def close(self) -> None:
        """Hold shut and forget every timer."""


@dataclass(frozen=True, slots=True)
class LeafTimes:
    """How long a leaf may stay open, and how soon it locks; `relock_seconds` None: not before the release ends.

    `power_seconds` is how long the lock may be powered to release; None: for ever.
    """

    held_seconds: float = 30.0
    pre_alarm_seconds: float = 20.0
    relock_seconds: float | None = 0.0
    power_seconds: float | None = None


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
        self._powered_at = 0.0
        self._powered = Alarmed(clock)
        self._let_through = False
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

    def rest(self) -> None:
        """Hold shut and forget every timer."""
        for timer in (self._release, self._pre_alarm, self._held):
            timer.stop()
        self._state = DoorState.SECURED
        self._secure()

    def close(self) -> None:
        """Hold shut, and let the lock go."""
        self.rest()
        self._lock.close()

    def _power(self) -> None:
        """Release the lock; from the first moment of its power its maker's limit runs, however often it is asked."""
        self._lock.release()
        if self._let_through:
            return
        self._let_through, self._powered_at = True, self._clock.monotonic()
        if self._times.power_seconds is not None:
            self._powered.start(self._times.power_seconds, lambda: self.feel(DoorInput.POWERED_TOO_LONG))

    def _secure(self) -> None:
        self._powered.stop()
        self._let_through = False
        self._lock.secure()

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

    def _record_rested(self) -> None:
        # The table secures the lock first; what is told is how long it had been powered.
        after_ms = round((self._clock.monotonic() - self._powered_at) * 1000)
        self._record(LockRested(self._door, after_ms))

    _EFFECTS: Final[dict[DoorEffect, Callable[["DoorMechanics"], None]]] = {
        DoorEffect.RELEASE: _power,
        DoorEffect.SECURE: _secure,
        DoorEffect.START_RELEASE: _start_release,
        DoorEffect.SHORTEN_RELEASE: _shorten_release,
        DoorEffect.STOP_RELEASE: lambda self: self._release.stop(),
        DoorEffect.START_HELD: _start_held,
        DoorEffect.STOP_HELD: _stop_held,
        DoorEffect.RECORD_OPENED: lambda self: self._record(DoorOpened(self._door)),
        DoorEffect.RECORD_CLOSED: lambda self: self._record(DoorClosed(self._door)),
        DoorEffect.RECORD_FORCED: lambda self: self._record(DoorForced(self._door)),
        DoorEffect.RECORD_HELD: _record_held,
        DoorEffect.RECORD_RESTED: _record_rested,
        DoorEffect.WARN: lambda self: self._show(Signal.PRE_ALARM),
        DoorEffect.CALM: lambda self: self._show(Signal.READY),
    }
