"""When a door stands unlocked by itself: its hours, its first card, and what ends both. Pure.

A door that stopped standing unlocked because its rules grew too old or its clock
unsure does not begin again when either comes back: a network that returns never
lets anybody in (EN 60839-11-1). It waits for its next hours, or for somebody of
the house to show a card.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from aldaba_shared.decide import DoorMode
from aldaba_shared.rules import Facts
from aldaba_shared.schedule import Schedule

EARLY: Final = timedelta(hours=1)
"""A first card counts from so long before the hours begin: who opens the house comes before its guests."""


class ModeCause(StrEnum):
    """What made a door change its mode."""

    TOLD = "told"
    ENDED = "ended"
    """The moment came until which it had been told."""
    SCHEDULE = "schedule"
    FIRST_CARD = "first_card"
    RULES_TOO_OLD = "rules_too_old"
    CLOCK_UNTRUSTED = "clock_untrusted"
    FIRE = "fire"


class UnlockPlan(Struct, frozen=True):
    """The hours in which a door stands unlocked, and whether it waits for a card of the house."""

    schedule: Schedule
    first_card: bool = False


class Standing(Struct, frozen=True, kw_only=True):
    """All that the mode of a door follows from, at one moment."""

    at: datetime
    told: DoorMode = DoorMode.LOCKED
    until: datetime | None = None
    fire: bool = False
    unsafe: ModeCause | None = None
    """Why no door may stand unlocked now, if anything is."""
    plan: UnlockPlan | None = None
    first_card_at: datetime | None = None
    stopped_at: datetime | None = None
    """When hours were last cut short for being unsafe."""


class ModeNow(Struct, frozen=True):
    """What a door does by itself at a moment, and why."""

    mode: DoorMode
    why: ModeCause
    until: datetime | None = None


def mode_at(now: Standing) -> ModeNow:
    """The mode that follows: fire first, then what people said, then the hours."""
    if now.fire:
        return ModeNow(DoorMode.EVACUATING, ModeCause.FIRE)
    over = now.until is not None and now.at >= now.until
    if not over and (now.told is not DoorMode.LOCKED or now.until is not None):
        if now.told is DoorMode.UNLOCKED and now.unsafe is not None:
            return ModeNow(DoorMode.LOCKED, now.unsafe)
        return ModeNow(now.told, ModeCause.TOLD, now.until)
    hours = _by_hours(now)
    return hours or ModeNow(DoorMode.LOCKED, ModeCause.ENDED if over else ModeCause.TOLD)


def _by_hours(now: Standing) -> ModeNow | None:
    began = now.plan.schedule.opened_at(now.at) if now.plan is not None else None
    if now.plan is None or began is None:
        return None
    if now.unsafe is not None:
        return ModeNow(DoorMode.LOCKED, now.unsafe)
    card = now.first_card_at is not None and now.first_card_at >= began - EARLY
    stopped = now.stopped_at is not None and now.stopped_at >= began
    if stopped:
        card = card and now.first_card_at is not None and now.first_card_at > (now.stopped_at or began)
    if card:
        return ModeNow(DoorMode.UNLOCKED, ModeCause.FIRST_CARD if now.plan.first_card else ModeCause.SCHEDULE)
    if stopped or now.plan.first_card:
        return ModeNow(DoorMode.LOCKED, ModeCause.SCHEDULE)
    return ModeNow(DoorMode.UNLOCKED, ModeCause.SCHEDULE)


def of_the_house(facts: Facts, at: datetime) -> bool:
    """Whether these are the facts of staff: somebody whose right here belongs to no contract."""
    return any(right.contract is None and right.in_force(at) for right in facts.rights)
