"""Keypads that are guessed at: three wrong PINs freeze one for 30 s, then for twice as long, up to 15 minutes.

One keypad is one side of one door; cards there are never frozen. Nothing that is
right takes a wrong try back, neither a card nor a PIN, or whoever has one of
their own could guess between its uses. Time does: one try is forgotten every
five minutes, and the doubling after an hour in which nothing wrong was typed.
That leaves a guesser some 300 tries a day at one keypad, whatever the pace.

What is kept on the disk are wall times, for a restart; what counts while the
process runs is the monotonic clock, so that setting the clock ends no freeze.
"""

from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from aldaba_edge.ports import Clock
from aldaba_edge.state import Slot
from aldaba_shared.decide import Side
from aldaba_shared.ids import DoorId

T = TypeVar("T")

TRIES: Final = 3
FIRST_FREEZE_SECONDS: Final = 30.0
LONGEST_FREEZE_SECONDS: Final = 900.0
FORGET_SECONDS: Final = 300.0
CALM_SECONDS: Final = 3600.0


class Tries(Struct, frozen=True):
    """Wrong PINs at one keypad; times in seconds of a clock that never goes back."""

    wrong: int = 0
    last: float = 0.0
    freezes: int = 0
    frozen_until: float = 0.0

    def frozen(self, at: float) -> bool:
        """Whether PINs are not looked at now."""
        return at < self.frozen_until

    def one_more(self, at: float) -> "Tries":
        """After another wrong PIN."""
        calm = self._calmed(at)
        if calm.wrong + 1 < TRIES:
            return replace(calm, wrong=calm.wrong + 1, last=at)
        return Tries(0, at, calm.freezes + 1, at + freeze_seconds(calm.freezes))

    def _calmed(self, at: float) -> "Tries":
        quiet = at - max(self.last, self.frozen_until)
        if quiet >= CALM_SECONDS:
            return Tries()
        return replace(self, wrong=max(0, self.wrong - int(quiet // FORGET_SECONDS)))


def freeze_seconds(before: int) -> float:
    """How long a freeze lasts after so many before it."""
    return float(min(FIRST_FREEZE_SECONDS * 2 ** min(before, 10), LONGEST_FREEZE_SECONDS))


class KeptTries(Struct, frozen=True):
    """The same on the disk."""

    wrong: int
    last: datetime
    freezes: int
    frozen_until: datetime


class Kept(Protocol):
    """The part of `state.db` that is needed."""

    def get(self, slot: Slot, shape: type[T]) -> T | None:
        """What is kept under a name."""

    def put(self, slot: Slot, value: object) -> None:
        """Keep a value."""


class Keypads:
    """All keypads of a controller; what is typed wrong is on its way to the disk before its answer is."""

    def __init__(self, kept: Kept, clock: Clock) -> None:
        self._kept = kept
        self._clock = clock
        self._known = kept.get(Slot.PIN_TRIES, dict[str, KeptTries]) or {}
        self._tries = {name: self._awake(one) for name, one in self._known.items()}

    def frozen(self, door: DoorId, side: Side) -> bool:
        """Whether PINs are not looked at here now."""
        return self._tries.get(_name(door, side), Tries()).frozen(self._clock.monotonic())

    def typed_wrong(self, door: DoorId, side: Side) -> None:
        """A PIN was wrong here."""
        name, now = _name(door, side), self._clock.monotonic()
        tries = self._tries.get(name, Tries(last=now)).one_more(now)
        self._tries[name] = tries
        wall = self._clock.now()
        self._known[name] = KeptTries(
            tries.wrong,
            wall,
            tries.freezes,
            wall + timedelta(seconds=max(0.0, tries.frozen_until - now)),
        )
        self._kept.put(Slot.PIN_TRIES, self._known)

    def _awake(self, kept: KeptTries) -> Tries:
        """After a restart: a freeze lasts for what was left of it, and for no longer than it was made for."""
        now, wall = self._clock.monotonic(), self._clock.now()
        longest = freeze_seconds(max(0, kept.freezes - 1))
        left = min(max(0.0, (kept.frozen_until - wall).total_seconds()), longest)
        ago = max(0.0, (wall - kept.last).total_seconds())
        return Tries(kept.wrong, now - ago, kept.freezes, now + left if left else now - ago)


def _name(door: DoorId, side: Side) -> str:
    return f"{door}/{side}"
