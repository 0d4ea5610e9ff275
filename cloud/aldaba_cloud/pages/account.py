"""Who somebody is here: their account, what it may do and where, and the pages that follow from it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from fastapi import APIRouter, Response

from aldaba_cloud.auth.models import Grant, Role
from aldaba_cloud.db import ALL_SITES, Scope, Work
from aldaba_cloud.deps import CloudDep, CurrentSession, TransactionDep
from aldaba_cloud.pages.i18n import mark
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.places import store as places
from aldaba_shared.ids import SiteId

router = APIRouter(include_in_schema=False)


class Duty(NamedTuple):
    """A role in words."""

    name: str
    about: str


DUTIES: Final[Mapping[Role, Duty]] = {
    Role.NETWORK_OWNER: Duty(mark("Network owner"), mark("Everything, at every site of the network.")),
    Role.ADMIN: Duty(mark("Admin"), mark("Members, plans, levels, schedules, controllers and the live board.")),
    Role.OPERATOR: Duty(mark("Operator"), mark("The live board, doors, alarms and lockdown.")),
    Role.ACCOUNTANT: Duty(mark("Accountant"), mark("Invoices, debts and payments.")),
    Role.INSTALLER: Duty(mark("Installer"), mark("Controllers and the codes that pair them.")),
    Role.MEMBER: Duty(mark("Member"), mark("Your own doors, hours and cards.")),
}


@router.get("/account")
def show_account(session: CurrentSession, cloud: CloudDep, db: TransactionDep, page: PageDep) -> Response:
    """The account of whoever is signed in."""
    work = Work(db, Scope(session.account.network), cloud.clock.now(), session.account.id)
    names = {site.id: site.name for site in places.list_sites(work)}
    duties = [(DUTIES[one.role], _where(one, names)) for one in session.account.grants]
    return page.show("account.html", account=session.account, duties=duties)


def _where(grant: Grant, names: Mapping[SiteId, str]) -> str:
    """The site of a grant; empty for all of them."""
    return "" if grant.site == ALL_SITES else names.get(grant.site, grant.site)
