"""What the signed rules say of a door itself: the row `door/{id}` of the settings.

How a door is wired stands in its controller's configuration, because the
installer answers for it. How it is used stands here, because an administrator
changes it from a page: when it stands unlocked, which doors must be shut before
it opens, and what holds while those cannot be heard.
"""

from enum import StrEnum
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

from aldaba_shared.ids import DoorId, ScheduleId, ZoneId
from aldaba_shared.wire import Hours, decode, encode

ReleaseSeconds: TypeAlias = Annotated[int, Meta(ge=1, le=3_600)]
"""How long a door may be let go for one person: an hour is the most that a configuration takes too."""
PREFIX: Final = "door/"
"""The names of the rows begin so."""


class Apart(StrEnum):
    """What a rule that needs other controllers does while they cannot be heard."""

    SOFTEN = "soften"
    """Nobody stands outside because of a network: what would be refused is granted, and said."""
    KEEP = "keep"
    """The last that was heard counts for as long as nothing newer is."""


class DoorRules(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How a door is used; every field has the value of a door nobody said anything about."""

    into: ZoneId | None = None
    out_of: ZoneId | None = None
    release_seconds: ReleaseSeconds = 5
    offline_grace_hours: Hours = 168
    unlock: ScheduleId | None = None
    """While this schedule is open, the door stands unlocked."""
    first_card: bool = False
    """It waits for the first card of somebody of the house before it does."""
    interlock_with: tuple[DoorId, ...] = ()
    """Doors of this site that must be secured before this one lets in."""
    interlock_apart: Apart = Apart.KEEP
    second_factor: ScheduleId | None = None
    """While this schedule is open, a card or phone and a PIN of the same person are needed."""
    pin_alone: bool = False
    """A PIN opens without a card, where no second factor is asked for."""
    persons: Annotated[int, Meta(ge=1, le=2)] = 1
    """Two: the first person shown waits for a second one."""
    sticker: bool = False
    """Whoever is signed in may ask this door to let them in, from the page of its sticker."""
    second_person_seconds: Annotated[int, Meta(ge=1, le=600)] = 15


NOTHING_SAID: Final = DoorRules()


def setting(door: DoorId) -> str:
    """The name of a door's row."""
    return f"{PREFIX}{door}"


def door_body(rules: DoorRules) -> bytes:
    """The body of the row."""
    return encode(rules)


def read_door(body: bytes) -> DoorRules:
    """Read the body of a row.

    Raises:
        Malformed: it holds something else.
    """
    return decode(body, DoorRules)
