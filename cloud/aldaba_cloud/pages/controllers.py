"""Controllers: those in use, a code for the next one, and taking one out of use with what that asks for."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Response

from aldaba_cloud.access import theft
from aldaba_cloud.access.theft import AtRisk
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CloudDep, CurrentInstaller
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import pairing, service
from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.fleet.models import Controller
from aldaba_cloud.pages.i18n import mark
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.reading import site_of, site_wanted
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Site
from aldaba_shared.ids import ControllerId, DoorId

router = APIRouter(prefix="/admin/controllers", include_in_schema=False)

REMEDIES = {
    theft.Remedy.GIVE_ANOTHER_CARD: mark("give another card"),
    theft.Remedy.CHANGE_PIN: mark("change the PIN"),
    theft.Remedy.MAKE_NEW_KEYS: mark("make new card keys"),
}


@router.get("")
def list_controllers(caller: CurrentInstaller, page: PageDep, site: str = "") -> Response:
    """Every controller in use, and a code for the next one."""
    return _list(caller.work, page, site_wanted(caller.work, site))


@router.post("")
def issue_code(
    caller: CurrentInstaller,
    cloud: CloudDep,
    page: PageDep,
    *,
    site: Annotated[str, Form()],
    name: Annotated[str, Form(min_length=1, max_length=80)],
    door: Annotated[list[str], Form()],
) -> Response:
    """Make a pairing code; this answer is the only place where it is shown."""
    wanted = site_wanted(caller.work, site)
    code = pairing.issue_code(caller.work, cloud.keyring, wanted.id, name, [DoorId(one) for one in door])
    return _list(caller.work, page, wanted, code)


@router.get("/{controller}/retire")
def ask(controller: str, caller: CurrentInstaller, page: PageDep) -> Response:
    """What taking a controller out of use does, and what it would ask for."""
    found = _in_use(caller.work, controller)
    return _retirement(page, caller.work, found, theft.at_risk(caller.work, found.id), done=False)


@router.post("/{controller}/retire")
def retire(controller: str, caller: CurrentInstaller, cloud: CloudDep, page: PageDep) -> Response:
    """Take a controller out of use; the answer lists what to issue anew."""
    found = _in_use(caller.work, controller)
    return _retirement(page, caller.work, found, theft.retire(caller.work, found.id, cloud.keyring), done=True)


def _list(work: Work, page: Page, site: Site, code: str = "") -> Response:
    here = places.load_place(work, site).doors.values()
    return page.show(
        "controllers.html",
        controllers=service.controllers_now(work),
        doors=sorted(here, key=lambda one: one.name),
        site=site,
        code=code,
        zone=ZoneInfo(site.time_zone),
    )


def _retirement(page: Page, work: Work, controller: Controller, risks: Sequence[AtRisk], *, done: bool) -> Response:
    site = site_of(work, controller.site)
    here = places.load_place(work, site).doors.values()
    doors = [one.name for one in here if one.controller == controller.id]
    return page.show(
        "retire.html",
        status=HTTPStatus.OK,
        controller=controller,
        doors=sorted(doors),
        risks=risks,
        remedies=REMEDIES,
        done=done,
    )


def _in_use(work: Work, controller: str) -> Controller:
    found = fleet.find_controller(work, ControllerId(controller))
    if found is None or found.retired_at is not None:
        raise Missing("controller in use", controller)
    return found
