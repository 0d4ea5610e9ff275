"""What a signal looks and sounds like: lamps and a buzzer, switched on and off, as data that profiles carry.

A pattern hangs on the signal alone, never on what was typed or who was read,
so that a keypad and a reader tell bystanders nothing. A signal that a profile
does not name has the pattern below; a lamp that a pattern does not name is off.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

import msgspec

from aldaba_edge.ports import Signal

Duration = Annotated[int, msgspec.Meta(ge=0, le=60_000)]


class Lamp(StrEnum):
    """What can be switched on and off."""

    GREEN = "green"
    RED = "red"
    BUZZER = "buzzer"


class Blink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On and off in milliseconds, so many times; without `times` it goes on until the next signal."""

    on_ms: Duration
    off_ms: Duration = 0
    times: Annotated[int, msgspec.Meta(ge=1, le=255)] | None = None

    @property
    def lasts_ms(self) -> int | None:
        """How long it takes in all; None for one without an end."""
        return None if self.times is None else self.times * (self.on_ms + self.off_ms)


Pattern: TypeAlias = dict[Lamp, Blink]
Patterns: TypeAlias = dict[Signal, Pattern]

USUAL: Final[Mapping[Signal, Pattern]] = {
    Signal.READY: {},
    Signal.GRANTED: {Lamp.GREEN: Blink(3000, 0, 1), Lamp.BUZZER: Blink(150, 0, 1)},
    Signal.LONG_ACCESS: {Lamp.GREEN: Blink(500, 500, 15), Lamp.BUZZER: Blink(300, 1200, 10)},
    Signal.DENIED: {Lamp.RED: Blink(200, 200, 4), Lamp.BUZZER: Blink(100, 100, 3)},
    Signal.KEY: {Lamp.BUZZER: Blink(30, 0, 1)},
    Signal.WAIT: {Lamp.GREEN: Blink(500, 500)},
    Signal.PRE_ALARM: {Lamp.RED: Blink(500, 500), Lamp.BUZZER: Blink(300, 700)},
    Signal.OFFLINE: {Lamp.RED: Blink(100, 1900)},
}
"""Long access is a quarter of a minute of light and sound: its holders need to see or to hear it, and time."""


def pattern_of(signal: Signal, special: Mapping[Signal, Pattern]) -> Pattern:
    """The pattern of a signal: the profile's or the installer's own, or the usual one."""
    return special[signal] if signal in special else USUAL.get(signal, {})
