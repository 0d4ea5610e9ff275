"""Under which contract somebody books, what that contract includes, and so what a booking costs them."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_cloud.bookings import store
from aldaba_cloud.bookings.clocks import month_of, week_of
from aldaba_cloud.bookings.models import Booking, NotBookable, Price, Request, Resource
from aldaba_cloud.bookings.prices import quote
from aldaba_cloud.bookings.reading import zone_of
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.members import store as members
from aldaba_cloud.members import terms_store as terms
from aldaba_cloud.members.models import Contract, Holder, HolderKind, Standing
from aldaba_cloud.members.terms import QuotaKind
from aldaba_shared.ids import ContractId, HolderId

MAY_BOOK: Final = frozenset({Standing.GOOD, Standing.GRACE})
HOUR: Final = 60


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which contract somebody books: its plan for the price, and what it includes."""

    contract: ContractId | None = None
    plan: str | None = None
    week_minutes: int | None = None
    """As much as may be booked in a week; None is any."""
    month_minutes: int = 0
    """As much as is included in a month; what goes beyond is paid for."""
    free: bool = False
    """Staff book without a price."""


def priced(work: Work, resource: Resource, request: Request, sold: Terms, *, without: Booking | None = None) -> Price:
    """What a booking costs under these terms; `without` is the booking that is being moved.

    Raises:
        NotBookable: nobody has said what it costs.
    """
    if sold.free:
        return Price(0, "staff")
    zone = zone_of(work, resource)
    rules = store.list_price_rules(work, resource.site)
    left = _credit_left(work, sold, request, zone, without)
    return quote(rules, resource, sold.plan, request.span, zone, credit=left)


def _credit_left(work: Work, sold: Terms, request: Request, zone: ZoneInfo, without: Booking | None) -> int:
    if sold.contract is None or not sold.month_minutes:
        return 0
    month = month_of(request.span.start, zone)
    used = store.credit_used(work, sold.contract, month)
    back = without.price.credit_minutes if without and month.start <= without.span.start < month.end else 0
    return max(sold.month_minutes - used + back, 0)


def terms_for(work: Work, resource: Resource, request: Request, *, without: Booking | None = None) -> Terms:
    """Under which contract this is booked, with the week's quota held."""
    holder = _known_holder(work, request.host)
    if holder.kind is HolderKind.STAFF:
        return Terms(free=True)
    zone = zone_of(work, resource)
    day = request.span.start.astimezone(zone).date()
    contract = _contract(work, request, day)
    if contract is None:
        return Terms()
    sold = _sold(work, contract, day)
    if sold.week_minutes is not None or sold.month_minutes:
        # Two who want the last half hour: the second waits here, and then sees the first one's.
        members.lock_contract(work, contract.id)
    _check_week(work, sold, request, zone, without)
    return sold


def _contract(work: Work, request: Request, day: date) -> Contract | None:
    """The contract that was named, or the holder's first that stands well; None for who has none."""
    theirs = [
        one
        for one in members.contracts_of(work, [request.host])
        if request.contract in {None, one.id} and one.gives_rights and _covers(one, day)
    ]
    if request.contract is not None and not theirs:
        raise Missing("contract", request.contract)
    well = [one for one in theirs if one.standing in MAY_BOOK]
    if theirs and not well:
        raise NotBookable("An invoice of this contract is unpaid. Pay it, and book again at once.")
    return min(well, key=lambda one: one.id, default=None)


def _covers(contract: Contract, day: date) -> bool:
    return contract.starts_on <= day and (contract.ends_on is None or day <= contract.ends_on)


def _sold(work: Work, contract: Contract, day: date) -> Terms:
    spells = [one for one in terms.spells_of(work, contract.id) if one.from_on <= day]
    if not spells:
        return Terms(contract.id, contract.plan)
    quotas = terms.plan_versions_by_id(work)[max(spells, key=lambda one: one.from_on).version].quotas
    week, month = quotas.get(QuotaKind.ROOM_MINUTES_WEEK), quotas.get(QuotaKind.ROOM_MINUTES_MONTH, 0)
    return Terms(contract.id, contract.plan, week, month)


def _check_week(work: Work, sold: Terms, request: Request, zone: ZoneInfo, without: Booking | None) -> None:
    if sold.week_minutes is None:
        return
    week = week_of(request.span.start, zone)
    used = store.minutes_booked(work, request.host, week)
    if without is not None and week.start <= without.span.start < week.end:
        used -= without.span.minutes
    if used + request.span.minutes > sold.week_minutes:
        raise NotBookable(
            f"The plan {sold.plan} has {sold.week_minutes / HOUR:g} h of rooms a week for a person, and"
            f" {used / HOUR:g} h of that week are booked. Book less, or another week."
        )


def _known_holder(work: Work, holder: HolderId) -> Holder:
    found = members.find_holder(work, holder)
    if found is None:
        raise Missing("holder", holder)
    return found


def check_guests(work: Work, request: Request) -> None:
    """Doors open to guests, so each has to be somebody.

    Raises:
        Missing: there is no such holder within the caller's sight.
    """
    known = members.holders_by_id(work, request.guests) if request.guests else {}
    for guest in request.guests:
        if guest not in known:
            raise Missing("holder", guest)
