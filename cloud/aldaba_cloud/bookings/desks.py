"""What is somebody's own: a desk, a locker, a place to park, for as long as their contract lasts.

It is held by the same claims as a booking, so that the database refuses whoever
else wants it, from 00:00 local of the first day until 00:00 of the day after the
contract ends. A contract without an end holds it until `FOREVER`; once an end is
known, the claim is cut to it by the job that looks who came (`attend`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_cloud import audit
from aldaba_cloud.bookings import store
from aldaba_cloud.bookings.models import (
    ASSIGNED,
    Booking,
    BookingId,
    NotBookable,
    Price,
    Resource,
    ResourceId,
    SlotTaken,
    Span,
    State,
)
from aldaba_cloud.bookings.reading import resource_of, zone_of
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import Contract, ContractState, midnight
from aldaba_shared.ids import ContractId

FOREVER: Final = datetime(2200, 1, 1, tzinfo=UTC)


def assign(work: Work, resource: ResourceId, contract: ContractId, from_on: date) -> Booking:
    """Make a resource a contract's own from a local day on.

    Raises:
        Missing: no such resource or contract within the caller's sight.
        NotBookable: the contract has ended by then, or nobody is named on it.
        SlotTaken: somebody has it on one of these days; give them something else first.
    """
    what, whose = resource_of(work, resource), members.find_contract(work, contract)
    if whose is None:
        raise Missing("contract", contract)
    zone = zone_of(work, what)
    start, end = midnight(max(from_on, whose.starts_on), zone), _end_of(whose, zone)
    if not whose.people or whose.state is ContractState.ENDED or end <= start:
        raise NotBookable("This contract has ended by then, or nobody is named on it. Name somebody, or take another.")
    made = Booking(
        id=BookingId(work.new_id("bkg")),
        resource=what.id,
        site=what.site,
        host=whose.people[0],
        span=Span(start, end),
        state=State.CHECKED_IN,
        price=Price(0, ASSIGNED),
        made_at=work.now,
        contract=whose.id,
        guests=whose.people[1:],
        people=len(whose.people),
        checked_in_at=start,
    )
    store.add_booking(work, made)
    if not store.claim(work, made, what):
        raise SlotTaken(what.name, store.taken_until(work, what, made.span))
    audit.note(work, what.site, "resource_assigned", what.id, contract=contract, from_on=from_on.isoformat())
    return made


def follow_contracts(work: Work, live: Iterable[Booking], known: Mapping[ResourceId, Resource]) -> list[Booking]:
    """The same bookings, those of somebody's own cut to the end of their contract, or longer where it was put off."""
    found = list(live)
    own = [one for one in found if one.assigned and one.state is State.CHECKED_IN]
    if not own:
        return found
    contracts = {one.id: one for one in members.contracts_of(work, {one.host for one in own})}
    return [_followed(work, one, contracts, known[one.resource]) for one in found]


def _followed(work: Work, booking: Booking, contracts: Mapping[ContractId, Contract], resource: Resource) -> Booking:
    contract = contracts.get(booking.contract) if booking.contract else None
    if not booking.assigned or contract is None or booking.state is not State.CHECKED_IN:
        return booking
    end = max(_end_of(contract, zone_of(work, resource)), booking.span.start + timedelta(minutes=1))
    if contract.state is ContractState.ENDED:
        end = min(end, max(work.now, booking.span.start + timedelta(minutes=1)))
    if end == booking.span.end:
        return booking
    moved = replace(booking, span=Span(booking.span.start, end))
    store.unclaim(work, booking.id)
    if not store.claim(work, moved, resource):  # the end was put off, and somebody has it from then on
        store.claim(work, booking, resource)
        return booking
    store.save_booking(work, moved)
    audit.note(work, booking.site, "assignment_follows", resource.id, until=end.isoformat())
    return moved


def _end_of(contract: Contract, zone: ZoneInfo) -> datetime:
    return midnight(contract.ends_on + timedelta(days=1), zone) if contract.ends_on else FOREVER
