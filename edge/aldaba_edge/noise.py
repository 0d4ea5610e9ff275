"""Unreadable things at the sides of a door, counted, so that noise fills no books."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aldaba_edge.ports import Clock, Timer
from aldaba_shared.decide import Side
from aldaba_shared.events import Unreadable
from aldaba_shared.ids import DoorId

UNREADABLE_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Heard:
    """Unreadable things at one side within a minute."""

    timer: Timer
    why: str
    times: int = 1


class Noise:
    """The first unreadable thing of a minute begins a count; its end is one line in the books."""

    def __init__(self, door: DoorId, clock: Clock, record: Callable[[Unreadable], object]) -> None:
        self._door = door
        self._clock = clock
        self._record = record
        self._heard: dict[Side, _Heard] = {}

    def count(self, side: Side, why: str) -> bool:
        """Count one; whether it is the first of its minute."""
        heard = self._heard.get(side)
        if heard is not None:
            heard.times += 1
            return False
        timer = self._clock.call_later(UNREADABLE_SECONDS, lambda: self._say(side))
        self._heard[side] = _Heard(timer, why)
        return True

    def close(self) -> None:
        """Say what was counted, and forget every timer."""
        for side, heard in list(self._heard.items()):
            heard.timer.cancel()
            self._say(side)

    def _say(self, side: Side) -> None:
        heard = self._heard.pop(side)
        self._record(Unreadable(self._door, side, heard.why, heard.times))
