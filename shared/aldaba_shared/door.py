"""The door as a table: what each input means in each state, and what has to happen then.

Two things stand in every row: a request to leave releases in every state, and
no release outlives its timer unless the mode itself lets everybody through.
Modes are inputs here: `freed` for a door that is unlocked or evacuating,
`secured_again` for one that is locked or locked down. A release that runs when
a lockdown comes is left to its few seconds: it may be somebody's way out.
"""

from enum import StrEnum
from typing import Final

from aldaba_shared.decide import DoorMode
from aldaba_shared.tables import Next, Table


class DoorState(StrEnum):
    """Where a door is."""

    SECURED = "secured"
    """Shut and held."""
    RELEASED = "released"
    """Shut, and let through until the release ends."""
    PASSING = "passing"
    """Open, and still let through."""
    OPEN = "open"
    """Open after a release; the lock will hold it once it shuts."""
    HELD = "held"
    """Open for too long: an alarm."""
    FORCED = "forced"
    """Open without a release: an alarm."""
    FREE = "free"
    """Shut, in a mode that lets everybody through."""
    FREE_OPEN = "free_open"
    """Open, in a mode that lets everybody through."""
    RESTED = "rested"
    """Shut, in a mode that lets everybody through, but its lock had to rest: each release counts alone."""
    RESTED_OPEN = "rested_open"
    """The same, while the leaf is open."""


class DoorInput(StrEnum):
    """What can happen to a door."""

    GRANT = "grant"
    EXIT_REQUESTED = "exit_requested"
    RELEASE_COMMAND = "release_command"
    OPENED = "opened"
    CLOSED = "closed"
    RELEASE_ENDED = "release_ended"
    PRE_ALARM = "pre_alarm"
    HELD_TOO_LONG = "held_too_long"
    POWERED_TOO_LONG = "powered_too_long"
    """The lock was powered to release for as long as its maker allows."""
    FREED = "freed"
    SECURED_AGAIN = "secured_again"


class DoorEffect(StrEnum):
    """What has to happen, in the order the table gives."""

    RELEASE = "release"
    SECURE = "secure"
    START_RELEASE = "start_release"
    """Start the release timer, or start it anew."""
    SHORTEN_RELEASE = "shorten_release"
    """Relock on open: let the release end now, or after the lock's own delay."""
    STOP_RELEASE = "stop_release"
    START_HELD = "start_held"
    """Start the pre-alarm and the held timers, or start them anew."""
    STOP_HELD = "stop_held"
    RECORD_OPENED = "record_opened"
    RECORD_CLOSED = "record_closed"
    RECORD_FORCED = "record_forced"
    RECORD_HELD = "record_held"
    RECORD_RESTED = "record_rested"
    WARN = "warn"
    """Show that the door wants to be shut."""
    CALM = "calm"
    """Show that nothing is asked of anybody any more."""


FREE_MODES: Final = frozenset({DoorMode.UNLOCKED, DoorMode.EVACUATING})
RELEASES: Final = (DoorInput.GRANT, DoorInput.EXIT_REQUESTED, DoorInput.RELEASE_COMMAND)
SHUT: Final = frozenset({DoorState.SECURED, DoorState.RELEASED, DoorState.FREE, DoorState.RESTED})
RELEASED_STATES: Final = frozenset({DoorState.RELEASED, DoorState.PASSING, DoorState.FREE, DoorState.FREE_OPEN})
"""States in which the lock lets through."""

_S, _I, _E = DoorState, DoorInput, DoorEffect
_LET_THROUGH = (_E.RELEASE, _E.START_RELEASE)
_LET_THROUGH_AGAIN = (_E.RELEASE, _E.START_RELEASE, _E.STOP_HELD, _E.START_HELD)

_MOVES: Final[dict[tuple[DoorState, DoorInput], Next[DoorState, DoorEffect]]] = {
    **{(_S.SECURED, given): Next(_S.RELEASED, _LET_THROUGH) for given in RELEASES},
    (_S.SECURED, _I.OPENED): Next(_S.FORCED, (_E.RECORD_FORCED,)),
    (_S.SECURED, _I.FREED): Next(_S.FREE, (_E.RELEASE,)),
    (_S.SECURED, _I.SECURED_AGAIN): Next(_S.SECURED, (_E.SECURE,)),
    **{(_S.RELEASED, given): Next(_S.RELEASED, _LET_THROUGH) for given in RELEASES},
    (_S.RELEASED, _I.OPENED): Next(_S.PASSING, (_E.RECORD_OPENED, _E.START_HELD, _E.SHORTEN_RELEASE)),
    (_S.RELEASED, _I.RELEASE_ENDED): Next(_S.SECURED, (_E.SECURE, _E.STOP_RELEASE, _E.CALM)),
    (_S.RELEASED, _I.POWERED_TOO_LONG): Next(_S.SECURED, (_E.SECURE, _E.STOP_RELEASE, _E.RECORD_RESTED, _E.CALM)),
    (_S.RELEASED, _I.FREED): Next(_S.FREE, (_E.STOP_RELEASE, _E.RELEASE)),
    **{(_S.PASSING, given): Next(_S.PASSING, _LET_THROUGH_AGAIN) for given in RELEASES},
    (_S.PASSING, _I.CLOSED): Next(_S.RELEASED, (_E.RECORD_CLOSED, _E.STOP_HELD, _E.CALM)),
    (_S.PASSING, _I.RELEASE_ENDED): Next(_S.OPEN, (_E.SECURE, _E.STOP_RELEASE)),
    (_S.PASSING, _I.PRE_ALARM): Next(_S.PASSING, (_E.WARN,)),
    (_S.PASSING, _I.HELD_TOO_LONG): Next(_S.HELD, (_E.SECURE, _E.STOP_RELEASE, _E.RECORD_HELD)),
    (_S.PASSING, _I.POWERED_TOO_LONG): Next(_S.OPEN, (_E.SECURE, _E.STOP_RELEASE, _E.RECORD_RESTED)),
    (_S.PASSING, _I.FREED): Next(_S.FREE_OPEN, (_E.STOP_RELEASE, _E.STOP_HELD, _E.RELEASE, _E.CALM)),
    **{(_S.OPEN, given): Next(_S.PASSING, _LET_THROUGH_AGAIN) for given in RELEASES},
    (_S.OPEN, _I.CLOSED): Next(_S.SECURED, (_E.SECURE, _E.RECORD_CLOSED, _E.STOP_HELD, _E.CALM)),
    (_S.OPEN, _I.PRE_ALARM): Next(_S.OPEN, (_E.WARN,)),
    (_S.OPEN, _I.HELD_TOO_LONG): Next(_S.HELD, (_E.RECORD_HELD,)),
    (_S.OPEN, _I.FREED): Next(_S.FREE_OPEN, (_E.STOP_HELD, _E.RELEASE, _E.CALM)),
    **{(_S.HELD, given): Next(_S.PASSING, _LET_THROUGH_AGAIN) for given in RELEASES},
    (_S.HELD, _I.CLOSED): Next(_S.SECURED, (_E.SECURE, _E.RECORD_CLOSED, _E.STOP_HELD, _E.CALM)),
    (_S.HELD, _I.FREED): Next(_S.FREE_OPEN, (_E.STOP_HELD, _E.RELEASE, _E.CALM)),
    **{(_S.FORCED, given): Next(_S.PASSING, _LET_THROUGH_AGAIN) for given in RELEASES},
    (_S.FORCED, _I.CLOSED): Next(_S.SECURED, (_E.SECURE, _E.RECORD_CLOSED, _E.CALM)),
    (_S.FORCED, _I.FREED): Next(_S.FREE_OPEN, (_E.RELEASE, _E.CALM)),
    **{(_S.FREE, given): Next(_S.FREE, (_E.RELEASE,)) for given in RELEASES},
    (_S.FREE, _I.OPENED): Next(_S.FREE_OPEN, (_E.RECORD_OPENED,)),
    (_S.FREE, _I.POWERED_TOO_LONG): Next(_S.RESTED, (_E.SECURE, _E.RECORD_RESTED)),
    (_S.FREE, _I.FREED): Next(_S.FREE, (_E.RELEASE,)),
    (_S.FREE, _I.SECURED_AGAIN): Next(_S.SECURED, (_E.SECURE, _E.CALM)),
    **{(_S.FREE_OPEN, given): Next(_S.FREE_OPEN, (_E.RELEASE,)) for given in RELEASES},
    (_S.FREE_OPEN, _I.CLOSED): Next(_S.FREE, (_E.RECORD_CLOSED,)),
    (_S.FREE_OPEN, _I.POWERED_TOO_LONG): Next(_S.RESTED_OPEN, (_E.SECURE, _E.RECORD_RESTED)),
    (_S.FREE_OPEN, _I.FREED): Next(_S.FREE_OPEN, (_E.RELEASE,)),
    (_S.FREE_OPEN, _I.SECURED_AGAIN): Next(_S.OPEN, (_E.SECURE, _E.START_HELD)),
    # A rested lock lets each person through for as long as its maker allows, and rests again.
    **{(_S.RESTED, given): Next(_S.FREE, (_E.RELEASE,)) for given in RELEASES},
    (_S.RESTED, _I.OPENED): Next(_S.RESTED_OPEN, (_E.RECORD_OPENED,)),
    (_S.RESTED, _I.FREED): Next(_S.FREE, (_E.RELEASE,)),
    (_S.RESTED, _I.SECURED_AGAIN): Next(_S.SECURED, (_E.SECURE, _E.CALM)),
    **{(_S.RESTED_OPEN, given): Next(_S.FREE_OPEN, (_E.RELEASE,)) for given in RELEASES},
    (_S.RESTED_OPEN, _I.CLOSED): Next(_S.RESTED, (_E.RECORD_CLOSED,)),
    (_S.RESTED_OPEN, _I.FREED): Next(_S.FREE_OPEN, (_E.RELEASE,)),
    (_S.RESTED_OPEN, _I.SECURED_AGAIN): Next(_S.OPEN, (_E.SECURE, _E.START_HELD)),
}

_NOTHING: Final = (
    # A leaf reports what is known already: the level is repeated after a reader or a contact came back.
    *((state, _I.CLOSED) for state in SHUT),
    *((state, _I.OPENED) for state in DoorState if state not in SHUT),
    # A timer that was stopped may still have been on its way.
    *((state, _I.RELEASE_ENDED) for state in DoorState if state not in (_S.RELEASED, _S.PASSING)),
    *((state, _I.PRE_ALARM) for state in DoorState if state not in (_S.PASSING, _S.OPEN)),
    *((state, _I.HELD_TOO_LONG) for state in DoorState if state not in (_S.PASSING, _S.OPEN)),
    *((state, _I.POWERED_TOO_LONG) for state in DoorState if state not in RELEASED_STATES),
    # A release that runs ends by itself within seconds; an open leaf is held once it shuts.
    *((state, _I.SECURED_AGAIN) for state in (_S.RELEASED, _S.PASSING, _S.OPEN, _S.HELD, _S.FORCED)),
)

DOOR: Final = Table(DoorState, DoorInput, _MOVES, _NOTHING)


def after(state: DoorState, given: DoorInput) -> Next[DoorState, DoorEffect]:
    """What an input means in a state."""
    return DOOR.after(state, given)


def mermaid() -> str:
    """The door's diagram, drawn from the table."""
    return DOOR.mermaid(DoorState.SECURED)
