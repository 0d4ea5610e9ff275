"""The turnstile as a table: it counts people who pass, not cards that are tapped.

A grant lets one person through in one direction. Whoever turns the arm in that
direction is the holder; whoever turns it the other way, or after them, or
without any grant, passed without a holder and is counted as such.
"""

from enum import StrEnum
from typing import Final

from aldaba_shared.tables import Next, Table


class LaneState(StrEnum):
    """Where a turnstile is."""

    SECURED = "secured"
    LETTING_IN = "letting_in"
    LETTING_OUT = "letting_out"
    FREE = "free"
    """In a mode that lets everybody through, both ways."""


class LaneInput(StrEnum):
    """What can happen to a turnstile."""

    GRANT_IN = "grant_in"
    GRANT_OUT = "grant_out"
    PASSED_IN = "passed_in"
    PASSED_OUT = "passed_out"
    RELEASE_ENDED = "release_ended"
    FREED = "freed"
    SECURED_AGAIN = "secured_again"


class LaneEffect(StrEnum):
    """What has to happen, in the order the table gives."""

    RELEASE_IN = "release_in"
    RELEASE_OUT = "release_out"
    SECURE = "secure"
    START_RELEASE = "start_release"
    STOP_RELEASE = "stop_release"
    RECORD_HOLDER = "record_holder"
    """The person who was let through passed."""
    RECORD_SOMEBODY = "record_somebody"
    """Somebody passed who had not been let through: a second person, or one who went the wrong way."""
    RECORD_NOT_TAKEN = "record_not_taken"
    CALM = "calm"


_S, _I, _E = LaneState, LaneInput, LaneEffect
_LET_IN = Next(_S.LETTING_IN, (_E.RELEASE_IN, _E.START_RELEASE))
_LET_OUT = Next(_S.LETTING_OUT, (_E.RELEASE_OUT, _E.START_RELEASE))
_TAKEN = Next(_S.SECURED, (_E.SECURE, _E.STOP_RELEASE, _E.RECORD_HOLDER, _E.CALM))
_NOT_TAKEN = Next(_S.SECURED, (_E.SECURE, _E.STOP_RELEASE, _E.RECORD_NOT_TAKEN, _E.CALM))
_FREED = Next(_S.FREE, (_E.RELEASE_IN, _E.RELEASE_OUT))

_MOVES: Final[dict[tuple[LaneState, LaneInput], Next[LaneState, LaneEffect]]] = {
    (_S.SECURED, _I.GRANT_IN): _LET_IN,
    (_S.SECURED, _I.GRANT_OUT): _LET_OUT,
    (_S.SECURED, _I.PASSED_IN): Next(_S.SECURED, (_E.RECORD_SOMEBODY,)),
    (_S.SECURED, _I.PASSED_OUT): Next(_S.SECURED, (_E.RECORD_SOMEBODY,)),
    (_S.SECURED, _I.FREED): _FREED,
    (_S.SECURED, _I.SECURED_AGAIN): Next(_S.SECURED, (_E.SECURE,)),
    # A second card before the first person went: the first did not go, the release is the second's.
    (_S.LETTING_IN, _I.GRANT_IN): Next(_S.LETTING_IN, (_E.RECORD_NOT_TAKEN, _E.RELEASE_IN, _E.START_RELEASE)),
    (_S.LETTING_IN, _I.GRANT_OUT): Next(
        _S.LETTING_OUT, (_E.SECURE, _E.RECORD_NOT_TAKEN, _E.RELEASE_OUT, _E.START_RELEASE)
    ),
    (_S.LETTING_IN, _I.PASSED_IN): _TAKEN,
    (_S.LETTING_IN, _I.PASSED_OUT): Next(_S.LETTING_IN, (_E.RECORD_SOMEBODY,)),
    (_S.LETTING_IN, _I.RELEASE_ENDED): _NOT_TAKEN,
    (_S.LETTING_IN, _I.FREED): Next(_S.FREE, (_E.STOP_RELEASE, _E.RELEASE_IN, _E.RELEASE_OUT)),
    (_S.LETTING_OUT, _I.GRANT_IN): Next(
        _S.LETTING_IN, (_E.SECURE, _E.RECORD_NOT_TAKEN, _E.RELEASE_IN, _E.START_RELEASE)
    ),
    (_S.LETTING_OUT, _I.GRANT_OUT): Next(_S.LETTING_OUT, (_E.RECORD_NOT_TAKEN, _E.RELEASE_OUT, _E.START_RELEASE)),
    (_S.LETTING_OUT, _I.PASSED_OUT): _TAKEN,
    (_S.LETTING_OUT, _I.PASSED_IN): Next(_S.LETTING_OUT, (_E.RECORD_SOMEBODY,)),
    (_S.LETTING_OUT, _I.RELEASE_ENDED): _NOT_TAKEN,
    (_S.LETTING_OUT, _I.FREED): Next(_S.FREE, (_E.STOP_RELEASE, _E.RELEASE_IN, _E.RELEASE_OUT)),
    (_S.FREE, _I.GRANT_IN): _FREED,
    (_S.FREE, _I.GRANT_OUT): _FREED,
    (_S.FREE, _I.PASSED_IN): Next(_S.FREE, (_E.RECORD_HOLDER,)),
    (_S.FREE, _I.PASSED_OUT): Next(_S.FREE, (_E.RECORD_HOLDER,)),
    (_S.FREE, _I.FREED): _FREED,
    (_S.FREE, _I.SECURED_AGAIN): Next(_S.SECURED, (_E.SECURE, _E.CALM)),
}

_NOTHING: Final = (
    # A timer that was stopped may still have been on its way.
    (_S.SECURED, _I.RELEASE_ENDED),
    (_S.FREE, _I.RELEASE_ENDED),
    # A release that runs ends by itself within seconds.
    (_S.LETTING_IN, _I.SECURED_AGAIN),
    (_S.LETTING_OUT, _I.SECURED_AGAIN),
)

LANE: Final = Table(LaneState, LaneInput, _MOVES, _NOTHING)


def after(state: LaneState, given: LaneInput) -> Next[LaneState, LaneEffect]:
    """What an input means in a state."""
    return LANE.after(state, given)


def mermaid() -> str:
    """The turnstile's diagram, drawn from the table."""
    return LANE.mermaid(LaneState.SECURED)
