"""What every conversation with a smart card has in common: command out, answer in, a verdict at the end.

A conversation is a generator: it yields a command's bytes, is sent the answer's,
and returns what it found. It touches no device, so the same lines speak through
PC/SC, through a PN532 and to a virtual card in a test; and a card that is pulled
away in the middle is a generator that is closed, with nothing to clean up.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from aldaba_edge.codecs.apdu import Answer, Command, build_command, read_answer
from aldaba_edge.codecs.malformed import Malformed

T = TypeVar("T")
Exchange: TypeAlias = Generator[bytes, bytes, T]
"""Yields command APDUs, is sent response APDUs, returns T."""


@dataclass(frozen=True, slots=True)
class NotSuch:
    """The card is of another kind: ask it in the next way."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A card that claims to be of this kind and could not prove it. `why` is a code, never the card's bytes."""

    why: str


@dataclass(frozen=True, slots=True)
class Proven:
    """A card that proved itself.

    `canonical` is what `aldaba_shared.keys` digests. `counter` must be greater
    than any that was shown before. `afterwards` is what may still be said to the
    card once the door has its answer; nothing is lost when the card has left.
    """

    canonical: bytes = field(repr=False)
    counter: int | None = None
    afterwards: "Exchange[object] | None" = field(default=None, repr=False, compare=False)


Verdict: TypeAlias = Proven | Refused | NotSuch


def tell(command: Command) -> Exchange[Answer | Malformed]:
    """One command and its answer."""
    answer = yield build_command(command)
    return read_answer(answer)
