"""Schedules: when a right holds, on the wall clock of the site.

A sign on the door says "9 to 18" in summer and in winter, so windows are minutes
of the local day and an instant is judged by the wall clock it falls on. A
changeover therefore never moves an opening hour: a 02:00-03:00 window is open 0
minutes on the March Sunday that skips it and 120 in October, when it happens
twice. Minutes run from 0 to 1440, the end excluded, because a window that ended
at 23:59:59 would be shut for a second every night.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from aldaba_shared.errors import AldabaError

DAY_MINUTES: Final = 1440
WEEK_DAYS: Final = 7
REENTRY: Final = "re-entry"
"""Where a schedule is wrong when its minutes for coming back are."""
LONGEST_REENTRY: Final = 240
"""Minutes; longer than that is no coming back for a coat but another schedule."""


class ScheduleInvalid(AldabaError):
    """A schedule that no door could follow."""

    code = "schedule_invalid"

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"The schedule is wrong at {where}: {why}. Correct the window and save again.")
        self.where = where


class Window(Struct, frozen=True, array_like=True):
    """An opening window in minutes of the local day, end excluded: `Window(540, 1080)` is 9 to 18."""

    start: int
    end: int


Windows: TypeAlias = tuple[Window, ...]
CLOSED: Final[Windows] = ()
ALL_DAY: Final[Windows] = (Window(0, DAY_MINUTES),)


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of a site by its IANA name.

    Raises:
        ScheduleInvalid: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleInvalid("zone", f"{name!r} is no IANA time zone such as 'Europe/Madrid'") from error


class Schedule(Struct, frozen=True):
    """Weekly opening windows, with special days that replace the week's.

    `week` runs from Monday to Sunday. Pass aware datetimes; the schedule
    converts them, so a daylight-saving change never moves an opening hour.
    For `reentry_minutes` after a window ends, whoever was still inside then may
    come in again.

    >>> office = weekly("Europe/Madrid", {0: [Window(9 * 60, 18 * 60)]})
    >>> office.covers(datetime.fromisoformat("2026-11-23T08:30:00+00:00"))
    True
    """

    zone: str
    week: tuple[Windows, Windows, Windows, Windows, Windows, Windows, Windows]
    special_days: dict[date, Windows] = {}
    reentry_minutes: int = 0

    def covers(self, at: datetime) -> bool:
        """Whether the wall clock of the site stands inside a window at this instant."""
        local = at.astimezone(zone_of(self.zone))
        windows = self.week[local.weekday()]
        if self.special_days:
            windows = self.special_days.get(local.date(), windows)
        minute = local.hour * 60 + local.minute
        return any(window.start <= minute < window.end for window in windows)

    def opened_at(self, at: datetime) -> datetime | None:
        """When the window that covers this instant began; None when none does.

        Windows that touch at midnight are two: each day opens anew.
        """
        local = at.astimezone(zone_of(self.zone))
        minute = local.hour * 60 + local.minute
        for window in self._windows_on(local.date()):
            if window.start <= minute < window.end:
                begun = local.replace(hour=window.start // 60, minute=window.start % 60, second=0, microsecond=0)
                return begun.astimezone(UTC)
        return None

    def closed_at(self, at: datetime) -> datetime | None:
        """When the window ended after which this instant is still good for coming back; None when none did.

        Counted in minutes that really passed, so a night in which the clocks
        change is no longer and no shorter for it.
        """
        for back in (0, 1):
            local = at.astimezone(zone_of(self.zone)) - timedelta(days=back)
            for window in reversed(self._windows_on(local.date())):
                end = datetime.combine(local.date(), time(), local.tzinfo) + timedelta(minutes=window.end)
                passed = at - end.astimezone(UTC)
                if timedelta() <= passed < timedelta(minutes=self.reentry_minutes):
                    return end.astimezone(UTC)
        return None

    def only_day_of(self, at: datetime) -> "Schedule":
        """The same schedule with nothing but the local day of `at`, small enough for an event to carry.

        The day before comes along where somebody could still come back after it.
        """
        local = at.astimezone(zone_of(self.zone))
        week = [CLOSED] * WEEK_DAYS
        week[local.weekday()] = self._windows_on(local.date())
        if self.reentry_minutes:
            yesterday = local.date() - timedelta(days=1)
            week[yesterday.weekday()] = self._windows_on(yesterday)
        monday, tuesday, wednesday, thursday, friday, saturday, sunday = week
        return Schedule(
            self.zone,
            (monday, tuesday, wednesday, thursday, friday, saturday, sunday),
            reentry_minutes=self.reentry_minutes,
        )

    def _windows_on(self, day: date) -> Windows:
        return self.special_days.get(day, self.week[day.weekday()])


def weekly(
    zone: str, days: Mapping[int, Iterable[Window]], special_days: Mapping[date, Windows] | None = None
) -> Schedule:
    """Build a schedule from the days that have windows; 0 is Monday."""
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (
        tuple(days.get(day, CLOSED)) for day in range(WEEK_DAYS)
    )
    week = (monday, tuesday, wednesday, thursday, friday, saturday, sunday)
    return Schedule(zone, week, dict(special_days or {}))


def always(zone: str) -> Schedule:
    """A schedule without a closed minute."""
    return weekly(zone, dict.fromkeys(range(WEEK_DAYS), ALL_DAY))


def checked(schedule: Schedule) -> Schedule:
    """The schedule itself, when every window lies within its day, in order and without overlap.

    Raises:
        ScheduleInvalid: the first window that does not, by its day.
    """
    zone_of(schedule.zone)
    if not 0 <= schedule.reentry_minutes <= LONGEST_REENTRY:
        raise ScheduleInvalid(REENTRY, f"{schedule.reentry_minutes} minutes is not within 0-{LONGEST_REENTRY}")
    for day, windows in enumerate(schedule.week):
        _check_day(f"weekday {day}", windows)
    for special, windows in schedule.special_days.items():
        _check_day(special.isoformat(), windows)
    return schedule


def _check_day(where: str, windows: Windows) -> None:
    last_end = 0
    for window in windows:
        if not 0 <= window.start < window.end <= DAY_MINUTES:
            raise ScheduleInvalid(where, f"{window.start}-{window.end} is not within 0-{DAY_MINUTES}")
        if window.start < last_end:
            raise ScheduleInvalid(where, f"the window from {window.start} overlaps the one before")
        last_end = window.end
