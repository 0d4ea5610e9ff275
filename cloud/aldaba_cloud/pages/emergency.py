"""Sealed emergency codes: what is in the envelopes now, and a new sheet to print, cut and seal."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Response

from aldaba_cloud.access import emergency
from aldaba_cloud.deps import CloudDep, CurrentAdmin
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.pages.reading import site_wanted

router = APIRouter(prefix="/admin/emergency-codes", include_in_schema=False)


@router.get("")
def show(caller: CurrentAdmin, page: PageDep, site: str = "") -> Response:
    """How many envelopes there are, and until when they are good."""
    wanted = site_wanted(caller.work, site)
    codes = emergency.sheet_in_force(caller.work, wanted.id)
    return page.show("emergency.html", site=wanted, zone=ZoneInfo(wanted.time_zone), codes=codes)


@router.post("")
def seal(
    caller: CurrentAdmin,
    cloud: CloudDep,
    page: PageDep,
    *,
    site: Annotated[str, Form()] = "",
    count: Annotated[int, Form(ge=1, le=50)] = 5,
    days: Annotated[int, Form(ge=1, le=400)] = 365,
) -> Response:
    """Make a sheet; this answer is the only place where its digits stand."""
    wanted = site_wanted(caller.work, site)
    codes = emergency.seal_codes(caller.work, wanted.id, count, days, cloud.keyring)
    answer = page.show("emergency_sheet.html", site=wanted, zone=ZoneInfo(wanted.time_zone), codes=codes)
    answer.headers["cache-control"] = "no-store"
    return answer
