"""The wall clock of a site and the instants behind it.

People book by the clock on the wall. In the night the clocks go forward an hour
does not exist, and asking for it is a mistake that is said; in the night they go
back an hour comes twice, and whoever means it must say which (PEP 495's fold).
Weekly at 09:00 stays at 09:00 on the wall.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_cloud.bookings.models import Span
from aldaba_cloud.errors import Unusable

WEEK: Final = timedelta(weeks=1)
MOST_WEEKS: Final = 104


class NoSuchHour(Unusable):
    """The clocks jump over it."""

    code = "no_such_hour"

    def __init__(self, wall: datetime) -> None:
        super().__init__(
            f"{wall:%Y-%m-%d %H:%M} does not exist: the clocks go forward in that night. Choose a time after the gap."
        )


class WhichHour(Unusable):
    """The clocks show it twice."""

    code = "which_hour"

    def __init__(self, wall: datetime) -> None:
        super().__init__(
            f"{wall:%Y-%m-%d %H:%M} comes twice: the clocks go back in that night. Say whether you mean the first"
            " or the second."
        )


def instant(wall: datetime, zone: ZoneInfo, *, second: bool | None = None) -> datetime:
    """The instant at which the clock on the wall shows `wall` (naive).

    `second` says which of two is meant where the clock shows it twice.

    Raises:
        NoSuchHour: the clocks jump over it.
        WhichHour: it comes twice and `second` is None.
    """
    first, later = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None) != wall:
        raise NoSuchHour(wall)
    if first != later and second is None:
        raise WhichHour(wall)
    return later if second else first


def span_on_wall(start: datetime, end: datetime, zone: ZoneInfo, *, second: bool | None = None) -> Span:
    """A span by the wall clock. An ambiguous hour asks which, at either end."""
    return Span(instant(start, zone, second=second), instant(end, zone, second=second))


def weekly(start: datetime, end: datetime, until: date, zone: ZoneInfo) -> Iterator[Span | datetime]:
    """The same hours every week up to a day; a week whose hour is none or two gives its wall time instead.

    At most two years of them.
    """
    for week in range(MOST_WEEKS):
        begins, ends = start + week * WEEK, end + week * WEEK
        if begins.date() > until:
            return
        try:
            yield span_on_wall(begins, ends, zone)
        except (NoSuchHour, WhichHour):
            yield begins


def week_of(moment: datetime, zone: ZoneInfo) -> Span:
    """The local week, Monday to Sunday, in which an instant lies."""
    day = moment.astimezone(zone).date()
    monday = day - timedelta(days=day.weekday())
    return Span(_midnight(monday, zone), _midnight(monday + WEEK, zone))


def month_of(moment: datetime, zone: ZoneInfo) -> Span:
    """The local calendar month in which an instant lies."""
    first = moment.astimezone(zone).date().replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return Span(_midnight(first, zone), _midnight(following, zone))


def day_of(moment: datetime, zone: ZoneInfo) -> Span:
    """The local day in which an instant lies."""
    day = moment.astimezone(zone).date()
    return Span(_midnight(day, zone), _midnight(day + timedelta(days=1), zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
