"""Rehearsing a change: compile twice, and say who gains, who loses, at which door and when.

And, over recorded days: which taps that were really made would have ended
otherwise, by running the door's decision again with other rules.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from aldaba_cloud.access.compile import GOOD, Entitlement, People, SiteRules
from aldaba_cloud.access.explain import FactsNow
from aldaba_shared.decide import decide
from aldaba_shared.events import AccessDecided
from aldaba_shared.ids import ControllerId, DoorId, HolderId, ScheduleId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from aldaba_shared.schedule import DAY_MINUTES, WEEK_DAYS, Schedule, Window

WEEK: Final = DAY_MINUTES * WEEK_DAYS


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes of a weekday, end excluded; 0 is Monday."""

    weekday: int
    window: Window


@dataclass(frozen=True, slots=True)
class Effect:
    """What one holder gains and loses at one door in an ordinary week."""

    holder: HolderId
    door: DoorId
    gains: tuple[Span, ...]
    loses: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class DoorHours:
    """What changes in the hours in which a door stands unlocked, for anybody, in an ordinary week."""

    door: DoorId
    opens: tuple[Span, ...]
    shuts: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Every effect of a change, and the special days on which somebody's hours differ."""

    effects: tuple[Effect, ...]
    special_days: tuple[str, ...] = ()
    doors: tuple[DoorHours, ...] = ()

    @property
    def gainers(self) -> frozenset[HolderId]:
        """Holders who gain anything."""
        return frozenset(effect.holder for effect in self.effects if effect.gains)

    @property
    def losers(self) -> frozenset[HolderId]:
        """Holders who lose anything."""
        return frozenset(effect.holder for effect in self.effects if effect.loses)


@dataclass(frozen=True, slots=True)
class Tap:
    """An answer that a door gave, and where it stands in the books."""

    controller: ControllerId
    journal: str
    sequence: int
    at: datetime
    event: AccessDecided


@dataclass(frozen=True, slots=True)
class OtherEnd:
    """A tap that was really made and would have ended otherwise."""

    tap: Tap
    would_be: Reason

    @property
    def was(self) -> Reason:
        """What the door said."""
        return self.tap.event.decision.reason

    @property
    def door(self) -> DoorId:
        """Where."""
        return self.tap.event.shown.door

    @property
    def holder(self) -> HolderId | None:
        """Whose credential it was; None where the door did not know it."""
        known = self.tap.event.facts.credential
        return known.holder if known else None


def other_ends(taps: Iterable[Tap], after: FactsNow, before: FactsNow | None = None) -> list[OtherEnd]:
    """The taps that would have ended otherwise by the rules `after`.

    With `before` only those count that end otherwise because of the change from
    one to the other, not because of what has changed since the tap. Presence, the
    door's mode and the hour stay as they were. Unknown cards and passes stand in
    no compiled rules and are left out.
    """
    found = []
    for tap in taps:
        would_be = _reason_by(after, tap.event)
        if would_be is None or would_be is tap.event.decision.reason:
            continue
        if before is None or _reason_by(before, tap.event) is not would_be:
            found.append(OtherEnd(tap, would_be))
    return found


def _reason_by(rules: FactsNow, event: AccessDecided) -> Reason | None:
    known = event.facts.credential
    if known is None or known.kind is CredentialKind.PASS:
        return None
    facts = replace(rules.of_card(known.id, event.shown.door), refusal=event.facts.refusal)
    return decide(event.shown, facts, event.presence, event.door).reason


def rehearse(before: SiteRules, after: SiteRules, people: People, people_after: People | None = None) -> Rehearsal:
    """Compare two compilations; `people_after` when the change is in the people and not in the levels."""
    old = _week_by_pass(before, before.entitlements(people))
    new = _week_by_pass(after, after.entitlements(people_after or people))
    effects = []
    for place in sorted(old.keys() | new.keys()):
        was, will = old.get(place, 0), new.get(place, 0)
        if was != will:
            holder, door = place
            effects.append(Effect(holder, door, spans(will & ~was), spans(was & ~will)))
    return Rehearsal(tuple(effects), _special_days_changed(before, after), tuple(_door_hours(before, after)))


def _door_hours(before: SiteRules, after: SiteRules) -> Iterable[DoorHours]:
    """Doors whose unlocked hours differ; a first card may still keep one locked within them."""
    for door in sorted(before.place.doors.keys() | after.place.doors.keys()):
        was, will = _unlocked_week(before, door), _unlocked_week(after, door)
        if was != will:
            yield DoorHours(door, spans(will & ~was), spans(was & ~will))


def _unlocked_week(rules: SiteRules, door: DoorId) -> int:
    known = rules.place.doors.get(door)
    if known is None or known.use.unlock is None:
        return 0
    return week_bits(rules.schedule(known.use.unlock))


def week_bits(schedule: Schedule) -> int:
    """An ordinary week as one bit a minute, Monday 00:00 first."""
    bits = 0
    for weekday, windows in enumerate(schedule.week):
        for window in windows:
            bits |= ((1 << (window.end - window.start)) - 1) << (weekday * DAY_MINUTES + window.start)
    return bits


def spans(bits: int) -> tuple[Span, ...]:
    """The windows a week of bits is made of, cut at midnight."""
    found = []
    for weekday in range(WEEK_DAYS):
        day = (bits >> (weekday * DAY_MINUTES)) & ((1 << DAY_MINUTES) - 1)
        start = 0
        while day >> start:
            start += _zeros(day >> start)
            length = _zeros(~(day >> start))
            found.append(Span(weekday, Window(start, start + length)))
            start += length
    return tuple(found)


def _zeros(number: int) -> int:
    """How many zero bits end a number that is not zero."""
    return (number & -number).bit_length() - 1


def _week_by_pass(rules: SiteRules, entitled: Iterable[Entitlement]) -> Mapping[tuple[HolderId, DoorId], int]:
    """The minutes each holder may pass each door by rights in good standing; contracts add up."""
    weeks: dict[ScheduleId, int] = {}
    passes: dict[tuple[HolderId, DoorId], int] = defaultdict(int)
    for one in entitled:
        if one.contract is not None and one.contract.standing not in GOOD:
            continue
        if one.schedule not in weeks:
            weeks[one.schedule] = week_bits(rules.schedule(one.schedule))
        passes[one.holder, one.door] |= weeks[one.schedule]
    return passes


def _special_days_changed(before: SiteRules, after: SiteRules) -> tuple[str, ...]:
    names = {*before.levels.schedules, *after.levels.schedules}
    days: set[str] = set()
    for name in names:
        old, new = before.schedule(name).special_days, after.schedule(name).special_days
        days.update(day.isoformat() for day in old.keys() | new.keys() if old.get(day) != new.get(day))
    return tuple(sorted(days))
