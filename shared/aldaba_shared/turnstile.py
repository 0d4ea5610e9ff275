"""The turnstile as a table: it counts people who pass, not cards that are tapped.

A grant lets one person through in one direction. Whoever turns the arm in that
direction is the holder. Whoever follows before the arm has come to rest, turns
it the other way, or turns it without any grant, passed without a holder and is
counted as such, with what was seen of them.
"""

from enum import StrEnum
from typing import Final

from aldaba_shared.tables import Next, Table


class Passage(StrEnum):
    """How somebody came through."""

    GRANTED = "granted"
    """The one who was let through."""
    SECOND_PERSON = "second_person"
    """Right behind the one who was let through, in the same direction."""
    WRONG_WAY = "wrong_way"
    """Against the direction that was released."""
    UNASKED = "unasked"
    """While nobody was let through: the arm was forced, or its own reader or key let somebody in."""
    FREE = "free"
    """In a mode that lets everybody through, without showing anything."""


class LaneState(StrEnum):
    """Where a turnstile is."""

    SECURED = "secured"
    LETTING_IN = "letting_in"
    LETTING_OUT = "letting_out"
    JUST_IN = "just_in"
    """Held, and the person let in has only just passed: whoever comes now came behind them."""
    JUST_OUT = "just_out"
    FREE = "free"
    """In a mode that lets everybody through, both ways."""


class LaneInput(StrEnum):
    """What can happen to a turnstile."""

    GRANT_IN = "grant_in"
    GRANT_OUT = "grant_out"
    PASSED_IN = "passed_in"
    PASSED_OUT = "passed_out"
    RELEASE_ENDED = "release_ended"
    FOLLOW_ENDED = "follow_ended"
    """The arm has come to rest after a passage."""
    FREED = "freed"
    SECURED_AGAIN = "secured_again"


class LaneEffect(StrEnum):
    """What has to happen, in the order the table gives."""

    RELEASE_IN = "release_in"
    RELEASE_OUT = "release_out"
    SECURE = "secure"
    START_RELEASE = "start_release"
    STOP_RELEASE = "stop_release"
    START_FOLLOW = "start_follow"
    STOP_FOLLOW = "stop_follow"
    RECORD_HOLDER = "record_holder"
    """The person who was let through passed; in a free mode, whoever passed."""
    RECORD_SECOND_PERSON = "record_second_person"
    RECORD_WRONG_WAY = "record_wrong_way"
    RECORD_UNASKED = "record_unasked"
    RECORD_NOT_TAKEN = "record_not_taken"
    CALM = "calm"


_S, _I, _E = LaneState, LaneInput, LaneEffect
_LET_IN = (_E.RELEASE_IN, _E.START_RELEASE)
_LET_OUT = (_E.RELEASE_OUT, _E.START_RELEASE)
_TAKEN = (_E.SECURE, _E.STOP_RELEASE, _E.RECORD_HOLDER, _E.START_FOLLOW, _E.CALM)
_NOT_TAKEN = Next(_S.SECURED, (_E.SECURE, _E.STOP_RELEASE, _E.RECORD_NOT_TAKEN, _E.CALM))
_BOTH_WAYS = (_E.RELEASE_IN, _E.RELEASE_OUT)
_FREED = Next(_S.FREE, _BOTH_WAYS)
_FREED_FROM_RELEASE = Next(_S.FREE, (_E.STOP_RELEASE, *_BOTH_WAYS))
_FREED_FROM_FOLLOW = Next(_S.FREE, (_E.STOP_FOLLOW, *_BOTH_WAYS))

_MOVES: Final[dict[tuple[LaneState, LaneInput], Next[LaneState, LaneEffect]]] = {
    (_S.SECURED, _I.GRANT_IN): Next(_S.LETTING_IN, _LET_IN),
    (_S.SECURED, _I.GRANT_OUT): Next(_S.LETTING_OUT, _LET_OUT),
    (_S.SECURED, _I.PASSED_IN): Next(_S.SECURED, (_E.RECORD_UNASKED,)),
    (_S.SECURED, _I.PASSED_OUT): Next(_S.SECURED, (_E.RECORD_UNASKED,)),
    (_S.SECURED, _I.FREED): _FREED,
    (_S.SECURED, _I.SECURED_AGAIN): Next(_S.SECURED, (_E.SECURE,)),
    # A second card before the first person went: the first did not go, the release is the second's.
    (_S.LETTING_IN, _I.GRANT_IN): Next(_S.LETTING_IN, (_E.RECORD_NOT_TAKEN, *_LET_IN)),
    (_S.LETTING_IN, _I.GRANT_OUT): Next(_S.LETTING_OUT, (_E.SECURE, _E.RECORD_NOT_TAKEN, *_LET_OUT)),
    (_S.LETTING_IN, _I.PASSED_IN): Next(_S.JUST_IN, _TAKEN),
    (_S.LETTING_IN, _I.PASSED_OUT): Next(_S.LETTING_IN, (_E.RECORD_WRONG_WAY,)),
    (_S.LETTING_IN, _I.RELEASE_ENDED): _NOT_TAKEN,
    (_S.LETTING_IN, _I.FREED): _FREED_FROM_RELEASE,
    (_S.LETTING_OUT, _I.GRANT_IN): Next(_S.LETTING_IN, (_E.SECURE, _E.RECORD_NOT_TAKEN, *_LET_IN)),
    (_S.LETTING_OUT, _I.GRANT_OUT): Next(_S.LETTING_OUT, (_E.RECORD_NOT_TAKEN, *_LET_OUT)),
    (_S.LETTING_OUT, _I.PASSED_OUT): Next(_S.JUST_OUT, _TAKEN),
    (_S.LETTING_OUT, _I.PASSED_IN): Next(_S.LETTING_OUT, (_E.RECORD_WRONG_WAY,)),
    (_S.LETTING_OUT, _I.RELEASE_ENDED): _NOT_TAKEN,
    (_S.LETTING_OUT, _I.FREED): _FREED_FROM_RELEASE,
    (_S.JUST_IN, _I.GRANT_IN): Next(_S.LETTING_IN, (_E.STOP_FOLLOW, *_LET_IN)),
    (_S.JUST_IN, _I.GRANT_OUT): Next(_S.LETTING_OUT, (_E.STOP_FOLLOW, *_LET_OUT)),
    (_S.JUST_IN, _I.PASSED_IN): Next(_S.JUST_IN, (_E.RECORD_SECOND_PERSON,)),
    (_S.JUST_IN, _I.PASSED_OUT): Next(_S.JUST_IN, (_E.RECORD_WRONG_WAY,)),
    (_S.JUST_IN, _I.FOLLOW_ENDED): Next(_S.SECURED),
    (_S.JUST_IN, _I.FREED): _FREED_FROM_FOLLOW,
    (_S.JUST_OUT, _I.GRANT_IN): Next(_S.LETTING_IN, (_E.STOP_FOLLOW, *_LET_IN)),
    (_S.JUST_OUT, _I.GRANT_OUT): Next(_S.LETTING_OUT, (_E.STOP_FOLLOW, *_LET_OUT)),
    (_S.JUST_OUT, _I.PASSED_OUT): Next(_S.JUST_OUT, (_E.RECORD_SECOND_PERSON,)),
    (_S.JUST_OUT, _I.PASSED_IN): Next(_S.JUST_OUT, (_E.RECORD_WRONG_WAY,)),
    (_S.JUST_OUT, _I.FOLLOW_ENDED): Next(_S.SECURED),
    (_S.JUST_OUT, _I.FREED): _FREED_FROM_FOLLOW,
    (_S.FREE, _I.GRANT_IN): _FREED,
    (_S.FREE, _I.GRANT_OUT): _FREED,
    (_S.FREE, _I.PASSED_IN): Next(_S.FREE, (_E.RECORD_HOLDER,)),
    (_S.FREE, _I.PASSED_OUT): Next(_S.FREE, (_E.RECORD_HOLDER,)),
    (_S.FREE, _I.FREED): _FREED,
    (_S.FREE, _I.SECURED_AGAIN): Next(_S.SECURED, (_E.SECURE, _E.CALM)),
}

_NOTHING: Final = (
    # A timer that was stopped may still have been on its way.
    *((state, _I.RELEASE_ENDED) for state in LaneState if state not in (_S.LETTING_IN, _S.LETTING_OUT)),
    *((state, _I.FOLLOW_ENDED) for state in LaneState if state not in (_S.JUST_IN, _S.JUST_OUT)),
    # A release that runs ends by itself within seconds, and who just passed finds the arm held.
    *((state, _I.SECURED_AGAIN) for state in (_S.LETTING_IN, _S.LETTING_OUT, _S.JUST_IN, _S.JUST_OUT)),
)

HELD: Final = frozenset({LaneState.SECURED, LaneState.JUST_IN, LaneState.JUST_OUT})
"""States in which nobody can turn the arm."""

LANE: Final = Table(LaneState, LaneInput, _MOVES, _NOTHING)


def after(state: LaneState, given: LaneInput) -> Next[LaneState, LaneEffect]:
    """What an input means in a state."""
    return LANE.after(state, given)


def mermaid() -> str:
    """The turnstile's diagram, drawn from the table."""
    return LANE.mermaid(LaneState.SECURED)
