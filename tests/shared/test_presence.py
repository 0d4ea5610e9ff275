"""Presence: the same books for any order, duplication and lateness of what doors saw."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_shared.decide import Passback, PresenceNow
from aldaba_shared.ids import HolderId, ZoneId
from aldaba_shared.presence import (
    STREET,
    Order,
    Presence,
    PresenceRules,
    Stay,
    Zone,
    ends_at,
    merged,
    moved,
    occupancy,
    seen_by,
    unnamed,
    within,
)

MONDAY_NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
ANA, BEA = HolderId("ana"), HolderId("bea")
FLOOR, ROOM = ZoneId("floor"), ZoneId("room")
RULES = PresenceRules(
    {FLOOR: Zone(FLOOR, safety_limit=2, passback=Passback.HARD, counted=True), ROOM: Zone(ROOM, parent=FLOOR)},
    "Europe/Madrid",
)


def order(minutes: int = 0, controller: str = "c1", sequence: int = 1) -> Order:
    return Order(MONDAY_NOON + timedelta(minutes=minutes), controller, "j", sequence)


Step = tuple[HolderId, ZoneId, Order]
STEPS = st.lists(
    st.builds(
        lambda holder, zone, minute, controller, sequence: (holder, zone, order(minute, controller, sequence)),
        st.sampled_from([ANA, BEA, HolderId("cai")]),
        st.sampled_from([FLOOR, ROOM, STREET]),
        st.integers(0, 5),
        st.sampled_from(["c1", "c2"]),
        st.integers(1, 5),
    ),
    max_size=12,
    unique_by=lambda step: step[2],
)


def fold(steps: Sequence[Step]) -> Presence:
    presence: Presence = {}
    for holder, zone, at in steps:
        presence = moved(presence, holder, zone, at)
    return presence


@given(steps=STEPS, data=st.data())
def test_any_order_and_any_repetition_give_the_same_books(steps: list[Step], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(steps), max_size=4)) if steps else []
    shuffled = data.draw(st.permutations([*steps, *again]))
    event(f"movements: {len(steps)}, repeated: {len(again)}, in order: {shuffled == steps}")
    assert fold(shuffled) == fold(sorted(steps, key=lambda step: step[2]))


@given(steps=STEPS, cut=st.integers(0, 12))
def test_two_controllers_agree_whoever_tells_first(steps: list[Step], cut: int) -> None:
    mine, theirs = fold(steps[:cut]), fold(steps[cut:])
    event(f"shared holders: {len(mine.keys() & theirs.keys())}")
    assert merged(mine, theirs.items()) == merged(theirs, mine.items()) == fold(steps)


def test_who_is_in_a_room_is_on_its_floor() -> None:
    presence = moved({}, ANA, ROOM, order())
    assert occupancy(presence, FLOOR, RULES, MONDAY_NOON) == 1
    assert seen_by(presence, ANA, FLOOR, RULES, MONDAY_NOON).inside


def test_who_left_to_the_street_is_nowhere() -> None:
    presence = moved(moved({}, ANA, FLOOR, order()), ANA, STREET, order(5))
    assert occupancy(presence, FLOOR, RULES, MONDAY_NOON + timedelta(minutes=6)) == 0


@pytest.mark.feature(9)
def test_a_counted_zone_never_forgets_and_an_estimated_one_lets_go() -> None:
    presence = fold([(ANA, FLOOR, order()), (BEA, ROOM, order())])
    tomorrow = MONDAY_NOON + timedelta(days=1)
    assert occupancy(presence, FLOOR, RULES, tomorrow) == 2
    assert occupancy(presence, ROOM, RULES, tomorrow) == 0


def test_an_estimated_stay_ends_after_its_hours_or_at_the_night_reset() -> None:
    room = Zone(ROOM, presence_hours=12)
    noon = Stay(ROOM, MONDAY_NOON, order())
    late = Stay(ROOM, MONDAY_NOON + timedelta(hours=9), order())
    assert ends_at(noon, room, "Europe/Madrid", time(4)) == MONDAY_NOON + timedelta(hours=12)
    assert ends_at(late, room, "Europe/Madrid", time(4)) == datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def test_the_night_reset_follows_the_wall_clock_over_a_changeover() -> None:
    saturday_evening = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
    stay = Stay(ROOM, saturday_evening, order())
    assert ends_at(stay, Zone(ROOM), "Europe/Madrid", time(4)) == datetime(2026, 10, 25, 3, 0, tzinfo=UTC)


def test_whoever_is_forgotten_in_a_room_is_still_on_the_counted_floor_around_it() -> None:
    presence = fold([(BEA, ROOM, order())])
    day_after = MONDAY_NOON + timedelta(days=1)
    assert occupancy(presence, ROOM, RULES, day_after) == 0
    assert occupancy(presence, FLOOR, RULES, day_after) == 1
    assert seen_by(presence, BEA, FLOOR, RULES, day_after).inside
    uncounted = PresenceRules(
        {FLOOR: Zone(FLOOR), ROOM: Zone(ROOM, parent=FLOOR)}, RULES.site_zone, night_reset=RULES.night_reset
    )
    assert occupancy(presence, FLOOR, uncounted, day_after) == 0


@pytest.mark.feature(1)
def test_a_decision_sees_the_limit_the_count_and_the_passback_of_its_zone() -> None:
    presence = fold([(ANA, FLOOR, order()), (BEA, ROOM, order(1))])
    assert seen_by(presence, ANA, FLOOR, RULES, MONDAY_NOON) == PresenceNow(
        Passback.HARD, inside=True, entered_at=MONDAY_NOON, occupancy=2, safety_limit=2
    )


def test_a_right_that_lets_people_come_back_asks_when_they_were_last_on_the_site() -> None:
    later = MONDAY_NOON + timedelta(minutes=30)
    inside, gone = fold([(ANA, ROOM, order())]), fold([(ANA, FLOOR, order()), (ANA, STREET, order(5))])
    assert seen_by(inside, ANA, FLOOR, RULES, later, lets_back=True).on_site_at == later
    assert seen_by(gone, ANA, FLOOR, RULES, later, lets_back=True).on_site_at == MONDAY_NOON + timedelta(minutes=5)
    assert seen_by(gone, BEA, FLOOR, RULES, later, lets_back=True).on_site_at is None
    assert seen_by(inside, ANA, FLOOR, RULES, later).on_site_at is None, "no line carries what nobody asks for"


def test_a_ring_of_zones_ends_the_walk() -> None:
    ring = {FLOOR: Zone(FLOOR, parent=ROOM), ROOM: Zone(ROOM, parent=FLOOR)}
    assert within(ring, ROOM, FLOOR)
    assert not within(ring, ROOM, ZoneId("elsewhere"))


def test_whoever_passes_without_a_card_is_counted_where_they_went_and_no_longer_where_they_were() -> None:
    presence = fold([(ANA, FLOOR, order()), (BEA, FLOOR, order(1))])
    came = {**presence, **unnamed(FLOOR, STREET, order(2, sequence=2))}
    assert occupancy(came, FLOOR, RULES, MONDAY_NOON + timedelta(minutes=3)) == 3
    moved_on = {**came, **unnamed(ROOM, FLOOR, order(4, sequence=4))}
    assert occupancy(moved_on, FLOOR, RULES, MONDAY_NOON + timedelta(minutes=5)) == 3
    assert occupancy(moved_on, ROOM, RULES, MONDAY_NOON + timedelta(minutes=5)) == 1
    left = {**moved_on, **unnamed(STREET, FLOOR, order(6, sequence=6))}
    assert occupancy(left, FLOOR, RULES, MONDAY_NOON + timedelta(minutes=7)) == 2


def test_more_who_leave_without_a_card_than_are_known_inside_leave_nobody() -> None:
    assert occupancy(unnamed(STREET, FLOOR, order()), FLOOR, RULES, MONDAY_NOON) == 0


@given(turns=st.lists(st.sampled_from([(FLOOR, STREET), (STREET, FLOOR), (ROOM, FLOOR)]), max_size=8), data=st.data())
def test_passages_without_a_card_count_the_same_in_any_order_and_however_often_they_arrive(
    turns: list[tuple[ZoneId, ZoneId]], data: st.DataObject
) -> None:
    entries = [entry for at, way in enumerate(turns) for entry in unnamed(*way, order(at, sequence=at)).items()]
    again = data.draw(st.permutations(entries + entries))
    later = MONDAY_NOON + timedelta(hours=1)
    event(f"{len(turns)} passages")
    assert occupancy(merged({}, again), FLOOR, RULES, later) == occupancy(dict(entries), FLOOR, RULES, later)


def test_the_night_reset_clears_passages_without_a_card_even_where_zones_are_counted() -> None:
    presence = {**fold([(ANA, FLOOR, order())]), **unnamed(FLOOR, STREET, order(1))}
    before, after = datetime(2026, 11, 24, 2, 59, tzinfo=UTC), datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    assert occupancy(presence, FLOOR, RULES, before) == 2
    assert occupancy(presence, FLOOR, RULES, after) == 1
