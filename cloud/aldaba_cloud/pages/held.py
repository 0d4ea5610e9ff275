"""Controllers held since a restore: what they follow, which taps would end otherwise, and letting them go."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.access import restored
from aldaba_cloud.access.restored import Held
from aldaba_cloud.deps import CloudDep, CurrentAdmin
from aldaba_cloud.pages.confirming import Confirmation, confirmation_of
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.pages.reading import site_wanted
from aldaba_cloud.pages.recorded import Recorded, recorded

router = APIRouter(prefix="/admin/held", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class HeldPage:
    """Everything the page shows."""

    held: list[Held]
    taps: Recorded | None
    confirmation: Confirmation | None

    @property
    def unheard(self) -> int:
        """How many have not connected since the restore, so that nobody here knows what happened at their doors."""
        return sum(not one.heard for one in self.held)


@router.get("")
def show(caller: CurrentAdmin, cloud: CloudDep, page: PageDep, *, site: str = "", published: bool = False) -> Response:
    """The controllers that wait; after publishing, each door's confirmation."""
    wanted = site_wanted(caller.work, site)
    held = restored.list_held(caller.work)
    taps = recorded(caller.work, restored.would_end_otherwise(caller.work, cloud.keyring), page) if held else None
    confirmation = confirmation_of(caller.work, wanted.id) if published else None
    shown = HeldPage(held, taps, confirmation)
    return page.show("held.html", shown=shown, site=wanted, zone=ZoneInfo(wanted.time_zone))


@router.post("/let-go")
def let_go(
    caller: CurrentAdmin,
    cloud: CloudDep,
    *,
    site: Annotated[str, Form()],
    looked: Annotated[bool, Form()] = False,
) -> Response:
    """Publish this copy's rules to every controller that waits, once somebody says that they have looked."""
    wanted = site_wanted(caller.work, site)
    if not looked:
        return RedirectResponse(f"/admin/held?site={wanted.id}", HTTPStatus.SEE_OTHER)
    restored.let_go(caller.work, cloud.keyring)
    return RedirectResponse(f"/admin/held?site={wanted.id}&published=1", HTTPStatus.SEE_OTHER)
