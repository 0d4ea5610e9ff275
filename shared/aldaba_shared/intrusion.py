"""When an intrusion alarm is armed, as a table: once the last person left, and never while anybody is thought inside.

The number it goes by is presence, which may be an estimate. So arming waits a
while after it came to nobody, and any sign of a person ends it at once: who is
let in disarms before the door lets them through.
"""

from enum import StrEnum
from typing import Final

from aldaba_shared.tables import Next, Table


class Guard(StrEnum):
    """Where an intrusion alarm is."""

    DISARMED = "disarmed"
    ARMING = "arming"
    """Nobody is thought inside; a while is left to whoever is still at the door."""
    ARMED = "armed"


class GuardInput(StrEnum):
    """What can happen to it."""

    EMPTIED = "emptied"
    """The last person left, and nothing speaks against arming."""
    PEOPLE = "people"
    """Somebody is thought inside, or nobody can tell."""
    ENTRY = "entry"
    """Somebody is about to be let in."""
    DELAY_ENDED = "delay_ended"


class GuardEffect(StrEnum):
    """What has to happen, in the order the table gives."""

    START_DELAY = "start_delay"
    STOP_DELAY = "stop_delay"
    ARM = "arm"
    """Write it in the books, then drive the output."""
    DISARM = "disarm"
    """Drive the output, then write it in the books."""


_S, _I, _E = Guard, GuardInput, GuardEffect
_MOVES: Final[dict[tuple[Guard, GuardInput], Next[Guard, GuardEffect]]] = {
    (_S.DISARMED, _I.EMPTIED): Next(_S.ARMING, (_E.START_DELAY,)),
    (_S.ARMING, _I.PEOPLE): Next(_S.DISARMED, (_E.STOP_DELAY,)),
    (_S.ARMING, _I.ENTRY): Next(_S.DISARMED, (_E.STOP_DELAY,)),
    (_S.ARMING, _I.DELAY_ENDED): Next(_S.ARMED, (_E.ARM,)),
    (_S.ARMED, _I.PEOPLE): Next(_S.DISARMED, (_E.DISARM,)),
    (_S.ARMED, _I.ENTRY): Next(_S.DISARMED, (_E.DISARM,)),
}

_NOTHING: Final = (
    *((_S.DISARMED, given) for given in (_I.PEOPLE, _I.ENTRY)),
    (_S.ARMING, _I.EMPTIED),
    (_S.ARMED, _I.EMPTIED),
    # A timer that was stopped may still have been on its way.
    (_S.DISARMED, _I.DELAY_ENDED),
    (_S.ARMED, _I.DELAY_ENDED),
)

GUARD: Final = Table(Guard, GuardInput, _MOVES, _NOTHING)


def after(state: Guard, given: GuardInput) -> Next[Guard, GuardEffect]:
    """What an input means in a state."""
    return GUARD.after(state, given)


def mermaid() -> str:
    """The guard's diagram, drawn from the table."""
    return GUARD.mermaid(Guard.DISARMED)
