"""Opening hours for people: open until when, open again when, and what a clock change does to them. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_shared.schedule import DAY_MINUTES, Schedule, Window, Windows

DAYS_AHEAD: Final = 15
CHANGEOVER_AHEAD: Final = 220
"""Clocks change twice a year; this many days always hold the next time."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a door is open to somebody now, and the moment at which that changes, if it does soon."""

    open: bool
    changes_at: datetime | None


@dataclass(frozen=True, slots=True)
class Changeover:
    """A day on which the clock is set: `by_minutes` is 60 when an hour is skipped, -60 when one comes twice."""

    day: date
    by_minutes: int
    from_minute: int
    windows: tuple[tuple[int, Window, int], ...] = ()
    """Windows of that weekday that meet the change: weekday, window, real minutes open."""


def opening(schedules: Sequence[Schedule], at: datetime) -> Opening:
    """Open as long as any schedule is; changes are looked for two weeks ahead."""
    now = any(schedule.covers(at) for schedule in schedules)
    for moment in sorted({edge for schedule in schedules for edge in _edges(schedule, at)}):
        if moment > at and any(schedule.covers(moment) for schedule in schedules) is not now:
            return Opening(now, moment)
    return Opening(now, None)


def _edges(schedule: Schedule, at: datetime) -> Iterator[datetime]:
    zone = ZoneInfo(schedule.zone)
    today = at.astimezone(zone).date()
    for ahead in range(DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        for window in schedule.special_days.get(day, schedule.week[day.weekday()]):
            for minute in (window.start, window.end):
                yield at_minute(day, minute, zone)


def at_minute(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """A minute of a local day as an instant; 1440 is the next midnight."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return wall.replace(tzinfo=zone).astimezone(UTC)


def next_changeover(zone: ZoneInfo, at: datetime, week: Sequence[Windows]) -> Changeover | None:
    """The next day on which the site's clock is set, and what it does to that day's windows."""
    today = at.astimezone(zone).date()
    for ahead in range(CHANGEOVER_AHEAD):
        day = today + timedelta(days=ahead)
        begin, end = at_minute(day, 0, zone), at_minute(day, DAY_MINUTES, zone)
        by = DAY_MINUTES - round((end - begin) / timedelta(minutes=1))
        if by:
            windows = week[day.weekday()]
            real = [(window, _real_minutes(day, window, zone)) for window in windows]
            met = tuple((day.weekday(), window, open_) for window, open_ in real if open_ != window.end - window.start)
            return Changeover(day, by, _change_minute(begin, end, zone), met)
    return None


def _change_minute(begin: datetime, end: datetime, zone: ZoneInfo) -> int:
    """The wall-clock minute at which the offset changes."""
    before = begin.astimezone(zone).utcoffset()
    moment = begin
    while moment < end and moment.astimezone(zone).utcoffset() == before:
        moment += timedelta(minutes=15)
    last = (moment - timedelta(minutes=1)).astimezone(zone)
    return last.hour * 60 + last.minute + 1


def _real_minutes(day: date, window: Window, zone: ZoneInfo) -> int:
    """How long a window of wall-clock minutes lasts on a day, minute by minute as doors judge it."""
    begin, end = at_minute(day, 0, zone), at_minute(day, DAY_MINUTES, zone)
    minutes = round((end - begin) / timedelta(minutes=1))
    walls = ((begin + timedelta(minutes=step)).astimezone(zone) for step in range(minutes))
    return sum(1 for wall in walls if window.start <= wall.hour * 60 + wall.minute < window.end)


def clock_text(minute: int) -> str:
    """A minute of the day as it is written in a form; the end of the day is written 24:00."""
    return f"{minute // 60:02}:{minute % 60:02}"


def window_text(window: Window) -> str:
    """A window as people write it."""
    return f"{clock_text(window.start)}\N{EN DASH}{clock_text(window.end)}"


def merged(windows: Iterable[Window]) -> Windows:
    """Windows in order, those that touch or overlap made one."""
    found: list[Window] = []
    for window in sorted(windows, key=lambda one: (one.start, one.end)):
        if found and window.start <= found[-1].end:
            found[-1] = Window(found[-1].start, max(found[-1].end, window.end))
        else:
            found.append(window)
    return tuple(found)
