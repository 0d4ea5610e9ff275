"""What a turnstile tells of people: PERCo and Castle arms as their makers describe them, by their profiles."""

import pytest

from aldaba_edge.lane import LaneTimes
from aldaba_edge.mechanics import LeafTimes
from aldaba_profiles.catalog import load_catalog
from aldaba_shared import events
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.ids import ZoneId
from aldaba_shared.presence import STREET, PresenceRules, Zone, occupancy
from aldaba_shared.turnstile import Passage
from tests.edge.door_fakes import ANA, FLOOR, LOST_CARD, STREET_DOOR, Bench

PROFILES = ["castle-ep", "perco-ttr04"]


def people_in(bench: Bench, zone: ZoneId) -> int:
    """How many the zone's number says, those without a card included."""
    rules = PresenceRules({zone: Zone(zone, counted=True)}, "Europe/Madrid")
    return occupancy(bench.presences.stays(), zone, rules, bench.clock.now())


@pytest.fixture(name="arm", params=PROFILES)
def _arm(request: pytest.FixtureRequest) -> Bench:
    pulse = load_catalog().turnstile(request.param).pulse_ms / 1000
    return Bench(turnstile=True, lane_times=LaneTimes(pulse), times=LeafTimes())


def passages(bench: Bench) -> list[tuple[Side, Passage, bool]]:
    """Which way, how, and whether somebody's name stands in it."""
    return [
        (one.side, one.how, one.holder is not None) for one in bench.journal.events if isinstance(one, events.Passed)
    ]


def test_the_arm_gets_its_pulse_and_waits_for_the_person_by_itself(arm: Bench) -> None:
    arm.tap(wait=0.01)
    assert arm.lock.released
    arm.clock.advance(0.3)
    assert not arm.lock.released
    arm.clock.advance(3)
    arm.arm(Side.IN)
    assert passages(arm) == [(Side.IN, Passage.GRANTED, True)]
    assert arm.presences.zone_of(ANA) == FLOOR


@pytest.mark.feature(9)
def test_who_does_not_go_is_not_inside(arm: Bench) -> None:
    arm.tap()
    arm.clock.advance(6)
    assert passages(arm) == []
    assert arm.journal.events[-1] == events.PassageNotTaken(STREET_DOOR, ANA)
    assert arm.presences.zone_of(ANA) is None


def test_who_comes_out_while_somebody_is_let_in_went_the_wrong_way_and_takes_nobodys_name(arm: Bench) -> None:
    arm.tap()
    arm.arm(Side.EGRESS)
    arm.arm(Side.IN)
    assert passages(arm) == [(Side.EGRESS, Passage.WRONG_WAY, False), (Side.IN, Passage.GRANTED, True)]
    assert arm.presences.zone_of(ANA) == FLOOR


def test_who_slips_in_behind_the_holder_is_a_second_person(arm: Bench) -> None:
    arm.tap()
    arm.arm(Side.IN)
    arm.clock.advance(0.5)
    arm.arm(Side.IN)
    arm.clock.advance(2)
    arm.arm(Side.IN)
    assert [how for _, how, _ in passages(arm)] == [Passage.GRANTED, Passage.SECOND_PERSON, Passage.UNASKED]
    assert people_in(arm, FLOOR) == 3


@pytest.mark.feature(9)
def test_who_leaves_without_a_card_is_one_person_less_although_nobody_knows_who(arm: Bench) -> None:
    arm.tap()
    arm.arm(Side.IN)
    arm.clock.advance(5)
    arm.feel("fire", active=True)
    arm.arm(Side.EGRESS)
    assert arm.presences.zone_of(ANA) == FLOOR
    assert people_in(arm, FLOOR) == 0


def test_a_second_card_in_a_row_is_the_second_persons_own(arm: Bench) -> None:
    arm.tap(side=Side.EGRESS)
    arm.arm(Side.EGRESS)
    arm.clock.advance(0.3)
    arm.tap(side=Side.EGRESS)
    arm.arm(Side.EGRESS)
    assert [how for _, how, _ in passages(arm)] == [Passage.GRANTED, Passage.GRANTED]


def test_the_fire_input_frees_both_ways_and_counts_who_leaves(arm: Bench) -> None:
    arm.feel("fire", active=True)
    arm.clock.advance(60)
    assert arm.lock.released
    assert arm.lock_out.released
    arm.arm(Side.EGRESS)
    assert passages(arm) == [(Side.EGRESS, Passage.FREE, False)]
    arm.loop.set_mode(DoorMode.LOCKED_DOWN)
    assert arm.lock_out.released, "other commands are ignored while it burns"
    arm.feel("fire", active=False)
    assert not arm.lock_out.released


def test_a_lost_card_always_lets_out_through_the_arm(arm: Bench) -> None:
    arm.loop.set_mode(DoorMode.LOCKED_DOWN)
    arm.tap(LOST_CARD, side=Side.EGRESS, wait=0.01)
    assert arm.lock_out.released
    arm.arm(Side.EGRESS)
    assert passages(arm) == [(Side.EGRESS, Passage.GRANTED, False)]
    assert arm.presences.zone_of(ANA) in (None, STREET)
