"""What a door asks for beside the card, and a member's PIN: small forms on the pages of the door and of the member."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.access import pins, service
from aldaba_cloud.deps import CloudDep, CurrentAdmin, CurrentOperator
from aldaba_cloud.members import store as members
from aldaba_cloud.pages.door_use import door_form, door_known
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.places.models import Door, DoorUse
from aldaba_shared.ids import HolderId, ScheduleId

router = APIRouter(include_in_schema=False)


@router.post("/admin/doors/{door}/factors")
def set_factors(
    door: str,
    caller: CurrentAdmin,
    cloud: CloudDep,
    *,
    second_factor: Annotated[str, Form()] = "",
    pin_alone: Annotated[bool, Form()] = False,
    persons: Annotated[int, Form(ge=1, le=2)] = 1,
) -> Response:
    """Say when a door wants card and PIN, whether a PIN opens it alone, and how many persons it wants."""
    known = door_known(caller.work, door)
    service.set_door_use(caller.work, known.id, _use(known, second_factor, persons, pin_alone=pin_alone), cloud.keyring)
    return RedirectResponse(f"/admin/doors/{door}?published=1", HTTPStatus.SEE_OTHER)


@router.post("/admin/doors/{door}/factors/rehearse")
def rehearse(
    door: str,
    caller: CurrentAdmin,
    cloud: CloudDep,
    page: PageDep,
    *,
    second_factor: Annotated[str, Form()] = "",
    pin_alone: Annotated[bool, Form()] = False,
    persons: Annotated[int, Form(ge=1, le=2)] = 1,
) -> Response:
    """Name who would stay outside for want of a PIN; nothing is kept."""
    known = door_known(caller.work, door)
    use = _use(known, second_factor, persons, pin_alone=pin_alone)
    lacking = pins.without_pin(caller.work, known, cloud.keyring) if second_factor else []
    return door_form(caller.work, page, known, use, lacking=lacking)


def _use(known: Door, second_factor: str, persons: int, *, pin_alone: bool) -> DoorUse:
    asked = ScheduleId(second_factor) if second_factor else None
    return replace(known.use, second_factor=asked, pin_alone=pin_alone, persons=persons)


@router.post("/admin/members/{holder}/pin")
def set_pin(
    holder: str, caller: CurrentOperator, cloud: CloudDep, page: PageDep, *, duress: Annotated[bool, Form()] = False
) -> Response:
    """Make a PIN; this answer is the only place where it is shown."""
    made = pins.set_pin(caller.work, HolderId(holder), cloud.keyring, duress=duress)
    answer = page.show("pin.html", made=made, holder=members.find_holder(caller.work, HolderId(holder)))
    answer.headers["cache-control"] = "no-store"
    return answer
