"""Holders, plans, contracts and credentials, without a database."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from aldaba_cloud.db import ALL_SITES
from aldaba_cloud.members.terms import CompanyId
from aldaba_shared.ids import ContractId, CredentialId, HolderId, SiteId
from aldaba_shared.keys import CredentialKind


class HolderKind(StrEnum):
    """What makes somebody a holder. Only members have contracts; nothing else can be refused for money."""

    MEMBER = "member"
    STAFF = "staff"
    CLEANER = "cleaner"
    SUPPLIER = "supplier"
    EMERGENCY_KEY = "emergency_key"
    GUEST = "guest"


class PlanKind(StrEnum):
    """What kind of place is sold."""

    HOT_DESK = "hot_desk"
    FIXED = "fixed"
    OFFICE = "office"
    VIRTUAL = "virtual"
    DAY_PASS = "day_pass"  # noqa: S105 -- a kind of plan, not a password
    PACK = "pack"
    ROOMS = "rooms"


class ContractState(StrEnum):
    """Where a contract is in its life."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDING = "ending"
    ENDED = "ended"


class Standing(StrEnum):
    """How a contract stands with its bills."""

    GOOD = "good"
    GRACE = "grace"
    LIMITED = "limited"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who may carry credentials. `contact` is one mail address or telephone number."""

    id: HolderId
    kind: HolderKind
    name: str
    contact: str = ""
    site: SiteId = ALL_SITES
    essential: bool = False
    long_access: bool = False
    locale: str = "es"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sold; levels hang on it."""

    id: str
    name: str
    kind: PlanKind
    site: SiteId = ALL_SITES
    sticker: bool = False
    """Its members may open doors from the page of a door's sticker, where the door has one."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One payer, one or more people, a plan, for a while.

    `paid_until` is the next due date: the last local day that is paid for.
    `ends_on` is the last local day of the contract. `returns_on` is the day a
    paused contract comes back. What it costs, under which version of the plan and
    on which terms stands in `members.terms`, by its id.
    """

    id: ContractId
    plan: str
    people: tuple[HolderId, ...]
    starts_on: date
    state: ContractState = ContractState.ACTIVE
    standing: Standing = Standing.GOOD
    renews: bool = True
    paid_until: date | None = None
    ends_on: date | None = None
    returns_on: date | None = None
    grace_days: int = 7
    payer: HolderId | None = None
    company: CompanyId | None = None
    site: SiteId = ALL_SITES

    @property
    def billed_to(self) -> str:
        """The party whose `BillTo` its invoices name: the company, else the payer, else the first of its people."""
        return self.company or self.payer or (self.people[0] if self.people else "")

    @property
    def gives_rights(self) -> bool:
        """Whether rights come from it at all; a scheduled or a paused one gives rights that begin later."""
        if self.state is ContractState.PAUSED:
            return self.returns_on is not None
        return self.state in {ContractState.SCHEDULED, ContractState.ACTIVE, ContractState.ENDING}

    def narrowed_to(self, whom: frozenset[HolderId]) -> Self:
        """The same contract for only some of its people."""
        return replace(self, people=tuple(person for person in self.people if person in whom))

    def begins_at(self, zone: ZoneInfo) -> datetime:
        """The instant its rights begin: 00:00 local of the first day, or of the day it returns."""
        return midnight(max(self.starts_on, self.returns_on or self.starts_on), zone)

    def rights_end_at(self, zone: ZoneInfo) -> datetime | None:
        """The instant its rights end by themselves; None if nothing ends them.

        Automatic renewals end at 00:00 local of the day after the next due date
        (or the return, if later) plus grace, and move on with every accepted
        collection; manual ones end with what was paid, without grace. No right
        outlives the contract.
        """
        ends = []
        if self.paid_until is not None:
            due = max(self.paid_until, self.returns_on or self.paid_until)
            grace = self.grace_days if self.renews else 0
            ends.append(midnight(due + timedelta(days=1 + grace), zone))
        if self.ends_on is not None:
            ends.append(midnight(self.ends_on + timedelta(days=1), zone))
        return min(ends, default=None)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """Something a holder carries; its number is sealed elsewhere and never here.

    `label` is what is written on the card or what the holder calls it.
    """

    id: CredentialId
    holder: HolderId
    kind: CredentialKind
    label: str
    issued_at: datetime
    enabled: bool = True
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    disabled_because: str = ""
    duress: bool = False
    """A PIN that opens like any other and calls for help."""
    site: SiteId = ALL_SITES
