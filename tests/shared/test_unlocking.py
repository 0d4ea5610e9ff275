from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from msgspec.structs import replace

from aldaba_shared.decide import DoorMode
from aldaba_shared.ids import ContractId, RightId
from aldaba_shared.rules import Facts, Right
from aldaba_shared.schedule import Window, always, weekly
from aldaba_shared.unlocking import EARLY, ModeCause, ModeNow, Standing, UnlockPlan, mode_at, of_the_house

MADRID = "Europe/Madrid"
OFFICE = weekly(MADRID, {day: [Window(9 * 60, 14 * 60), Window(16 * 60, 18 * 60)] for day in range(5)})
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
TEN = MONDAY + timedelta(hours=9)
"""Ten on the wall of Madrid."""
NIGHT = MONDAY + timedelta(hours=22)
BY_HOURS = Standing(at=TEN, plan=UnlockPlan(OFFICE))
BY_CARD = Standing(at=TEN, plan=UnlockPlan(OFFICE, first_card=True))

modes = st.sampled_from(DoorMode)
moments = st.integers(0, 14 * 24 * 60).map(lambda minutes: MONDAY + timedelta(minutes=minutes))
standings = st.builds(
    Standing,
    at=moments,
    told=modes,
    until=st.none() | moments,
    fire=st.booleans(),
    unsafe=st.sampled_from([None, ModeCause.RULES_TOO_OLD, ModeCause.CLOCK_UNTRUSTED]),
    plan=st.none() | st.builds(UnlockPlan, st.just(OFFICE), st.booleans()),
    first_card_at=st.none() | moments,
    stopped_at=st.none() | moments,
)


@pytest.mark.parametrize(
    ("now", "mode"),
    [
        pytest.param(BY_HOURS, DoorMode.UNLOCKED, id="in its hours"),
        pytest.param(replace(BY_HOURS, at=NIGHT), DoorMode.LOCKED, id="at night"),
        pytest.param(replace(BY_HOURS, at=MONDAY + timedelta(hours=14)), DoorMode.LOCKED, id="between its hours"),
        pytest.param(BY_CARD, DoorMode.LOCKED, id="waiting for the first card"),
        pytest.param(replace(BY_CARD, first_card_at=TEN), DoorMode.UNLOCKED, id="after the first card"),
        pytest.param(replace(BY_CARD, first_card_at=TEN - timedelta(days=1)), DoorMode.LOCKED, id="yesterday's card"),
        pytest.param(
            replace(BY_CARD, first_card_at=TEN - timedelta(hours=1) - EARLY + timedelta(minutes=1)),
            DoorMode.UNLOCKED,
            id="who came a little before the hours",
        ),
        pytest.param(replace(BY_HOURS, told=DoorMode.LOCKED_DOWN), DoorMode.LOCKED_DOWN, id="a lockdown beats hours"),
        pytest.param(
            replace(BY_HOURS, until=NIGHT),
            DoorMode.LOCKED,
            id="locked until tonight beats hours",
        ),
        pytest.param(replace(BY_HOURS, told=DoorMode.LOCKED_DOWN, fire=True), DoorMode.EVACUATING, id="fire beats all"),
    ],
)
def test_the_mode_follows_fire_then_people_then_hours(now: Standing, mode: DoorMode) -> None:
    assert mode_at(now).mode is mode


@pytest.mark.parametrize("unsafe", [ModeCause.RULES_TOO_OLD, ModeCause.CLOCK_UNTRUSTED])
@pytest.mark.parametrize("now", [BY_HOURS, replace(BY_CARD, first_card_at=TEN)], ids=["hours", "first card"])
def test_hours_stop_when_rules_or_clock_cannot_be_relied_on(now: Standing, unsafe: ModeCause) -> None:
    assert mode_at(replace(now, unsafe=unsafe)) == ModeNow(DoorMode.LOCKED, unsafe)


def test_hours_that_were_cut_short_wait_for_somebody_of_the_house_or_for_the_next_ones() -> None:
    cut = replace(BY_HOURS, stopped_at=TEN - timedelta(minutes=5))
    assert mode_at(cut).mode is DoorMode.LOCKED
    assert mode_at(replace(cut, first_card_at=TEN)).mode is DoorMode.UNLOCKED
    assert mode_at(replace(cut, at=TEN + timedelta(hours=7))).mode is DoorMode.UNLOCKED


@given(now=standings)
def test_nothing_unsafe_ever_stands_unlocked(now: Standing) -> None:
    found = mode_at(now)
    event(f"{found.mode} by {found.why}")
    if now.unsafe is not None and not now.fire:
        assert found.mode is not DoorMode.UNLOCKED
    assert (found.mode is DoorMode.EVACUATING) >= now.fire


def test_only_a_right_without_a_contract_is_of_the_house() -> None:
    staff = Right(RightId("r"), always(MADRID), MONDAY)
    member = replace(staff, contract=ContractId("c"))
    assert of_the_house(Facts(rights=(member, staff)), TEN)
    assert not of_the_house(Facts(rights=(member,)), TEN)
    assert not of_the_house(Facts(rights=(replace(staff, valid_until=MONDAY),)), TEN)


def test_hours_begin_on_the_wall_clock_on_either_side_of_a_changeover() -> None:
    sunday_spring = datetime(2027, 3, 28, 10, tzinfo=UTC)
    every_day = weekly(MADRID, {day: [Window(9 * 60, 18 * 60)] for day in range(7)})
    assert every_day.opened_at(sunday_spring) == datetime(2027, 3, 28, 7, tzinfo=UTC)
    assert every_day.opened_at(sunday_spring - timedelta(days=1)) == datetime(2027, 3, 27, 8, tzinfo=UTC)
    assert every_day.opened_at(sunday_spring.replace(hour=20)) is None
