"""Accounts, roles and sessions, without a database."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from aldaba_cloud.db import ALL_SITES, Scope
from aldaba_shared.ids import HolderId, NetworkId, SiteId


class Role(StrEnum):
    """What an account may do at a site."""

    NETWORK_OWNER = "network_owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    ACCOUNTANT = "accountant"
    INSTALLER = "installer"
    MEMBER = "member"


INCLUDES: Final[dict[Role, frozenset[Role]]] = {
    Role.NETWORK_OWNER: frozenset(Role) - {Role.MEMBER},
    Role.ADMIN: frozenset({Role.ADMIN, Role.OPERATOR, Role.ACCOUNTANT, Role.INSTALLER}),
    Role.OPERATOR: frozenset({Role.OPERATOR}),
    Role.ACCOUNTANT: frozenset({Role.ACCOUNTANT}),
    Role.INSTALLER: frozenset({Role.INSTALLER}),
    Role.MEMBER: frozenset({Role.MEMBER}),
}
"""Which roles a role stands for. A member is a person with a contract; no other role makes one."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role at one site, or at all of them (`*`)."""

    role: Role
    site: SiteId


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who signs in; `holder` is set when the same person also opens doors."""

    id: str
    network: NetworkId
    email: str
    name: str
    grants: tuple[Grant, ...]
    holder: HolderId | None = None
    locale: str = "es"

    def scope(self, needed: Role) -> Scope | None:
        """Where the account holds this role; None means nowhere."""
        sites = {grant.site for grant in self.grants if needed in INCLUDES[grant.role]}
        if not sites:
            return None
        return Scope(self.network, None if ALL_SITES in sites else frozenset(sites))


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. The cookie's token is not here: only its digest is kept."""

    id: str
    account: Account
    csrf: str
    created_at: datetime
    expires_at: datetime
    agent: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a fresh sign-in gives back once: the cookie's token."""

    token: str
    session: Session


FREE_TRIES: Final = 5
LONGEST_WAIT: Final = timedelta(minutes=15)


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many wrong tries: nothing for five, then 15 s doubling to 15 minutes.

    >>> [int(wait_after(n).total_seconds()) for n in (4, 5, 6, 12, 400)]
    [0, 15, 30, 900, 900]
    """
    if failures < FREE_TRIES:
        return timedelta()
    return min(timedelta(seconds=15 * 2 ** min(failures - FREE_TRIES, 10)), LONGEST_WAIT)


def normal_email(email: str) -> str:
    """The form an address is compared in."""
    return email.strip().casefold()


def roles_of(grants: Iterable[Grant]) -> frozenset[Role]:
    """Every role these grants stand for, wherever."""
    return frozenset(role for grant in grants for role in INCLUDES[grant.role])
