"""Numbers of a zone: how many, how sure, how old."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aldaba_shared.ids import HolderId, ZoneId
from aldaba_shared.presence import Presence, PresenceRules, Stay, is_unnamed, people

STALE_AFTER: Final = timedelta(minutes=5)
"""A connected controller is heard every minute; after five its zones' numbers are called stale."""

UNNAMED_FOR: Final = timedelta(hours=36)
"""A night reset has ended every passage without a card by then."""


@dataclass(frozen=True, slots=True)
class ZoneNow:
    """A zone at a moment. `heard_at` is the oldest last contact among its doors; None if one was never heard."""

    zone: ZoneId
    name: str
    count: int
    counted: bool
    safety_limit: int | None
    commercial_limit: int | None
    heard_at: datetime | None
    stale_since: datetime | None
    unnamed: int = 0
    """How many of `count` passed a turnstile without a card; below zero when more left so than came."""


def counts(presence: Presence, rules: PresenceRules, at: datetime) -> dict[ZoneId, int]:
    """How many are in every zone at once; each zone's number is what `presence.occupancy` says."""
    found = _summed(presence, rules, at)
    return {zone: max(0, number) for zone, number in found.items()}


def without_a_card(presence: Presence, rules: PresenceRules, at: datetime) -> dict[ZoneId, int]:
    """How many of them passed a turnstile without a card; below zero where more left so than came."""
    return _summed({holder: stay for holder, stay in presence.items() if is_unnamed(holder)}, rules, at)


def _summed(presence: Presence, rules: PresenceRules, at: datetime) -> dict[ZoneId, int]:
    found = dict.fromkeys(rules.zones, 0)
    for holder, stay in presence.items():
        place = rules.place_of(holder, stay, at)
        if place is not None:
            for zone in _around(place, rules):
                found[zone] += people(holder)
    return found


def _around(zone: ZoneId, rules: PresenceRules) -> Iterable[ZoneId]:
    """A zone and those it lies in; a ring in the tree ends the walk."""
    seen: set[ZoneId] = set()
    step: ZoneId | None = zone
    while step is not None and step in rules.zones and step not in seen:
        seen.add(step)
        step = rules.zones[step].parent
    return seen


def mismatches(kept: Mapping[HolderId, Stay], replayed: Mapping[HolderId, Stay]) -> list[HolderId]:
    """Holders whose kept stay is not the one a replay of all events gives."""
    return sorted(holder for holder in kept.keys() | replayed.keys() if kept.get(holder) != replayed.get(holder))
