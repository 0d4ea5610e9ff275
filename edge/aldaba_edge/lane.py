"""A turnstile that moves: its arm, its table, its timers and its one or two locks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aldaba_edge.devices import Alarmed, LockLine
from aldaba_edge.mechanics import Record
from aldaba_edge.ports import Clock, Signal
from aldaba_shared import turnstile as lane_table
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.door import FREE_MODES, DoorInput
from aldaba_shared.events import PassageNotTaken, Passed
from aldaba_shared.ids import DoorId, HolderId, ZoneId
from aldaba_shared.turnstile import HELD, LaneEffect, LaneInput, LaneState, Passage

FOLLOW_SECONDS: Final = 1.0
"""Who passes so soon after the holder came behind them: a tripod turns in half a second."""


@dataclass(frozen=True, slots=True)
class LaneTimes:
    """How a turnstile is driven. `pulse_seconds`: it wants a pulse and waits for the person itself; None: a level."""

    pulse_seconds: float | None = None
    follow_seconds: float = FOLLOW_SECONDS


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
        times: LaneTimes | None = None,
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
        self._times = times or LaneTimes()
        self._release, self._follow, self._pulse = Alarmed(clock), Alarmed(clock), Alarmed(clock)
        self._secure()

    @property
    def secured(self) -> bool:
        """Whether nobody can turn the arm."""
        return self._state in HELD

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

    def rest(self) -> None:
        """Hold shut and forget who was let through."""
        for timer in (self._release, self._follow, self._pulse):
            timer.stop()
        self._state, self._holder = LaneState.SECURED, None
        self._secure()

    def close(self) -> None:
        """Hold shut, and let the locks go."""
        self.rest()
        self._lock_in.close()
        self._lock_out.close()

    def _let_go(self, lock: LockLine) -> None:
        """Release; where the turnstile wants a pulse, let the pulse end and leave the wait for the person to it."""
        lock.release()
        if self._times.pulse_seconds is not None and self._state is not LaneState.FREE:
            self._pulse.start(self._times.pulse_seconds, lock.secure)

    def _secure(self) -> None:
        self._pulse.stop()
        self._lock_in.secure()
        self._lock_out.secure()

    def _start_release(self) -> None:
        self._release.start(self._release_seconds, lambda: self.feel(LaneInput.RELEASE_ENDED))

    def _start_follow(self) -> None:
        self._follow.start(self._times.follow_seconds, lambda: self.feel(LaneInput.FOLLOW_ENDED))

    def _record_holder(self) -> None:
        holder, self._holder = self._holder, None
        how = Passage.FREE if holder is None and self._state is LaneState.FREE else Passage.GRANTED
        left = self._left() if holder is None else None
        self._record(Passed(self._door, self._passing, holder, self._into(self._passing), how, left))

    def _record_stranger(self, how: Passage) -> None:
        self._record(Passed(self._door, self._passing, None, self._into(self._passing), how, self._left()))

    def _left(self) -> ZoneId | None:
        """The zone that whoever passes leaves: the one the other side leads into."""
        return self._into(Side.OUT if self._passing is Side.IN else Side.IN)

    def _record_not_taken(self) -> None:
        self._record(PassageNotTaken(self._door, self._holder))
        self._holder = None

    _EFFECTS: Final[dict[LaneEffect, Callable[["LaneMechanics"], None]]] = {
        LaneEffect.RELEASE_IN: lambda self: self._let_go(self._lock_in),
        LaneEffect.RELEASE_OUT: lambda self: self._let_go(self._lock_out),
        LaneEffect.SECURE: _secure,
        LaneEffect.START_RELEASE: _start_release,
        LaneEffect.STOP_RELEASE: lambda self: self._release.stop(),
        LaneEffect.START_FOLLOW: lambda self: self._start_follow(),
        LaneEffect.STOP_FOLLOW: lambda self: self._follow.stop(),
        LaneEffect.RECORD_HOLDER: _record_holder,
        LaneEffect.RECORD_SECOND_PERSON: lambda self: self._record_stranger(Passage.SECOND_PERSON),
        LaneEffect.RECORD_WRONG_WAY: lambda self: self._record_stranger(Passage.WRONG_WAY),
        LaneEffect.RECORD_UNASKED: lambda self: self._record_stranger(Passage.UNASKED),
        LaneEffect.RECORD_NOT_TAKEN: _record_not_taken,
        LaneEffect.CALM: lambda self: self._show(Signal.READY),
    }
