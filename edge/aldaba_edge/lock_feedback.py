"""Whether a lock does what its pin says, where a feedback contact of the relay or the lock tells."""

from collections.abc import Callable
from typing import Final

from aldaba_edge.devices import Alarmed
from aldaba_edge.ports import Clock
from aldaba_shared.events import LockFollows, LockStuck
from aldaba_shared.ids import DoorId

SETTLE_SECONDS: Final = 1.0
"""How long a relay, a bolt and a debounced input may take."""


class LockFeedback:
    """Compares what the lock was told with what it says of itself; a difference that lasts is an alarm, once."""

    def __init__(self, door: DoorId, clock: Clock, record: Callable[[LockStuck | LockFollows], object]) -> None:
        self._door = door
        self._record = record
        self._wanted = False
        self._said: bool | None = None
        self._stuck = False
        self._settle = Alarmed(clock)

    def told(self, *, released: bool) -> None:
        """The pin was driven."""
        if released is not self._wanted:
            self._wanted = released
            self._look_soon()

    def says(self, *, released: bool) -> None:
        """The feedback contact changed, or was read for the first time."""
        self._said = released
        self._look_soon()

    def stop(self) -> None:
        """Compare no more."""
        self._settle.stop()

    def _look_soon(self) -> None:
        if self._said is not None:
            self._settle.start(SETTLE_SECONDS, self._look)

    def _look(self) -> None:
        stuck = self._said is not self._wanted
        if stuck is self._stuck:
            return
        self._stuck = stuck
        self._record(
            LockStuck(self._door, "released" if self._wanted else "secured") if stuck else LockFollows(self._door)
        )
