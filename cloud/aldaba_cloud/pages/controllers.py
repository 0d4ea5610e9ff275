"""Controllers: those in use, a code for the next one, and taking one out of use with what that asks for."""

from collections.abc import Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Response

from aldaba_cloud.access import passes, theft
from aldaba_cloud.access.theft import AtRisk
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CloudDep, CurrentInstaller
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import certificates, configurations, pairing, service, versions
from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.fleet.keys import load_keys
from aldaba_cloud.fleet.models import Controller
from aldaba_cloud.pages.i18n import mark
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.reading import site_of, site_wanted
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door, Site
from aldaba_shared.ids import ControllerId, DoorId

router = APIRouter(prefix="/admin/controllers", include_in_schema=False)

REMEDIES = {
    theft.Remedy.GIVE_ANOTHER_CARD: mark("give another card"),
    theft.Remedy.CHANGE_PIN: mark("change the PIN"),
    theft.Remedy.MAKE_NEW_KEYS: mark("make new card keys"),
}
NO_DOOR: Final = mark("Tick the doors that the controller is to have: a code is bound to them.")


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
    door: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make a pairing code; this answer is the only place where it is shown."""
    wanted = site_wanted(caller.work, site)
    if not door:
        return _list(caller.work, page, wanted, wrong=page.text(NO_DOOR))
    code = pairing.issue_code(caller.work, cloud.keyring, wanted.id, name, [DoorId(one) for one in door])
    return _list(caller.work, page, wanted, code)


@router.get("/{controller}")
def see(controller: str, caller: CurrentInstaller, page: PageDep) -> Response:
    """One controller: what it is, what it runs, and the label that leads here."""
    return _one(caller.work, page, _known(caller.work, controller))


@router.get("/{controller}/label.svg", response_class=Response)
def draw_label(controller: str, caller: CurrentInstaller, cloud: CloudDep) -> Response:
    """The QR code for the box on the wall: the address of the controller's page, and nothing secret."""
    found = _known(caller.work, controller)
    address = f"{cloud.config.base_url.rstrip('/')}/admin/controllers/{found.id}"
    return Response(passes.drawn_bytes(address), media_type="image/svg+xml")


@router.post("/{controller}/replace")
def replace(controller: str, caller: CurrentInstaller, cloud: CloudDep, page: PageDep) -> Response:
    """Make the code by which another controller takes over the doors; this answer alone shows it."""
    found = _known(caller.work, controller)
    doors = _doors_of(caller.work, found)
    if not doors:
        raise Missing("door of the controller", controller)
    code = pairing.issue_code(caller.work, cloud.keyring, found.site, found.name, [one.id for one in doors])
    return _one(caller.work, page, found, (code, cloud.config.base_url, load_keys(cloud.keyring).root_key))


@router.post("/{controller}/canary")
def set_canary(
    controller: str, caller: CurrentInstaller, page: PageDep, *, canary: Annotated[bool, Form()] = False
) -> Response:
    """Say whether this controller takes updates before the others."""
    found = _in_use(caller.work, controller)
    service.set_canary(caller.work, found.id, canary=canary)
    return _one(caller.work, page, _in_use(caller.work, controller))


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


def _list(work: Work, page: Page, site: Site, code: str = "", *, wrong: str = "") -> Response:
    here = places.load_place(work, site).doors.values()
    shown = service.controllers_now(work)
    fleet_now = [one.controller for one in shown]
    return page.show(
        "controllers.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
        controllers=shown,
        counted=versions.counted(fleet_now),
        behind=versions.behind(fleet_now),
        trials=versions.trials(fleet_now, work.now),
        doors=sorted(here, key=lambda one: one.name),
        site=site,
        code=code,
        wrong=wrong,
        zone=ZoneInfo(site.time_zone),
    )


def _one(work: Work, page: Page, controller: Controller, made: tuple[str, str, bytes] | None = None) -> Response:
    """`made` is a code for the next controller, the address it asks and the root it is to find there."""
    code, address, root = made or ("", "", b"")
    return page.show(
        "controller.html",
        controller=controller,
        doors=_doors_of(work, controller),
        certificate=certificates.holds_until(work, controller.id),
        configuration=configurations.of_controller(work, controller.id),
        code=code,
        address=address,
        fingerprint=sha256(root).hexdigest(),
        zone=ZoneInfo(site_of(work, controller.site).time_zone),
    )


def _doors_of(work: Work, controller: Controller) -> list[Door]:
    """The doors a controller has; those it had when it was last heard, once it is out of use."""
    here = places.load_place(work, site_of(work, controller.site)).doors
    theirs = [one for one in here.values() if one.controller == controller.id]
    if controller.retired_at is not None:
        kept = configurations.of_controller(work, controller.id)
        theirs = [here[one] for one in kept.doors if one in here and here[one].controller is None] if kept else []
    return sorted(theirs, key=lambda one: one.name)


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


def _known(work: Work, controller: str) -> Controller:
    found = fleet.find_controller(work, ControllerId(controller))
    if found is None:
        raise Missing("controller", controller)
    return found


def _in_use(work: Work, controller: str) -> Controller:
    found = _known(work, controller)
    if found.retired_at is not None:
        raise Missing("controller in use", controller)
    return found
