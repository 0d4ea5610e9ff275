"""Wiegand: pulses on two lines to bits, bits to a card number or a key, formats as data.

A wire without a name: nothing on it says which format a card has, so a format
is told by its length alone and a controller is configured with one format a
length. Parity is checked wherever a format has it; it is weak (two bits), so a
frame whose pulses were not clean is refused whole before parity is looked at.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final, TypeAlias

from msgspec import Struct

from aldaba_edge.codecs.malformed import Malformed

KEYPAD_BITS: Final = (4, 8)
LONGEST_FRAME: Final = 256
NAME: Final = re.compile(r"[A-Za-z0-9._ -]{1,40}")
"""No colon: the name is one part of a card's canonical number."""


Place: TypeAlias = tuple[int, int]
"""Where a number stands in a frame: its first bit, counted from 0, and how many there are."""


class Parity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One parity bit at `at` over the bits from `start`, `length` of them; positions count from 0."""

    at: int
    odd: bool
    start: int
    length: int

    @property
    def covers(self) -> Place:
        """The bits it is counted over."""
        return self.start, self.length


class WiegandFormat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a card's numbers stand in a frame of `bits` bits; the name is part of every card's number."""

    name: str
    bits: int
    number: Place
    facility: Place | None = None
    parities: tuple[Parity, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a format that contradicts itself or could be mistaken for a key; every mistake is said.

        Raises:
            ValueError: says which.
        """
        if mistakes := [*self._mistakes(), *self._parity_mistakes()]:
            message = f"format {self.name!r}: {'; '.join(mistakes)}"
            raise ValueError(message)

    def _mistakes(self) -> Iterator[str]:
        if not NAME.fullmatch(self.name):
            yield "its name is not 1 to 40 letters, digits, dots, dashes, spaces or underscores"
        if self.bits in KEYPAD_BITS:
            yield f"{self.bits} bits are a key of a keypad"
        if not 1 <= self.bits <= LONGEST_FRAME:
            yield f"{self.bits} bits are not between 1 and {LONGEST_FRAME}"
        for what, place in self._places():
            if place[0] < 0 or place[1] < 1 or sum(place) > self.bits:
                yield f"{what} ({place[0]}, {place[1]}) is not within its {self.bits} bits"
        for (one, first), (other, second) in combinations(self._own_bits(), 2):
            if first[0] < sum(second) and second[0] < sum(first):
                yield f"{one} and {other} share bits"

    def _parity_mistakes(self) -> Iterator[str]:
        """A parity that is counted over itself, or before a bit it needs is known, could never be built."""
        for number, parity in enumerate(self.parities, start=1):
            if parity.start <= parity.at < sum(parity.covers):
                yield f"parity {number} covers itself"
            for later, other in enumerate(self.parities[number:], start=number + 1):
                if parity.start <= other.at < sum(parity.covers):
                    yield f"parity {number} covers parity {later}: write it after that one"

    def _own_bits(self) -> Iterator[tuple[str, Place]]:
        """What every bit can be only one of."""
        yield "number", self.number
        if self.facility is not None:
            yield "facility", self.facility
        for number, parity in enumerate(self.parities, start=1):
            yield f"parity {number}", (parity.at, 1)

    def _places(self) -> Iterator[tuple[str, Place]]:
        yield from self._own_bits()
        for number, parity in enumerate(self.parities, start=1):
            yield f"what parity {number} covers", parity.covers


def _halves(name: str, bits: int, facility: tuple[int, int] | None, number: tuple[int, int]) -> WiegandFormat:
    """The common layout: even parity first over the first half, odd parity last over the second.

    With an odd count of bits between, the middle one is covered by both, as HID does for 37 bits.
    """
    covered = (bits - 1) // 2
    even = Parity(at=0, odd=False, start=1, length=covered)
    odd = Parity(at=bits - 1, odd=True, start=bits - 1 - covered, length=covered)
    return WiegandFormat(name=name, bits=bits, facility=facility, number=number, parities=(even, odd))


FORMATS: Final = {
    known.name: known
    for known in (
        _halves("H10301", 26, (1, 8), (9, 16)),
        _halves("W30", 30, (1, 8), (9, 20)),
        _halves("H10306", 34, (1, 16), (17, 16)),
        _halves("H10302", 37, None, (1, 35)),
        _halves("H10304", 37, (1, 16), (17, 19)),
    )
}
"""Formats known by name; W30 is what readers of 30 bits send: 1 + 8 + 20 + 1."""


@dataclass(frozen=True, slots=True)
class CardNumber:
    """What a card said: its format, facility code (None where the format has none) and number."""

    format: str
    facility: int | None
    number: int


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a keypad: 0-9, or 10 for * (clear) and 11 for # (enter)."""

    value: int


def read_bits(bits: str, formats: Iterable[WiegandFormat]) -> CardNumber | Key | Malformed:
    """A frame of "0" and "1" as a card of one of these formats, or as a key of a keypad."""
    if len(bits) in KEYPAD_BITS:
        return _key(bits)
    for known in formats:
        if known.bits == len(bits):
            return _card(bits, known)
    return Malformed("wiegand_length")


def build_bits(card: CardNumber, known: WiegandFormat) -> str:
    """The frame a reader sends for a card; the inverse of `read_bits`.

    Raises:
        ValueError: a number does not fit its field, which is a caller's mistake.
    """
    bits = ["0"] * known.bits
    for place, value in ((known.facility, card.facility), (known.number, card.number)):
        if place is not None:
            start, length = place
            bits[start : start + length] = _digits(value or 0, length)
    for parity in known.parities:
        bits[parity.at] = str((_ones("".join(bits), parity) + parity.odd) % 2)
    return "".join(bits)


def build_key(value: int, *, length: int) -> str:
    """The burst of one key: 4 bits, or 8 with the complement first."""
    return f"{value:04b}" if length == KEYPAD_BITS[0] else f"{value ^ 15:04b}{value:04b}"


def _digits(value: int, length: int) -> str:
    digits = f"{value:0{length}b}"
    if len(digits) > length:
        message = f"{value} does not fit in {length} bits."
        raise ValueError(message)
    return digits


def _key(bits: str) -> Key | Malformed:
    value = int(bits[-4:], 2)
    if bits != build_key(value, length=len(bits)):
        return Malformed("wiegand_key_complement")
    return Key(value) if value <= KEY_ENTER else Malformed("wiegand_key")


KEY_CLEAR: Final = 10
KEY_ENTER: Final = 11


def _card(bits: str, known: WiegandFormat) -> CardNumber | Malformed:
    if any(_ones(bits, parity) % 2 != (int(bits[parity.at]) + parity.odd) % 2 for parity in known.parities):
        return Malformed("wiegand_parity")
    facility = None if known.facility is None else _number(bits, known.facility)
    return CardNumber(known.name, facility, _number(bits, known.number))


def _ones(bits: str, parity: Parity) -> int:
    return bits.count("1", parity.start, parity.start + parity.length)


def _number(bits: str, place: tuple[int, int]) -> int:
    start, length = place
    return int(bits[start : start + length], 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What pulses are accepted, in seconds: their width, from start to start, and the silence after a frame."""

    pulse: tuple[float, float] = (20e-6, 100e-6)
    interval: tuple[float, float] = (200e-6, 20e-3)
    silence: float = 50e-3


@dataclass(slots=True)
class PulseReader:
    """Edges of both lines to frames, by the edges' own times; pure, and bounded at 256 bits.

    Lines rest high; a pulse on line 0 is a zero, on line 1 a one. A late thread
    changes nothing: a frame also ends when the next edge comes after the silence.
    """

    timing: Timing = field(default_factory=Timing)
    _bits: list[str] = field(default_factory=list)
    _broken: str = ""
    _low: int | None = None
    _started: float | None = None
    _last: float | None = None

    def edge(self, line: int, level: bool, at: float) -> list[str | Malformed]:  # noqa: FBT001 - the level of an edge
        """The frame that this edge proves complete, if any."""
        done = self.look(at)
        self._last = at
        if level:
            self._rise(line, at)
        else:
            self._fall(line, at)
        return done

    def look(self, at: float) -> list[str | Malformed]:
        """The frame that is complete because nothing came for long enough."""
        if self._last is None or at - self._last < self.timing.silence:
            return []
        frame: str | Malformed = "".join(self._bits)
        if self._broken or self._low is not None or not self._bits:
            frame = Malformed(self._broken or "wiegand_pulse")
        self._bits, self._broken, self._low, self._started, self._last = [], "", None, None, None
        return [frame]

    @property
    def waiting(self) -> bool:
        """Whether a frame has begun."""
        return self._last is not None

    def _fall(self, line: int, at: float) -> None:
        if self._low is not None:
            self._break("wiegand_both_lines")
        shortest, longest = self.timing.interval
        if self._started is not None and not shortest <= at - self._started <= longest:
            self._break("wiegand_interval")
        self._low, self._started = line, at

    def _rise(self, line: int, at: float) -> None:
        shortest, longest = self.timing.pulse
        if self._low != line or self._started is None or not shortest <= at - self._started <= longest:
            self._break("wiegand_pulse")
        elif len(self._bits) == LONGEST_FRAME:
            self._break("wiegand_too_long")
        else:
            self._bits.append(str(line))
        self._low = None

    def _break(self, why: str) -> None:
        """The first thing that went wrong names the frame."""
        self._broken = self._broken or why
