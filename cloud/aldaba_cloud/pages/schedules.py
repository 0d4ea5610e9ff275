"""The admin's schedule editor: a week, who would gain and lose by it, publishing, and each door's confirmation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo

from babel import Locale
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.access import restored, service, store
from aldaba_cloud.access.models import NamedSchedule, SpecialDay
from aldaba_cloud.access.rehearse import DoorHours, Effect, Rehearsal, Span
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CloudDep, CurrentAdmin
from aldaba_cloud.errors import Missing
from aldaba_cloud.members import store as members
from aldaba_cloud.pages.confirming import confirmation_of
from aldaba_cloud.pages.hours import clock_text, next_changeover, window_text
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.problems import told
from aldaba_cloud.pages.reading import site_of, site_wanted
from aldaba_cloud.pages.recorded import recorded
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Site
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import DoorId, HolderId, ScheduleId, SiteId
from aldaba_shared.schedule import DAY_MINUTES, LONGEST_REENTRY, REENTRY, WEEK_DAYS, ScheduleInvalid, Window, Windows

router = APIRouter(prefix="/admin/schedules", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Change:
    """What one person gains or loses, in words."""

    who: str
    hours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hours:
    """What changes in the hours in which a door stands unlocked, in words."""

    door: str
    opens: tuple[str, ...]
    shuts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rehearsal in words."""

    gains: tuple[Change, ...]
    loses: tuple[Change, ...]
    doors: tuple[Hours, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """What stands in the form: each day's starts and ends, and the minutes to come back, empty for no change."""

    rows: list[tuple[list[str], list[str]]]
    reentry: str


async def sent_hours(request: Request) -> Sent:
    """The rows of each day in the form: `start-0` and `end-0` are Monday's, repeated for each window."""
    form = await request.form()
    rows = [
        ([str(one) for one in form.getlist(f"start-{day}")], [str(one) for one in form.getlist(f"end-{day}")])
        for day in range(WEEK_DAYS)
    ]
    return Sent(rows, str(form.get("reentry", "")).strip())


SentHours = Annotated[Sent, Depends(sent_hours)]


def read_week(sent: Sent) -> tuple[Windows, ...]:
    """The week that stands in the form.

    Raises:
        ScheduleInvalid: a field holds no time of day.
    """
    return tuple(windows_sent(f"weekday {day}", starts, ends) for day, (starts, ends) in enumerate(sent.rows))


def read_reentry(sent: Sent) -> int | None:
    """The minutes to come back that stand in the form; None where it says nothing of them.

    Raises:
        ScheduleInvalid: the field holds no number of minutes.
    """
    if not sent.reentry:
        return None
    if not sent.reentry.isdecimal():
        raise ScheduleInvalid(REENTRY, f"{sent.reentry!r} is no number of minutes such as 15")
    return int(sent.reentry)


def windows_sent(where: str, starts: Iterable[str], ends: Iterable[str]) -> Windows:
    """Windows in order; a row with both times empty is no window.

    Raises:
        ScheduleInvalid: a field holds no time of day; it names `where`.
    """
    found = []
    for start, end in zip(starts, ends, strict=False):
        if start or end:
            found.append(Window(_minute(where, start), _minute(where, end) or DAY_MINUTES))
    return tuple(sorted(found, key=lambda one: (one.start, one.end)))


def _minute(where: str, text: str) -> int:
    hours, _, minutes = text.partition(":")
    if not (hours.isdecimal() and minutes[:2].isdecimal()):
        raise ScheduleInvalid(where, f"{text!r} is no time of day such as 09:15")
    return int(hours) * 60 + int(minutes[:2])


@router.get("")
def list_schedules(caller: CurrentAdmin, page: PageDep, site: str = "", published: str = "") -> Response:
    """Every schedule with its week in a line, and the days that replace the week's."""
    return show_schedules(caller.work, page, site_wanted(caller.work, site), published=published)


def show_schedules(work: Work, page: Page, site: Site, **more: object) -> Response:
    """The list; with `sent` what stands in the form of special days, and what its rehearsal said."""
    schedules = [one for one in store.list_schedules(work) if one.site == site.id]
    shown: dict[str, object] = {"sent": None, "outcome": None, "wrong": "", "published": ""}
    return page.show(
        "schedules.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if more.get("wrong") else HTTPStatus.OK,
        schedules=[(one, week_lines(one.week, page)) for one in schedules],
        special_days=[(one, [window_text(w) for w in one.windows]) for one in _special(work, site.id)],
        site=site,
        confirmation=confirmation_of(work, site.id) if more.get("published") else None,
        waiting=len(restored.list_held(work)),
        **(shown | more),
    )


@router.get("/{schedule}")
def edit(schedule: str, caller: CurrentAdmin, page: PageDep, *, published: bool = False) -> Response:
    """The editor; after publishing, with each door's confirmation beside it."""
    known = _known(caller.work, schedule)
    confirmation = confirmation_of(caller.work, known.site) if published else None
    return _editor(caller.work, page, known, known.week, confirmation=confirmation)


@router.post("/{schedule}/rehearse")
def rehearse(schedule: str, sent: SentHours, caller: CurrentAdmin, cloud: CloudDep, page: PageDep) -> Response:
    """Say who gains and who loses by the week in the form; nothing is kept."""
    known = _known(caller.work, schedule)
    try:
        week = read_week(sent)
        wanted = service.changed_schedule(caller.work, known.id, week, read_reentry(sent))
        rehearsal = service.rehearse_schedule(caller.work, known.id, week, cloud.keyring)
        taps = service.rehearse_taps(caller.work, known.id, week, cloud.keyring)
    except AldabaError as error:
        return _editor(caller.work, page, known, known.week, wrong=told(page, error))
    outcome = outcome_of(caller.work, rehearsal, page)
    return _editor(caller.work, page, wanted, week, outcome=outcome, recorded=recorded(caller.work, taps, page))


@router.post("/{schedule}/publish")
def publish(schedule: str, sent: SentHours, caller: CurrentAdmin, cloud: CloudDep) -> Response:
    """Keep the week and publish it; the page then shows each door confirming."""
    known = _known(caller.work, schedule)
    minutes = read_reentry(sent)
    service.change_schedule(caller.work, known.id, read_week(sent), cloud.keyring, reentry_minutes=minutes)
    return RedirectResponse(f"/admin/schedules/{known.id}?published=1", HTTPStatus.SEE_OTHER)


def _editor(work: Work, page: Page, known: NamedSchedule, week: tuple[Windows, ...], **more: object) -> Response:
    site = site_of(work, known.site)
    zone = ZoneInfo(site.time_zone)
    shown: dict[str, object] = {"outcome": None, "recorded": None, "wrong": "", "confirmation": None}
    return page.show(
        "schedule.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if more.get("wrong") else HTTPStatus.OK,
        schedule=known,
        longest_reentry=LONGEST_REENTRY,
        week=[(number, name, _fields(week[number])) for number, name in day_names(page)],
        changeover=next_changeover(zone, work.now, week),
        site=site,
        zone=zone,
        **(shown | more),
    )


def _fields(windows: Windows) -> list[tuple[str, str]]:
    """A day's windows as its input fields hold them."""
    return [(clock_text(window.start), clock_text(window.end)) for window in windows]


def day_names(page: Page) -> list[tuple[int, str]]:
    """Monday to Sunday in the reader's language."""
    names: Mapping[int, str] = Locale.parse(page.language).days["stand-alone"]["wide"]
    return [(day, names[day].capitalize()) for day in range(WEEK_DAYS)]


def week_lines(week: tuple[Windows, ...], page: Page) -> list[tuple[str, list[str]]]:
    """A week in words, days that are alike in a row made one line."""
    lines: list[tuple[str, list[str]]] = []
    first = 0
    names = [name for _number, name in day_names(page)]
    for day in range(1, WEEK_DAYS + 1):
        if day == WEEK_DAYS or week[day] != week[first]:
            last = names[day - 1] if page.language == "en" else names[day - 1].lower()
            label = names[first] if day - 1 == first else f"{names[first]} \N{EN DASH} {last}"
            lines.append((label, [window_text(window) for window in week[first]]))
            first = day
    return lines


def outcome_of(work: Work, rehearsal: Rehearsal, page: Page) -> Outcome:
    """Who gains and who loses, by name, each with doors and hours."""
    people = members.holders_by_id(work, {effect.holder for effect in rehearsal.effects})
    doors = {effect.door: places.find_door(work, effect.door) for effect in rehearsal.effects}

    def told(kind: str) -> tuple[Change, ...]:
        by_holder: dict[HolderId, dict[tuple[str, ...], list[str]]] = {}
        for effect in rehearsal.effects:
            spans = _spans(effect, kind)
            if spans:
                hours = tuple(span_lines(spans, page))
                door = doors[effect.door]
                by_holder.setdefault(effect.holder, {}).setdefault(hours, []).append(
                    door.name if door else DoorId(effect.door)
                )
        named = {holder: people[holder].name if holder in people else str(holder) for holder in by_holder}
        return tuple(
            Change(named[holder], tuple(f"{', '.join(where)}: {'; '.join(hours)}" for hours, where in found.items()))
            for holder, found in sorted(by_holder.items(), key=lambda item: named[item[0]])
        )

    return Outcome(told("gains"), told("loses"), tuple(door_hours(work, one, page) for one in rehearsal.doors))


def door_hours(work: Work, one: DoorHours, page: Page) -> Hours:
    """The changed hours of one door."""
    door = places.find_door(work, one.door)
    name = door.name if door else str(one.door)
    return Hours(name, tuple(span_lines(one.opens, page)), tuple(span_lines(one.shuts, page)))


def _spans(effect: Effect, kind: str) -> tuple[Span, ...]:
    return effect.gains if kind == "gains" else effect.loses


def span_lines(spans: tuple[Span, ...], page: Page) -> list[str]:
    """Spans of a week in words, days that are alike made one line."""
    days: list[list[Window]] = [[] for _day in range(WEEK_DAYS)]
    for span in spans:
        days[span.weekday].append(span.window)
    week = tuple(tuple(windows) for windows in days)
    return [f"{label} {', '.join(hours)}" for label, hours in week_lines(week, page) if hours]


def _known(work: Work, schedule: str) -> NamedSchedule:
    known = store.find_schedule(work, ScheduleId(schedule))
    if known is None:
        raise Missing("schedule", schedule)
    return known


def _special(work: Work, site: SiteId) -> list[SpecialDay]:
    """Days gone by are not shown."""
    return [one for one in store.list_special_days(work, site) if one.day >= work.now.date()]
