"""Schedules: what the sign on the door says, on every night of the year."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from aldaba_shared.schedule import ALL_DAY, CLOSED, Schedule, ScheduleInvalid, Window, always, checked, weekly
from aldaba_shared.wire import decode, encode

MADRID = "Europe/Madrid"
FLEX = weekly(MADRID, {day: [Window(8 * 60, 20 * 60)] for day in range(5)})


def open_minutes(schedule: Schedule, first: datetime, hours: int) -> int:
    return sum(schedule.covers(first + timedelta(minutes=minute)) for minute in range(hours * 60))


@pytest.mark.feature(36)
@pytest.mark.parametrize(
    ("instant", "covered"),
    [
        pytest.param("2026-11-23T07:59:59+01:00", False, id="a second before opening"),
        pytest.param("2026-11-23T08:00:00+01:00", True, id="opening"),
        pytest.param("2026-11-23T19:59:59+01:00", True, id="the last second"),
        pytest.param("2026-11-23T20:00:00+01:00", False, id="closing time is outside"),
        pytest.param("2026-03-30T20:00:00+02:00", False, id="the day after the March change"),
        pytest.param("2026-10-26T20:00:00+01:00", False, id="the day after the October change"),
        pytest.param("2026-11-22T12:00:00+01:00", False, id="Sunday"),
    ],
)
def test_flex_is_eight_to_twenty_on_the_wall_clock(instant: str, covered: bool) -> None:
    assert FLEX.covers(datetime.fromisoformat(instant)) is covered


@pytest.mark.feature(37)
@pytest.mark.parametrize(
    "night", ["2026-03-29T00:30:00+00:00", "2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00"]
)
def test_round_the_clock_is_open_on_both_nights_that_change(night: str) -> None:
    assert always(MADRID).covers(datetime.fromisoformat(night))


def test_a_window_that_a_changeover_skips_or_repeats_is_as_long_as_the_wall_says() -> None:
    two_to_three = weekly(MADRID, {6: [Window(120, 180)]})
    assert open_minutes(two_to_three, datetime(2026, 3, 28, 22, 0, tzinfo=UTC), 12) == 0
    assert open_minutes(two_to_three, datetime(2026, 10, 24, 22, 0, tzinfo=UTC), 12) == 120


def test_a_special_day_replaces_the_week() -> None:
    closed_on_christmas = weekly(MADRID, {4: ALL_DAY}, {date(2026, 12, 25): CLOSED, date(2026, 12, 27): ALL_DAY})
    assert not closed_on_christmas.covers(datetime(2026, 12, 25, 12, tzinfo=UTC))
    assert closed_on_christmas.covers(datetime(2026, 12, 18, 12, tzinfo=UTC))
    assert closed_on_christmas.covers(datetime(2026, 12, 27, 12, tzinfo=UTC))


@given(
    at=st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - made aware beside
    special=st.booleans(),
)
def test_the_day_an_event_carries_answers_like_the_whole_schedule(at: datetime, special: bool) -> None:
    days = {at.date() + timedelta(days=step): (Window(600, 700),) for step in (-1, 0, 1)} if special else {}
    whole = weekly(MADRID, {day: [Window(8 * 60, 20 * 60)] for day in range(5)}, days)
    event(f"covered: {whole.covers(at)}")
    assert whole.only_day_of(at).covers(at) is whole.covers(at)


@given(
    at=st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - made aware beside
    minutes=st.integers(0, 240),
    ends=st.sampled_from([20 * 60, 1440, 150]),
)
@example(at=datetime(2026, 10, 25, 0, 45, tzinfo=UTC), minutes=60, ends=150)
@example(at=datetime(2026, 3, 29, 1, 15, tzinfo=UTC), minutes=60, ends=150)
@example(at=datetime(2026, 11, 23, 23, 5, tzinfo=UTC), minutes=10, ends=1440)
def test_so_long_after_a_window_it_is_still_good_for_coming_back(at: datetime, minutes: int, ends: int) -> None:
    hours = replace(weekly(MADRID, {day: [Window(60, ends)] for day in range(5)}), reentry_minutes=minutes)
    closed = hours.closed_at(at)
    event(f"good for coming back: {closed is not None and not hours.covers(at)}")
    if not hours.covers(at):
        naive = (at.replace(second=0, microsecond=0) - timedelta(minutes=back) for back in range(minutes + 1))
        ended = next((one for one in naive if hours.covers(one - timedelta(minutes=1))), None)
        assert closed == (ended if ended is not None and at - ended < timedelta(minutes=minutes) else None)
    assert hours.only_day_of(at).closed_at(at) == closed


def test_the_time_for_coming_back_has_a_limit() -> None:
    with pytest.raises(ScheduleInvalid, match="241 minutes is not within 0-240"):
        checked(replace(FLEX, reentry_minutes=241))


def test_a_schedule_travels_and_comes_back() -> None:
    special = weekly(MADRID, {0: [Window(0, 1440)]}, {date(2026, 12, 25): CLOSED})
    assert decode(encode(special), Schedule) == special


@pytest.mark.parametrize(
    ("windows", "why"),
    [
        pytest.param([Window(600, 600)], "not within", id="empty"),
        pytest.param([Window(-1, 600)], "not within", id="before midnight"),
        pytest.param([Window(600, 1441)], "not within", id="after midnight"),
        pytest.param([Window(600, 700), Window(650, 800)], "overlaps", id="overlap"),
    ],
)
def test_a_wrong_window_is_named_with_its_day(windows: list[Window], why: str) -> None:
    with pytest.raises(ScheduleInvalid, match=f"weekday 3.*{why}"):
        checked(weekly(MADRID, {3: windows}))


def test_an_unknown_time_zone_is_named() -> None:
    with pytest.raises(ScheduleInvalid, match="Europe/Barcelona"):
        checked(always("Europe/Barcelona"))
