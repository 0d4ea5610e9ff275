"""How a site invoices: who, for real or as a test, who collects, whom debts shut out, which months are closed."""

from datetime import date
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.auth.models import Role
from aldaba_cloud.billing import payment_store, service, store
from aldaba_cloud.billing.collection import LEVELS, Provider
from aldaba_cloud.deps import CloudDep, CurrentAccountant, CurrentAdmin
from aldaba_cloud.errors import Unusable
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.pages.reading import site_wanted

router = APIRouter(prefix="/money/settings", include_in_schema=False)
NAMES: Final = {Provider.STRIPE: "Stripe", Provider.GOCARDLESS: "GoCardless"}
HERE: Final = "/money/settings"


class NoMonth(Unusable):
    """What was typed is no month."""

    def __init__(self, told: str) -> None:
        super().__init__(f"{told!r} is no month. Say it such as 2026-12.")


@router.get("")
def show(caller: CurrentAccountant, cloud: CloudDep, page: PageDep, site: str = "") -> Response:
    """Who invoices at a site and how."""
    where = site_wanted(caller.work, site)
    told = cloud.config
    keys = {
        Provider.STRIPE: bool(told.stripe_key and told.stripe_webhook_secret),
        Provider.GOCARDLESS: bool(told.gocardless_token and told.gocardless_webhook_secret),
    }
    collectors = [(NAMES[one], LEVELS[one], keys[one]) for one in Provider]
    issuer, admin = store.issuer_of(caller.work, where.id), caller.account.scope(Role.ADMIN) is not None
    locked = payment_store.locked_months_of(caller.work, where.id)
    return page.show(
        "money_settings.html", site=where, issuer=issuer, collectors=collectors, locked=locked, admin=admin
    )


@router.post("/live")
def go_live(caller: CurrentAdmin, site: Annotated[str, Form()]) -> Response:
    """Leave the test mode for good."""
    service.go_live(caller.work, site_wanted(caller.work, site).id)
    return RedirectResponse(HERE, HTTPStatus.SEE_OTHER)


@router.post("/offices")
def sign_offices(caller: CurrentAdmin, site: Annotated[str, Form()], locks: Annotated[bool, Form()]) -> Response:
    """Sign that debts may shut offices and dedicated desks out too, or take that back."""
    service.sign_office_locks(caller.work, site_wanted(caller.work, site).id, locks=locks)
    return RedirectResponse(HERE, HTTPStatus.SEE_OTHER)


@router.post("/month")
def lock_month(caller: CurrentAccountant, site: Annotated[str, Form()], month: Annotated[str, Form()]) -> Response:
    """Let nothing more be dated in a month."""
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise NoMonth(month) from None
    service.lock_month(caller.work, site_wanted(caller.work, site).id, first)
    return RedirectResponse(HERE, HTTPStatus.SEE_OTHER)
