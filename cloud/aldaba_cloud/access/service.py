"""Changing who may go where: every change is compiled and published in its own transaction."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from msgspec import structs

from aldaba_cloud import audit
from aldaba_cloud.access import store
from aldaba_cloud.access.compile import SiteRules, narrowed, with_schedule
from aldaba_cloud.access.explain import Explanation, FactsNow, Question, explain_question
from aldaba_cloud.access.models import ALWAYS, NamedSchedule, SpecialDay
from aldaba_cloud.access.publish import Published, people_of, publish, site_rules
from aldaba_cloud.access.rehearse import OtherEnd, Rehearsal, Tap, other_ends, rehearse
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import books
from aldaba_cloud.fleet import store as fleet_store
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members.models import IssuedCredential
from aldaba_cloud.members.service import NewCredential
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import DoorUse
from aldaba_shared.door_rules import Apart
from aldaba_shared.events import AccessDecided, read_line
from aldaba_shared.ids import ControllerId, CredentialId, DoorId, HolderId, ScheduleId, SiteId, ZoneId
from aldaba_shared.schedule import Schedule, Windows, checked, weekly

KEPT_VERSIONS: Final = timedelta(days=30)
EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether a controller follows the newest rules that were published for it."""

    controller: ControllerId
    published: tuple[int, int]
    confirmed: tuple[int, int]

    @property
    def up_to_date(self) -> bool:
        """Whether the door obeys what the page shows."""
        return self.confirmed >= self.published


@dataclass(frozen=True, slots=True)
class Reach:
    """One door a holder may pass, with the schedules under which they may."""

    door: DoorId
    schedules: tuple[Schedule, ...]
    until: datetime | None


def publish_everywhere(work: Work, keyring: Keyring, whom: list[HolderId] | None = None) -> list[Published]:
    """Bring the controllers of every site the caller sees up to date."""
    keys = controller_keys(work, keyring)
    return [made for site in places.list_sites(work) for made in publish(work, site.id, keyring, keys, whom=whom)]


def changed_schedule(
    work: Work, name: ScheduleId, week: tuple[Windows, ...], reentry_minutes: int | None = None
) -> NamedSchedule:
    """A schedule with another week, checked and not yet kept; None leaves the minutes for coming back as they are."""
    known = store.find_schedule(work, name)
    if known is None:
        raise Missing("schedule", name)
    site = places.find_site(work, known.site)
    minutes = known.reentry_minutes if reentry_minutes is None else reentry_minutes
    hours = weekly(site.time_zone if site else "UTC", dict(enumerate(week)))
    checked(structs.replace(hours, reentry_minutes=minutes))
    return replace(known, week=week, reentry_minutes=minutes)


def rehearse_schedule(work: Work, name: ScheduleId, week: tuple[Windows, ...], keyring: Keyring) -> Rehearsal:
    """Say who would gain and who would lose by another week, without keeping it."""
    wanted = changed_schedule(work, name, week)
    rules = site_rules(work, wanted.site)
    after = narrowed(rules, with_schedule(rules.levels, wanted))
    return rehearse(rules, after, people_of(work, keyring))


def rehearse_plan(work: Work, site: SiteId, plan: str, brought: tuple[str, ...], keyring: Keyring) -> Rehearsal:
    """Say who would gain and who would lose at a site, were all contracts of a plan under a version with these levels.

    Nothing is kept: contracts stay under their version until somebody moves them.
    """
    rules, people = site_rules(work, site), people_of(work, keyring)
    moved = {one.id: brought for one in people.contracts if one.plan == plan}
    levels = replace(rules.levels, by_contract={**rules.levels.by_contract, **moved})
    return rehearse(rules, narrowed(rules, levels), people)


def rehearse_door_use(work: Work, door: DoorId, use: DoorUse, keyring: Keyring) -> Rehearsal:
    """Say in which hours a door would stand unlocked, and when no longer, without keeping it.

    Raises:
        Missing: no such door within the caller's sight, or no such schedule of its site.
    """
    site = _site_of_use(work, door, use)
    rules = site_rules(work, site)
    known = replace(rules.place.doors[door], use=use)
    place = replace(rules.place, doors={**rules.place.doors, door: known})
    return rehearse(rules, SiteRules(place, rules.levels, rules.today), people_of(work, keyring, []))


def set_door_use(work: Work, door: DoorId, use: DoorUse, keyring: Keyring) -> list[Published]:
    """Keep how a door is used, and publish it.

    Raises:
        Missing: no such door within the caller's sight, or no such schedule of its site.
    """
    site = _site_of_use(work, door, use)
    places.set_use(work, door, use)
    audit.note(
        work,
        site,
        "door_use_set",
        door,
        unlock=use.unlock,
        first_card=use.first_card,
        second_factor=use.second_factor,
        pin_alone=use.pin_alone,
        persons=use.persons,
    )
    return publish(work, site, keyring, controller_keys(work, keyring), whom=[])


def set_zone_apart(work: Work, zone: ZoneId, apart: Apart, keyring: Keyring) -> list[Published]:
    """Declare what a zone's passback does while its controllers cannot hear each other, and publish it.

    Raises:
        Missing: no such zone within the caller's sight.
    """
    known = places.find_zone(work, zone)
    if known is None or not places.set_zone_apart(work, zone, apart):
        raise Missing("zone", zone)
    audit.note(work, known.site, "zone_apart_set", zone, apart=apart)
    return publish(work, known.site, keyring, controller_keys(work, keyring), whom=())


def _site_of_use(work: Work, door: DoorId, use: DoorUse) -> SiteId:
    known = places.find_door(work, door)
    if known is None:
        raise Missing("door", door)
    for name in {use.unlock, use.second_factor} - {None, ALWAYS}:
        schedule = store.find_schedule(work, ScheduleId(str(name)))
        if schedule is None or schedule.site != known.site:
            raise Missing("schedule", str(name))
    for other in use.interlock_with:
        partner = places.find_door(work, other)
        if partner is None or partner.site != known.site:
            raise Missing("door", other)
    return known.site


def taps_of(work: Work, site: SiteId, *, at: datetime, received: datetime = EVER) -> list[Tap]:
    """The taps in a site's books, made and received since these moments."""
    return [
        Tap(ControllerId(row.controller_id), row.journal, row.sequence, row.at, event)
        for row in books.taps(work, site, at=at, received=received)
        if isinstance(event := read_line(row.body).event, AccessDecided)
    ]


def rehearse_taps(
    work: Work, name: ScheduleId, week: tuple[Windows, ...], keyring: Keyring, *, days: int = 7
) -> list[OtherEnd]:
    """Say which taps of the last days would have ended otherwise with another week, without keeping it."""
    wanted = changed_schedule(work, name, week)
    rules, people = site_rules(work, wanted.site), people_of(work, keyring)
    after = narrowed(rules, with_schedule(rules.levels, wanted))
    taps = taps_of(work, wanted.site, at=work.now - timedelta(days=days))
    return other_ends(taps, FactsNow(after, people), FactsNow(rules, people))


def find_schedule(work: Work, name: ScheduleId) -> NamedSchedule:
    """One schedule.

    Raises:
        Missing: the caller sees none by that name.
    """
    found = store.find_schedule(work, name)
    if found is None:
        raise Missing("schedule", name)
    return found


def list_special_days(work: Work, site: SiteId) -> list[SpecialDay]:
    """The days of a site that are unlike the week.

    Raises:
        Missing: the caller sees no such site.
    """
    if places.find_site(work, site) is None:
        raise Missing("site", site)
    return store.list_special_days(work, site)


def find_special_day(work: Work, site: SiteId, day: date) -> SpecialDay:
    """One such day.

    Raises:
        Missing: the caller sees no such site, or that day is an ordinary one.
    """
    found = next((one for one in list_special_days(work, site) if one.day == day), None)
    if found is None:
        raise Missing("special day", day.isoformat())
    return found


def change_schedule(
    work: Work, name: ScheduleId, week: tuple[Windows, ...], keyring: Keyring, *, reentry_minutes: int | None = None
) -> list[Published]:
    """Keep another week, and for how long people may come back after it, and publish both to the site's doors."""
    wanted = changed_schedule(work, name, week, reentry_minutes)
    if not store.save_schedule(work, wanted):
        raise Missing("schedule", name)
    audit.note(work, wanted.site, "schedule_changed", name)
    return publish(work, wanted.site, keyring, controller_keys(work, keyring), whom=())


def set_special_day(work: Work, day: SpecialDay, keyring: Keyring) -> list[Published]:
    """Replace one day of the week's schedules and publish it."""
    if places.find_site(work, day.site) is None:
        raise Missing("site", day.site)
    checked(weekly("UTC", {}, {day.day: day.windows}))
    store.set_special_day(work, day)
    audit.note(work, day.site, "special_day_set", day.day.isoformat())
    return publish(work, day.site, keyring, controller_keys(work, keyring), whom=())


def revoke_credential(work: Work, credential: CredentialId, because: str, keyring: Keyring) -> IssuedCredential:
    """Switch a credential off and tell every door that knows it."""
    revoked = members.revoke(work, credential, because)
    publish_everywhere(work, keyring, [revoked.holder])
    return revoked


def restore_credential(work: Work, credential: CredentialId, keyring: Keyring) -> IssuedCredential:
    """Switch a credential on again and tell the doors."""
    restored = members.restore(work, credential)
    publish_everywhere(work, keyring, [restored.holder])
    return restored


def issue_credential(work: Work, wanted: NewCredential, keyring: Keyring) -> IssuedCredential:
    """Issue a credential and have the doors learn it."""
    issued = members.issue(work, wanted, keyring)
    publish_everywhere(work, keyring, [issued.holder])
    return issued


def confirmations(work: Work) -> list[Confirmation]:
    """For each controller, what was published and what it said it follows."""
    newest = {one.controller: (one.epoch, one.version) for one in store.newest_generations(work)}
    newest |= dict.fromkeys(fleet_store.held_since(work), (places.rules_epoch(work), 0))
    return [
        Confirmation(one.id, newest[one.id], (one.epoch, one.version))
        for one in fleet_store.list_controllers(work)
        if one.id in newest and one.retired_at is None
    ]


def nightly(work: Work, keyring: Keyring) -> list[Published]:
    """What a new day changes by itself: special days gone by leave the rules, old versions are forgotten."""
    store.prune_generations(work, work.now - KEPT_VERSIONS)
    store.forget_passes(work, work.now - KEPT_VERSIONS)
    return publish_everywhere(work, keyring)


def explain_access(work: Work, question: Question, keyring: Keyring) -> Explanation:
    """Answer a what-if by the rules as they are now."""
    door = places.find_door(work, question.door)
    if door is None:
        raise Missing("door", question.door)
    if members_store.find_holder(work, question.holder) is None:
        raise Missing("holder", question.holder)
    return explain_question(site_rules(work, door.site), people_of(work, keyring, [question.holder]), question)


def reach_of(work: Work, holder: HolderId, keyring: Keyring) -> dict[SiteId, list[Reach]]:
    """Where a holder may go, site by site: what the member's page shows."""
    people = people_of(work, keyring, [holder])
    found: dict[SiteId, list[Reach]] = {}
    for site in places.list_sites(work):
        rules = site_rules(work, site.id)
        entitled = [one for one in rules.entitlements(people) if one.holder == holder]
        for door in sorted({one.door for one in entitled}):
            mine = [one for one in entitled if one.door == door]
            ends = [one.ends_at(rules.zone) for one in mine]
            latest = None if None in ends else max(end for end in ends if end is not None)
            schedules = tuple(rules.schedule(name) for name in sorted({one.schedule for one in mine}))
            found.setdefault(site.id, []).append(Reach(door, schedules, latest))
    return found
