"""What a door does by itself, in the door loop: its hours, its first card, a fire, a lock that may not stay powered."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from aldaba_edge.mechanics import LeafTimes
from aldaba_shared import events
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.door_rules import Apart, DoorRules
from aldaba_shared.ids import ContractId, DoorId, ScheduleId
from aldaba_shared.rules import MemoryRules
from aldaba_shared.schedule import Window, weekly
from tests.edge.door_fakes import ANA, ANA_CARD, LOST_CARD, MONDAY_NOON, STREET_DOOR, Bench

HOURS = ScheduleId("hours")
FROM_14 = weekly("Europe/Madrid", {0: [Window(14 * 60, 16 * 60)]})
"""The bench begins at 13 on the wall."""


def door_with_hours(*, first_card: bool = False) -> Bench:
    bench = Bench()
    bench.rules.schedules[HOURS] = FROM_14
    bench.rules.door = DoorRules(unlock=HOURS, first_card=first_card)
    bench.loop.modes.look()
    return bench


def stay_fresh(bench: Bench, hours: float) -> None:
    """Time passes while heads keep coming."""
    for _ in range(round(hours * 60)):
        assert bench.rules.head is not None
        bench.rules.head = replace(bench.rules.head, issued_at=bench.clock.now())
        bench.clock.advance(60)


def whys(bench: Bench) -> list[tuple[DoorMode, str]]:
    return [(one.mode, one.why) for one in bench.journal.events if isinstance(one, events.DoorModeChanged)]


def test_a_door_stands_unlocked_in_its_hours_and_shuts_on_the_minute() -> None:
    bench = door_with_hours()
    stay_fresh(bench, 59 / 60)
    assert not bench.lock.released
    stay_fresh(bench, 1 / 60)
    assert bench.lock.released
    stay_fresh(bench, 2)
    assert not bench.lock.released
    assert whys(bench) == [(DoorMode.UNLOCKED, "schedule"), (DoorMode.LOCKED, "told")]


def test_a_first_card_rule_waits_for_somebody_of_the_house() -> None:
    bench = door_with_hours(first_card=True)
    stay_fresh(bench, 1.5)
    assert not bench.lock.released
    bench.tap()
    assert bench.loop.mode is DoorMode.UNLOCKED
    bench.clock.advance(30)
    assert bench.lock.released


def test_a_member_is_not_of_the_house_and_opens_only_for_themselves() -> None:
    bench = door_with_hours(first_card=True)
    facts = bench.rules.known.facts(STREET_DOOR, ANA_CARD)
    assert facts.credential is not None
    member = replace(facts.rights[0], contract=ContractId("plan"))
    bench.rules.known = MemoryRules({ANA_CARD: facts.credential}, [(STREET_DOOR, ANA, member)])
    stay_fresh(bench, 1.5)
    bench.tap()
    assert bench.lock.released
    bench.clock.advance(6)
    assert not bench.lock.released


def test_the_first_card_is_kept_over_a_restart() -> None:
    bench = door_with_hours(first_card=True)
    stay_fresh(bench, 1.5)
    bench.tap()
    assert bench.first_cards.seen_at(STREET_DOOR) == bench.journal.decided.shown.at


def test_hours_end_when_rules_are_too_old_and_a_network_that_returns_unlocks_nothing() -> None:
    bench = door_with_hours()
    stay_fresh(bench, 1.2)
    assert bench.lock.released
    assert bench.rules.head is not None
    bench.rules.head = replace(bench.rules.head, issued_at=MONDAY_NOON - timedelta(days=9))
    bench.clock.advance(60)
    assert not bench.lock.released
    stay_fresh(bench, 0.2)
    bench.loop.modes.look()
    assert not bench.lock.released
    assert whys(bench)[-1] == (DoorMode.LOCKED, "rules_too_old")
    bench.tap()
    assert bench.loop.mode is DoorMode.UNLOCKED


def test_hours_end_when_the_clock_is_unsure() -> None:
    bench = door_with_hours()
    stay_fresh(bench, 1.2)
    bench.trust.clock_trusted = False
    bench.clock.advance(60)
    assert not bench.lock.released
    assert whys(bench)[-1] == (DoorMode.LOCKED, "clock_untrusted")


def test_a_door_told_to_lock_until_a_moment_keeps_shut_in_its_hours() -> None:
    bench = door_with_hours()
    stay_fresh(bench, 1.2)
    bench.loop.set_mode(DoorMode.LOCKED, bench.clock.now() + timedelta(minutes=20))
    assert not bench.lock.released
    stay_fresh(bench, 0.5)
    assert bench.lock.released


@pytest.mark.parametrize("mode", list(DoorMode))
def test_a_fire_frees_a_door_whatever_it_was_told_and_its_end_gives_it_back(mode: DoorMode) -> None:
    bench = Bench()
    bench.loop.set_mode(mode)
    bench.feel("fire", active=True)
    assert bench.lock.released
    assert bench.loop.mode is DoorMode.EVACUATING
    bench.feel("fire", active=False)
    assert bench.loop.mode is mode
    assert [name for name in bench.journal.names() if name.startswith("fire")] == ["fire_reported", "fire_ended"]


def test_a_lock_is_never_powered_longer_than_its_maker_allows_whatever_comes() -> None:
    bench = Bench(times=LeafTimes(power_seconds=8))
    for _ in range(4):
        bench.tap(side=Side.EGRESS)
        bench.clock.advance(2)
    assert not bench.lock.released
    assert events.LockRested(STREET_DOOR, 8000) in bench.journal.events
    bench.tap(side=Side.EGRESS)
    assert bench.lock.released


def test_an_unlocked_door_whose_lock_must_rest_lets_each_person_through() -> None:
    bench = Bench(times=LeafTimes(power_seconds=8))
    bench.loop.set_mode(DoorMode.UNLOCKED)
    bench.clock.advance(9)
    assert (bench.lock.released, bench.mechanics.state) == (False, "rested")
    bench.leaf(opened=True)
    bench.leaf(opened=False)
    assert "door_forced" not in bench.journal.names()
    bench.tap()
    assert bench.lock.released
    bench.clock.advance(9)
    assert not bench.lock.released
    bench.loop.set_mode(DoorMode.LOCKED)
    assert bench.mechanics.state == "secured"


def test_a_relay_that_does_not_follow_its_pin_is_one_alarm_until_it_does() -> None:
    bench = Bench()
    bench.feel("lock_feedback", active=False)
    bench.tap()
    bench.clock.advance(1.5)
    assert events.LockStuck(STREET_DOOR, "released") in bench.journal.events
    bench.feel("lock_feedback", active=True)
    bench.clock.advance(1.5)
    assert bench.journal.names()[-1] == "lock_follows"
    bench.clock.advance(10)
    assert events.LockStuck(STREET_DOOR, "secured") in bench.journal.events
    assert bench.journal.names().count("lock_stuck") == 2


def test_a_relay_that_follows_is_never_an_alarm() -> None:
    bench = Bench()
    bench.feel("lock_feedback", active=False)
    for _ in range(3):
        bench.tap(side=Side.EGRESS)
        bench.clock.advance(0.2)
        bench.feel("lock_feedback", active=True)
        bench.clock.advance(5)
        bench.feel("lock_feedback", active=False)
        bench.clock.advance(2)
    assert "lock_stuck" not in bench.journal.names()


@pytest.mark.parametrize(
    ("secured", "apart", "opens"),
    [(True, "keep", True), (False, "keep", False), (None, "keep", False), (None, "soften", True)],
    ids=["its partner is shut", "its partner is open", "its partner is not heard", "not heard, and declared so"],
)
def test_an_interlock_across_controllers_refuses_until_the_other_door_is_shut(
    secured: bool | None, apart: str, opens: bool
) -> None:
    bench = Bench()
    partner = DoorId("inner")
    bench.rules.door = DoorRules(interlock_with=(partner,), interlock_apart=Apart(apart))
    if secured is not None:
        bench.presences.secured[partner] = secured
    bench.tap()
    assert bench.lock.released is opens
    bench.tap(LOST_CARD, side=Side.EGRESS)
    assert bench.lock.released
