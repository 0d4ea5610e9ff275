"""Compiling a little at a time comes to the same as compiling everything, whatever changed in between."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from aldaba_cloud.access.compile import Card, ControllerRules, People, SiteRules, people_rows, site_rows
from aldaba_cloud.access.explain import Question, explain_question, facts_of
from aldaba_cloud.access.models import ALWAYS, AccessLevel, Levels, NamedSchedule, Target
from aldaba_cloud.access.publish import Difference
from aldaba_cloud.access.rehearse import rehearse, spans, week_bits
from aldaba_cloud.access.store import encoded
from aldaba_cloud.fleet.models import ControllerKeys
from aldaba_cloud.members.models import Contract, ContractState, Holder, HolderKind, IssuedCredential, Standing
from aldaba_cloud.places.models import Door, Place, Site, Zone, routes
from aldaba_shared.ids import (
    ContractId,
    ControllerId,
    CredentialId,
    DoorId,
    HolderId,
    NetworkId,
    ScheduleId,
    SiteId,
    ZoneId,
)
from aldaba_shared.keys import CredentialKind
from aldaba_shared.presence import STREET
from aldaba_shared.schedule import DAY_MINUTES, Window, weekly
from aldaba_shared.snapshot import EMPTY_SET, set_hash

NOON = datetime(2026, 11, 23, 11, tzinfo=UTC)
SITE = Site(SiteId("s"), NetworkId("n"), "Site", "Europe/Madrid")
ZONES = tuple(ZoneId(f"z{number}") for number in range(4))
HOLDERS = tuple(HolderId(f"h{number}") for number in range(5))
HOURS = ScheduleId("hours")


@st.composite
def places(draw: st.DrawFn) -> Place:
    """Zones in a chain or a tree from the street, and a door or two more anywhere."""
    doors = [
        Door(
            DoorId(f"d{n}"),
            SITE.id,
            f"d{n}",
            zone,
            draw(st.sampled_from((STREET, *ZONES[:n]))),
            ControllerId(f"c{n % 2}"),
        )
        for n, zone in enumerate(ZONES)
    ]
    for extra in range(draw(st.integers(0, 2))):
        into, out_of = draw(st.sampled_from(ZONES)), draw(st.sampled_from((STREET, *ZONES)))
        doors.append(Door(DoorId(f"x{extra}"), SITE.id, f"x{extra}", into, out_of, ControllerId("c0")))
    return Place(SITE, {name: Zone(name, SITE.id, name) for name in ZONES}, {door.id: door for door in doors})


@st.composite
def levels(draw: st.DrawFn) -> Levels:
    found = {}
    for name in ("a", "b"):
        zones = draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=3))
        when = draw(st.sampled_from((HOURS, ALWAYS)))
        found[name] = AccessLevel(name, SITE.id, name, tuple(Target(when, zone=zone) for zone in zones))
    week = tuple((Window(540, 1080),) if day < 5 else () for day in range(7))
    own = draw(st.dictionaries(st.sampled_from(HOLDERS), st.just(("b",)), max_size=2))
    return Levels(found, {"plan": ("a",)}, own, {HOURS: NamedSchedule(HOURS, SITE.id, "Hours", week)})


@st.composite
def a_contract(draw: st.DrawFn, number: int) -> Contract:
    return Contract(
        ContractId(f"k{number}"),
        "plan",
        tuple(draw(st.sets(st.sampled_from(HOLDERS), min_size=1, max_size=3))),
        date(2026, 1, 1),
        state=draw(st.sampled_from(ContractState)),
        standing=draw(st.sampled_from(Standing)),
        renews=draw(st.booleans()),
        paid_until=draw(st.none() | st.dates(date(2026, 10, 1), date(2026, 12, 31))),
    )


@st.composite
def crowds(draw: st.DrawFn) -> People:
    holders = {name: Holder(name, HolderKind.MEMBER, name) for name in HOLDERS}
    contracts = tuple(draw(a_contract(number)) for number in range(draw(st.integers(0, 3))))
    cards = tuple(
        Card(
            IssuedCredential(CredentialId(f"card-{name}"), name, CredentialKind.UID, "", NOON, draw(st.booleans())),
            name.encode(),
        )
        for name in draw(st.sets(st.sampled_from(HOLDERS)))
    )
    return People(holders, contracts, cards)


def only(people: People, whom: set[HolderId]) -> People:
    """What the store would load for these holders."""
    mine = (one.narrowed_to(frozenset(whom)) for one in people.contracts)
    return People(
        {name: holder for name, holder in people.holders.items() if name in whom},
        tuple(one for one in mine if one.people),
        tuple(card for card in people.cards if card.credential.holder in whom),
    )


def controllers(place: Place) -> list[ControllerRules]:
    return [
        ControllerRules(
            ControllerId(name),
            ControllerKeys(ControllerId(name), name.encode() * 16, (name.encode() * 16,)),
            frozenset(d.id for d in place.doors.values() if d.controller == name),
        )
        for name in ("c0", "c1")
    ]


@settings(max_examples=30, deadline=None)
@given(place=places(), level=levels(), before=crowds(), after=crowds())
def test_publishing_who_changed_equals_publishing_everybody(
    place: Place, level: Levels, before: People, after: People
) -> None:
    rules = SiteRules(place, level, NOON.date())
    changed = {name for name in HOLDERS if only(before, {name}) != only(after, {name})}
    event(f"{len(changed)} of {len(HOLDERS)} changed")
    for one in controllers(place):
        old, new = (people_rows(rules, crowd, [one])[one.id] for crowd in (before, after))
        part = [people_rows(rules, only(crowd, changed), [one])[one.id] for crowd in (before, after)]
        step = Difference(map(encoded, part[0]), map(encoded, part[1]))
        assert step.hash_after(set_hash(old)) == set_hash(new)
        assert Difference((), map(encoded, new)).hash_after(EMPTY_SET) == set_hash(new)


@settings(max_examples=30, deadline=None)
@given(place=places(), level=levels(), people=crowds())
def test_whoever_may_pass_a_door_may_pass_every_door_on_some_way_to_it(
    place: Place, level: Levels, people: People
) -> None:
    rules = SiteRules(place, level, NOON.date())
    ways = routes(place)
    passes = {(one.holder, one.door, one.contract_id, one.schedule) for one in rules.entitlements(people)}
    event("somebody may go somewhere" if passes else "nobody may go anywhere")
    for holder, door, contract, schedule in passes:
        for step in ways.get(place.doors[door].out_of, ()):
            assert (holder, step, contract, schedule) in passes


@settings(max_examples=30, deadline=None)
@given(place=places(), level=levels(), people=crowds(), hour=st.integers(0, 24 * 60))
def test_a_what_if_answers_by_the_same_rights_as_the_rows(
    place: Place, level: Levels, people: People, hour: int
) -> None:
    rules = SiteRules(place, level, NOON.date())
    at = NOON + timedelta(hours=hour)
    rows = [row for found in people_rows(rules, people, controllers(place)).values() for row in found]
    for holder in HOLDERS:
        for door in place.doors:
            granted = explain_question(rules, people, Question(holder, door, at)).decision.granted
            rights = {right.id for right in facts_of(rules, people, holder, door).rights}
            kept = {row.values[2] for row in rows if row.table == "grant_" and row.values[:2] == (door, holder)}
            event(f"granted {granted}")
            carries = any(card.credential.holder == holder for card in people.cards)
            assert rights == (kept if carries else set())


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1440)), max_size=6))
def test_a_week_of_bits_gives_its_windows_back(drawn: list[tuple[int, int, int]]) -> None:
    days: dict[int, set[int]] = {day: set() for day in range(7)}
    for day, start, length in drawn:
        days[day].update(range(start, min(start + length, DAY_MINUTES)))
    event(f"{len(drawn)} windows")
    bits = sum(1 << (day * DAY_MINUTES + minute) for day, minutes in days.items() for minute in minutes)
    found = spans(bits)
    again = weekly("UTC", {day: [one.window for one in found if one.weekday == day] for day in range(7)})
    assert week_bits(again) == bits


@settings(max_examples=30, deadline=None)
@given(place=places(), level=levels(), people=crowds())
def test_what_one_change_gives_its_reversal_takes(place: Place, level: Levels, people: People) -> None:
    rules = SiteRules(place, level, NOON.date())
    other = SiteRules(place, replace(level, schedules={}), NOON.date())
    there, back = rehearse(rules, other, people), rehearse(other, rules, people)
    event(f"{'some' if there.effects else 'no'} effects")
    assert not there.gainers
    assert [(one.holder, one.door, one.loses) for one in there.effects] == [
        (one.holder, one.door, one.gains) for one in back.effects
    ]
    assert rehearse(rules, rules, people).effects == ()


def test_rows_of_nobody_are_the_same_every_time() -> None:
    place = Place(SITE, {name: Zone(name, SITE.id, name) for name in ZONES}, {})
    rules = SiteRules(place, Levels({}, {}, {}, {}), NOON.date())
    one = ControllerRules(ControllerId("c0"), ControllerKeys(ControllerId("c0"), b"k" * 32, (b"k" * 32,)), frozenset())
    assert set_hash(site_rows(rules, one)) == set_hash(reversed(site_rows(rules, one)))
