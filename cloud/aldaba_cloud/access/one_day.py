"""Rehearsing, keeping and removing a special day: the one date on which other hours hold than every week's."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import TypeAlias

from aldaba_cloud import audit
from aldaba_cloud.access import store
from aldaba_cloud.access.compile import GOOD, People, SiteRules, narrowed
from aldaba_cloud.access.models import SpecialDay
from aldaba_cloud.access.publish import Published, people_of, publish, site_rules
from aldaba_cloud.access.rehearse import Effect, Rehearsal, Span, spans
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.places import store as places
from aldaba_shared.ids import DoorId, HolderId, ScheduleId, SiteId
from aldaba_shared.schedule import DAY_MINUTES, Windows, checked, weekly

Minutes: TypeAlias = Mapping[tuple[HolderId, DoorId], int]


def find_special_day(work: Work, site: SiteId, day: date) -> SpecialDay:
    """A special day that is kept.

    Raises:
        Missing: that day is an ordinary one, or its site is not the caller's to see.
    """
    for one in store.list_special_days(work, site):
        if one.day == day:
            return one
    raise Missing("special day", day.isoformat())


def rehearse_special_day(work: Work, wanted: SpecialDay, keyring: Keyring, *, gone: bool = False) -> Rehearsal:
    """Say who would gain and who would lose on that one date if it were kept, or with `gone` if it were removed.

    Raises:
        Missing: there is no such site.
        ScheduleInvalid: no door could follow these hours.
    """
    _check(work, wanted)
    rules = site_rules(work, wanted.site)
    others = tuple(one for one in rules.levels.special_days if one.day != wanted.day)
    after = narrowed(rules, replace(rules.levels, special_days=others if gone else (*others, wanted)))
    return rehearse_date(rules, after, people_of(work, keyring), wanted.day)


def remove_special_day(work: Work, site: SiteId, day: date, keyring: Keyring) -> list[Published]:
    """Let a date be an ordinary one again, and publish it."""
    known = find_special_day(work, site, day)
    if not store.drop_special_day(work, known):
        raise Missing("special day", day.isoformat())
    audit.note(work, site, "special_day_removed", day.isoformat())
    return publish(work, site, keyring, controller_keys(work, keyring), whom=())


def rehearse_date(before: SiteRules, after: SiteRules, people: People, day: date) -> Rehearsal:
    """Compare what two compilations let each holder do on one date; rights in good standing add up."""
    old, new = _minutes(before, people, day), _minutes(after, people, day)
    effects = []
    for place in sorted(old.keys() | new.keys()):
        was, will = old.get(place, 0), new.get(place, 0)
        if was != will:
            effects.append(Effect(*place, _spans(will & ~was, day), _spans(was & ~will, day)))
    return Rehearsal(tuple(effects), (day.isoformat(),))


def _check(work: Work, wanted: SpecialDay) -> None:
    if places.find_site(work, wanted.site) is None:
        raise Missing("site", wanted.site)
    checked(weekly("UTC", {}, {wanted.day: wanted.windows}))


def _minutes(rules: SiteRules, people: People, day: date) -> Minutes:
    """The minutes of that date at which each holder may pass each door, one bit a minute."""
    found: dict[tuple[HolderId, DoorId], int] = defaultdict(int)
    known: dict[ScheduleId, int] = {}
    for one in rules.entitlements(people):
        if one.contract is None or one.contract.standing in GOOD:
            if one.schedule not in known:
                schedule = rules.schedule(one.schedule)
                known[one.schedule] = _bits(schedule.special_days.get(day, schedule.week[day.weekday()]))
            found[one.holder, one.door] |= known[one.schedule]
    return found


def _bits(windows: Windows) -> int:
    bits = 0
    for window in windows:
        bits |= ((1 << (window.end - window.start)) - 1) << window.start
    return bits


def _spans(bits: int, day: date) -> tuple[Span, ...]:
    return spans(bits << (day.weekday() * DAY_MINUTES))
