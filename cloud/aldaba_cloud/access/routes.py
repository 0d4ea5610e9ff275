"""Schedules, credentials and explanations over the API."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, status
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from aldaba_cloud.access import service, store
from aldaba_cloud.access.explain import Explanation, Question, explain_kept
from aldaba_cloud.access.models import NamedSchedule, SpecialDay
from aldaba_cloud.access.publish import Published
from aldaba_cloud.access.rehearse import Span
from aldaba_cloud.api.editions import ChangingDep, ReadingDep, tag_of
from aldaba_cloud.api.paging import PageAsked
from aldaba_cloud.auth.models import Account
from aldaba_cloud.deps import CloudDep, CurrentAdmin, CurrentMember, CurrentOperator, OneTurn
from aldaba_cloud.members.models import IssuedCredential
from aldaba_cloud.members.service import NewCredential
from aldaba_shared.ids import ControllerId, CredentialId, DoorId, HolderId, ScheduleId, SiteId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Language, sentence
from aldaba_shared.schedule import DAY_MINUTES, LONGEST_REENTRY, Window, Windows

router = APIRouter(prefix="/api/v1", tags=["access"], route_class=OneTurn)

Minute = Annotated[int, Field(ge=0, le=DAY_MINUTES)]
Day = list[tuple[Minute, Minute]]
Week = Annotated[list[Day], Field(min_length=7, max_length=7)]
Sequence = Annotated[int, Field(ge=0, lt=1 << 63)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class WeekIn(BaseModel):
    """Windows of each weekday, Monday first, as minutes of the local day, end excluded.

    For `reentry_minutes` after a window's end whoever was inside then may come in
    again; left out, they stay as they are.
    """

    week: Week
    reentry_minutes: Annotated[int, Field(ge=0, le=LONGEST_REENTRY)] | None = None


class ScheduleOut(BaseModel):
    """A schedule."""

    id: str
    site: str
    name: str
    week: list[list[tuple[int, int]]]
    keeps_special_days: bool
    reentry_minutes: int


class SpecialDayIn(BaseModel):
    """What a day is called, and its windows; none means shut."""

    name: Text
    windows: Day


class SpecialDayOut(BaseModel):
    """A day that is unlike the week, and its windows; none means shut."""

    day: date
    name: str
    windows: list[tuple[int, int]]


class SpanOut(BaseModel):
    """Minutes of a weekday, 0 is Monday."""

    weekday: int
    start: int
    end: int


class EffectOut(BaseModel):
    """What one holder gains and loses at one door."""

    holder: str
    door: str
    gains: list[SpanOut]
    loses: list[SpanOut]


class RehearsalOut(BaseModel):
    """Who gains, who loses."""

    effects: list[EffectOut]
    gainers: int
    losers: int
    special_days: list[str]


class PublishedOut(BaseModel):
    """A version that was made for a controller."""

    controller: str
    epoch: int
    version: int
    changed_rows: int


class ConfirmationOut(BaseModel):
    """What was published for a controller and what it follows."""

    controller: str
    published: tuple[int, int]
    confirmed: tuple[int, int]
    up_to_date: bool


class CredentialIn(BaseModel):
    """A credential to issue; `number` is its canonical form in hexadecimal digits."""

    kind: CredentialKind
    number: Annotated[str, StringConstraints(pattern=r"^([0-9a-fA-F]{2}){1,128}$")]
    label: Text
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None


class RevokeIn(BaseModel):
    """Why a credential is switched off."""

    because: Annotated[str, StringConstraints(min_length=1, max_length=40)]


class IssuedOut(BaseModel):
    """A credential as it is now."""

    id: str
    holder: str
    enabled: bool


class ExplanationOut(BaseModel):
    """A decision and its reason; `same` is whether the door had said the same."""

    granted: bool
    reason: str
    sentence: str
    same: bool
    rights: list[str]


class ReachOut(BaseModel):
    """A door the member may pass."""

    site: str
    door: str
    until: AwareDatetime | None
    week: list[list[tuple[int, int]]]


@router.get("/schedules")
def list_schedules(caller: CurrentOperator, page: PageAsked) -> list[ScheduleOut]:
    """List schedules."""
    return [_schedule(one) for one in page.cut(store.list_schedules(caller.work), lambda one: (one.name, one.id))]


@router.get("/schedules/{schedule_id}")
def find_schedule(schedule_id: str, caller: CurrentOperator, reading: ReadingDep) -> ScheduleOut:
    """Show one schedule."""
    return reading.show(_schedule(service.find_schedule(caller.work, ScheduleId(schedule_id))))


@router.put("/schedules/{schedule_id}")
def change_schedule(
    schedule_id: str, wanted: WeekIn, caller: CurrentAdmin, cloud: CloudDep, changing: ChangingDep
) -> list[PublishedOut]:
    """Keep another week and publish it to the doors."""
    name, back = ScheduleId(schedule_id), wanted.reentry_minutes
    row = (store.schedules, store.schedules.c.id == name)
    changing.check(caller.work, row, lambda: _schedule(service.find_schedule(caller.work, name)))
    made = service.change_schedule(caller.work, name, _week(wanted.week), cloud.keyring, reentry_minutes=back)
    return [_published(one) for one in made]


@router.post("/schedules/{schedule_id}/rehearsal")
def rehearse_schedule(schedule_id: str, wanted: WeekIn, caller: CurrentAdmin, cloud: CloudDep) -> RehearsalOut:
    """Say who would gain and who would lose, and change nothing."""
    found = service.rehearse_schedule(caller.work, ScheduleId(schedule_id), _week(wanted.week), cloud.keyring)
    effects = [
        EffectOut(holder=one.holder, door=one.door, gains=_spans(one.gains), loses=_spans(one.loses))
        for one in found.effects
    ]
    days = list(found.special_days)
    return RehearsalOut(effects=effects, gainers=len(found.gainers), losers=len(found.losers), special_days=days)


@router.put("/sites/{site_id}/special-days/{day}")
def set_special_day(
    site_id: str, day: date, wanted: SpecialDayIn, *, caller: CurrentAdmin, cloud: CloudDep, changing: ChangingDep
) -> list[PublishedOut]:
    """Replace one day of the week's schedules."""
    site, kept = SiteId(site_id), store.special_days
    row = (kept, (kept.c.site_id == site) & (kept.c.day == day))
    changing.check(caller.work, row, lambda: _special_day(service.find_special_day(caller.work, site, day)))
    special = SpecialDay(SiteId(site_id), day, wanted.name, _windows(wanted.windows))
    return [_published(one) for one in service.set_special_day(caller.work, special, cloud.keyring)]


@router.get("/sites/{site_id}/special-days")
def list_special_days(site_id: str, caller: CurrentOperator, page: PageAsked) -> list[SpecialDayOut]:
    """List the days that are unlike the week."""
    found = page.cut(service.list_special_days(caller.work, SiteId(site_id)), lambda one: (one.day.isoformat(),))
    return [_special_day(one) for one in found]


@router.get("/sites/{site_id}/special-days/{day}")
def find_special_day(site_id: str, day: date, caller: CurrentOperator, reading: ReadingDep) -> SpecialDayOut:
    """Show one day that is unlike the week."""
    return reading.show(_special_day(service.find_special_day(caller.work, SiteId(site_id), day)))


@router.get("/rules")
def list_confirmations(caller: CurrentOperator, page: PageAsked) -> list[ConfirmationOut]:
    """Say for each controller whether it follows what was published."""
    return [
        ConfirmationOut(
            controller=one.controller, published=one.published, confirmed=one.confirmed, up_to_date=one.up_to_date
        )
        for one in page.cut(service.confirmations(caller.work), lambda one: (one.controller,))
    ]


@router.post("/holders/{holder_id}/credentials", status_code=status.HTTP_201_CREATED)
def issue_credential(holder_id: str, wanted: CredentialIn, caller: CurrentAdmin, cloud: CloudDep) -> IssuedOut:
    """Issue a credential and have the doors learn it."""
    new = NewCredential(
        holder=HolderId(holder_id),
        kind=wanted.kind,
        canonical=bytes.fromhex(wanted.number),
        label=wanted.label,
        valid_from=wanted.valid_from,
        valid_until=wanted.valid_until,
    )
    return _issued(service.issue_credential(caller.work, new, cloud.keyring))


@router.post("/credentials/{credential_id}/revocation")
def revoke_credential(credential_id: str, wanted: RevokeIn, caller: CurrentOperator, cloud: CloudDep) -> IssuedOut:
    """Switch a credential off, at every door."""
    name = CredentialId(credential_id)
    return _issued(service.revoke_credential(caller.work, name, wanted.because, cloud.keyring))


@router.delete("/credentials/{credential_id}/revocation")
def restore_credential(credential_id: str, caller: CurrentAdmin, cloud: CloudDep) -> IssuedOut:
    """Switch a credential on again."""
    return _issued(service.restore_credential(caller.work, CredentialId(credential_id), cloud.keyring))


@router.get("/explanation")
def explain_access(
    holder: str, door: str, caller: CurrentOperator, cloud: CloudDep, at: AwareDatetime | None = None
) -> ExplanationOut:
    """Say whether this holder would pass this door at this moment, and why."""
    question = Question(HolderId(holder), DoorId(door), at or caller.work.now)
    return _explained(service.explain_access(caller.work, question, cloud.keyring), caller.account)


@router.get("/events/{controller_id}/{journal}/{sequence}/explanation")
def explain_event(controller_id: str, journal: str, sequence: Sequence, caller: CurrentOperator) -> ExplanationOut:
    """Run the decision of an event again, on the facts the door saw."""
    return _explained(explain_kept(caller.work, ControllerId(controller_id), journal, sequence), caller.account)


@router.get("/me/access")
def where_may_i_go(caller: CurrentMember, cloud: CloudDep, page: PageAsked) -> list[ReachOut]:
    """List the doors the signed-in member may pass, and when."""
    reach = service.reach_of(caller.work, caller.holder, cloud.keyring)
    told = [
        ReachOut(site=site, door=one.door, until=one.until, week=[_pairs(day) for day in schedule.week])
        for site, doors in reach.items()
        for one in doors
        for schedule in one.schedules
    ]
    return page.cut(told, lambda one: (one.site, one.door, tag_of(one)))


def _week(days: Week) -> tuple[Windows, ...]:
    return tuple(_windows(day) for day in days)


def _windows(day: Day) -> Windows:
    return tuple(Window(start, end) for start, end in day)


def _pairs(windows: Windows) -> list[tuple[int, int]]:
    return [(window.start, window.end) for window in windows]


def _spans(spans: tuple[Span, ...]) -> list[SpanOut]:
    return [SpanOut(weekday=one.weekday, start=one.window.start, end=one.window.end) for one in spans]


def _schedule(one: NamedSchedule) -> ScheduleOut:
    return ScheduleOut(
        id=one.id,
        site=one.site,
        name=one.name,
        week=[_pairs(day) for day in one.week],
        keeps_special_days=one.keeps_special_days,
        reentry_minutes=one.reentry_minutes,
    )


def _special_day(one: SpecialDay) -> SpecialDayOut:
    return SpecialDayOut(day=one.day, name=one.name, windows=_pairs(one.windows))


def _published(one: Published) -> PublishedOut:
    made = one.generation
    return PublishedOut(controller=made.controller, epoch=made.epoch, version=made.version, changed_rows=one.changed)


def _issued(one: IssuedCredential) -> IssuedOut:
    return IssuedOut(id=one.id, holder=one.holder, enabled=one.enabled)


def _language(reader: Account) -> Language:
    """The reader's language, if the sentences have it."""
    spoken: dict[str, Language] = {"es": "es", "ca": "ca", "en": "en"}
    return spoken.get(reader.locale, "es")


def _explained(one: Explanation, reader: Account) -> ExplanationOut:
    return ExplanationOut(
        granted=one.decision.granted,
        reason=one.decision.reason,
        sentence=sentence(one.decision.reason, _language(reader)),
        same=one.same,
        rights=[right.id for right in one.facts.rights],
    )
