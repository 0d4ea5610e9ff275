"""Opening hours for people, in Madrid: 2026's clocks go forward on 29 March and back on 25 October."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from aldaba_cloud.pages.hours import Changeover, Opening, at_minute, clock_text, merged, next_changeover, opening
from aldaba_shared.schedule import Schedule, Window, weekly

MADRID = ZoneInfo("Europe/Madrid")
WORK_DAYS = {day: [Window(9 * 60, 18 * 60)] for day in range(5)}
OFFICE = weekly("Europe/Madrid", WORK_DAYS)
NIGHTS = tuple((Window(60, 4 * 60),) for _day in range(7))


def madrid(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=MADRID)


def at(schedule: Schedule, moment: datetime) -> Opening:
    return opening([schedule], moment)


def test_an_open_door_says_when_it_closes() -> None:
    assert at(OFFICE, madrid(11, 23, 12)) == Opening(open=True, changes_at=madrid(11, 23, 18).astimezone(UTC))


def test_a_closed_door_says_when_it_opens_over_the_weekend() -> None:
    assert at(OFFICE, madrid(11, 27, 18)) == Opening(open=False, changes_at=madrid(11, 30, 9).astimezone(UTC))


def test_a_door_that_never_opens_names_no_moment() -> None:
    assert at(weekly("Europe/Madrid", {}), madrid(11, 23, 12)) == Opening(open=False, changes_at=None)


def test_a_door_that_is_always_open_names_no_moment() -> None:
    always = weekly("Europe/Madrid", {day: [Window(0, 1440)] for day in range(7)})
    assert at(always, madrid(11, 23, 12)) == Opening(open=True, changes_at=None)


def test_two_rights_are_open_as_long_as_either_is() -> None:
    evening = weekly("Europe/Madrid", {0: [Window(17 * 60, 22 * 60)]})
    assert opening([OFFICE, evening], madrid(11, 23, 12)).changes_at == madrid(11, 23, 22).astimezone(UTC)


def test_a_closed_special_day_is_passed_over() -> None:
    holiday = weekly("Europe/Madrid", WORK_DAYS, {date(2026, 12, 8): ()})
    assert at(holiday, madrid(12, 7, 18)).changes_at == madrid(12, 9, 9).astimezone(UTC)


@pytest.mark.parametrize(
    ("month", "day", "hours"),
    [pytest.param(3, 28, 22, id="spring"), pytest.param(10, 24, 24, id="autumn"), pytest.param(6, 6, 23, id="summer")],
)
def test_opening_at_nine_means_nine_on_the_wall_whatever_the_clocks_did(month: int, day: int, hours: int) -> None:
    """From ten in the evening of the day before, it is that many hours less twelve of real time."""
    daily = weekly("Europe/Madrid", {number: [Window(9 * 60, 18 * 60)] for number in range(7)})
    begun = madrid(month, day, 22).astimezone(UTC)
    opens = at(daily, begun).changes_at
    assert opens is not None
    assert opens.astimezone(MADRID).hour == 9
    assert (opens - begun).total_seconds() == (hours - 12) * 3600


def test_the_skipped_hour_of_march_is_named_with_what_it_takes_from_the_night() -> None:
    found = next_changeover(MADRID, madrid(3, 1, 12), NIGHTS)
    assert found == Changeover(date(2026, 3, 29), 60, 120, ((6, Window(60, 240), 120),))


def test_the_doubled_hour_of_october_is_named_with_what_it_gives_to_the_night() -> None:
    found = next_changeover(MADRID, madrid(10, 1, 12), NIGHTS)
    assert found == Changeover(date(2026, 10, 25), -60, 180, ((6, Window(60, 240), 240),))


def test_office_hours_meet_no_change_of_the_clock() -> None:
    found = next_changeover(MADRID, madrid(10, 1, 12), OFFICE.week)
    assert found is not None
    assert found.windows == ()


def test_a_place_that_never_sets_its_clocks_has_no_such_day() -> None:
    assert next_changeover(ZoneInfo("Africa/Lagos"), madrid(3, 1, 12), NIGHTS) is None


def test_the_last_minute_of_a_day_is_the_next_midnight() -> None:
    assert at_minute(date(2026, 3, 29), 1440, MADRID) == madrid(3, 30, 0)
    assert clock_text(1440) == "24:00"


def test_windows_that_touch_are_shown_as_one() -> None:
    assert merged([Window(600, 720), Window(540, 600), Window(800, 900)]) == (Window(540, 720), Window(800, 900))
