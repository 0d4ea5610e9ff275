"""The simulated town's facts, told to the cloud through the cloud's own stores and services."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from aldaba_cloud.access import store as access
from aldaba_cloud.access.models import ALWAYS as ALWAYS_OPEN
from aldaba_cloud.access.models import AccessLevel, NamedSchedule, SpecialDay, Target
from aldaba_cloud.db import Work
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members.models import Contract, Holder, HolderKind, Plan, PlanKind
from aldaba_cloud.members.service import NewCredential
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door, Site, Zone
from aldaba_shared.ids import ContractId, ControllerId, CredentialId, DoorId, HolderId, ScheduleId, SiteId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.schedule import Window, Windows
from aldaba_sim.building import Building
from aldaba_sim.oracle import Carrier, Hours, Offer, Truth
from aldaba_sim.people import TIME_ZONE, Person

SITE: Final = SiteId("bcn")
PLANS: Final = {"hot_desk": PlanKind.HOT_DESK, "resident": PlanKind.FIXED, "office": PlanKind.OFFICE}
RELEASE_SECONDS: Final = 5


def build(work: Work, building: Building) -> None:
    """Tell the cloud about the network, the site, its zones and its doors."""
    places.add_network(work, "The simulated network")
    site = Site(SITE, work.scope.network, "Barcelona", TIME_ZONE)
    places.add_site(work, site)
    for space in building.spaces.values():
        parent = ZoneId(space.parent) if space.parent else None
        places.add_zone(work, Zone(ZoneId(space.zone), SITE, space.name, parent, counted=space.counted))
    for opening in building.openings.values():
        places.add_door(
            work,
            Door(
                DoorId(opening.door),
                SITE,
                opening.name,
                into=ZoneId(opening.inner),
                out_of=ZoneId(opening.outer),
                controller=ControllerId(opening.controller),
                way_out_read=opening.reader_out,
                release_seconds=RELEASE_SECONDS,
            ),
        )


def open_books(
    work: Work, people: Sequence[Person], truth: Truth, building: Building, keyring: Keyring
) -> dict[str, CredentialId]:
    """Tell the cloud about schedules, levels, people, contracts and cards; the answer is each holder's credential."""
    for name, hours in truth.hours.items():
        if name != ALWAYS_OPEN:
            access.add_schedule(work, schedule_of(name, hours))
    for day in truth.holidays:
        access.set_special_day(work, holiday(day))
    for plan, kind in PLANS.items():
        members_store.add_plan(work, Plan(plan, plan, kind, SITE))
    levels = {name: _level(name, offer, building) for name, offer in truth.offers.items()}
    for name, level in levels.items():
        access.add_level(work, level)
        if name in PLANS:
            access.link_plan(work, name, level)
    members.welcome(work, [_holder(person, truth.carriers[person.holder]) for person in people])
    for person in people:
        if not person.plan:
            access.link_holder(work, HolderId(person.holder), levels[person.role])
    members_store.add_contracts(work, [contract_of(person, truth) for person in people if person.plan])
    issued = members.issue_many(work, [_card(person, truth.carriers[person.holder]) for person in people], keyring)
    return {one.holder: one.id for one in issued}


def schedule_of(name: str, hours: Hours) -> NamedSchedule:
    """Plain hours as the admin would have saved them."""
    week: tuple[Windows, ...] = tuple(
        (Window(round(hours.days[day][0] * 60), round(hours.days[day][1] * 60)),) if day in hours.days else ()
        for day in range(7)
    )
    return NamedSchedule(ScheduleId(name), SITE, name, week, keeps_special_days=hours.keeps_holidays)


def holiday(day: date) -> SpecialDay:
    """A day on which schedules that keep holidays have no hours."""
    return SpecialDay(SITE, day, "Holiday", ())


def contract_of(person: Person, truth: Truth) -> Contract:
    """A member's contract as the books have it."""
    paid = truth.carriers[person.holder].paid
    if paid is None:
        raise ValueError(person.holder)
    return Contract(
        contract_id(person.holder),
        person.plan,
        (HolderId(person.holder),),
        starts_on=date(2025, 1, 1),
        paid_until=paid.until,
        grace_days=paid.grace_days,
        site=SITE,
    )


def contract_id(holder: str) -> ContractId:
    """The contract of a member; each has one."""
    return ContractId(f"contract-{holder}")


def _level(name: str, offer: Offer, building: Building) -> AccessLevel:
    """One target a door: a target that is a zone would bring along every room inside it."""
    doors = [opening.door for opening in building.openings.values() if opening.inner in offer.places]
    schedule = ScheduleId(offer.hours)
    return AccessLevel(name, SITE, name, tuple(Target(schedule, door=DoorId(door)) for door in doors))


def _holder(person: Person, carrier: Carrier) -> Holder:
    kind = HolderKind(person.role)
    return Holder(HolderId(person.holder), kind, person.name, site=SITE, essential=carrier.essential)


def _card(person: Person, carrier: Carrier) -> NewCredential:
    return NewCredential(
        HolderId(person.holder),
        CredentialKind.UID,
        person.uid,
        f"card of {person.holder}",
        carrier.card_from,
        carrier.card_until,
        SITE,
    )
