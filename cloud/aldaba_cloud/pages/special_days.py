"""Special days: rehearsed like a week before they are published, and removed the same way."""

from datetime import date
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from aldaba_cloud.access import one_day, service
from aldaba_cloud.access.models import SpecialDay
from aldaba_cloud.access.rehearse import Rehearsal
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CloudDep, CurrentAdmin
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.pages.problems import told
from aldaba_cloud.pages.reading import site_wanted
from aldaba_cloud.pages.schedules import outcome_of, show_schedules, windows_sent
from aldaba_shared.errors import AldabaError

router = APIRouter(prefix="/admin/schedules/special-days", include_in_schema=False)

LIST: Final = "/admin/schedules"


class SpecialDayForm(BaseModel):
    """What stands in the form; `gone` asks to remove the day."""

    site: str
    day: date
    name: str = Field("", max_length=80)
    start: str = ""
    end: str = ""
    gone: bool = False


SentDay = Annotated[SpecialDayForm, Form()]


@router.post("/rehearse")
def rehearse(sent: SentDay, caller: CurrentAdmin, cloud: CloudDep, page: PageDep) -> Response:
    """Say who gains and who loses on that date; nothing is kept."""
    site = site_wanted(caller.work, sent.site)
    try:
        rehearsal = _rehearsed(caller.work, sent, cloud.keyring)
    except AldabaError as error:
        return show_schedules(caller.work, page, site, sent=sent, wrong=told(page, error))
    return show_schedules(caller.work, page, site, sent=sent, outcome=outcome_of(caller.work, rehearsal, page))


@router.post("")
def publish(sent: SentDay, caller: CurrentAdmin, cloud: CloudDep) -> Response:
    """Keep the day, or remove it, and publish that."""
    site = site_wanted(caller.work, sent.site).id
    if sent.gone:
        one_day.remove_special_day(caller.work, site, sent.day, cloud.keyring)
    else:
        service.set_special_day(caller.work, _wanted(caller.work, sent), cloud.keyring)
    return RedirectResponse(f"{LIST}?published={sent.day.isoformat()}", HTTPStatus.SEE_OTHER)


def _rehearsed(work: Work, sent: SpecialDayForm, keyring: Keyring) -> Rehearsal:
    if sent.gone:
        known = one_day.find_special_day(work, site_wanted(work, sent.site).id, sent.day)
        return one_day.rehearse_special_day(work, known, keyring, gone=True)
    return one_day.rehearse_special_day(work, _wanted(work, sent), keyring)


def _wanted(work: Work, sent: SpecialDayForm) -> SpecialDay:
    """The day in the form; without times it is closed."""
    windows = windows_sent(sent.day.isoformat(), [sent.start], [sent.end])
    return SpecialDay(site_wanted(work, sent.site).id, sent.day, sent.name, windows)
