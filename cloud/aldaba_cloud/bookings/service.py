"""Booking, moving, cancelling, approving; and serving whoever waits.

The caller owns the transaction: a booking, what it holds and the news of it are
kept together or not at all. Two who want the same are told apart by the database
(`store.claim`), never by looking first.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_cloud import audit, outbox
from aldaba_cloud.bookings import store
from aldaba_cloud.bookings.clocks import month_of, week_of, weekly
from aldaba_cloud.bookings.models import (
    LIVE,
    Booking,
    BookingId,
    EntryRight,
    NotBookable,
    Price,
    Request,
    Resource,
    ResourceId,
    SeriesId,
    SlotTaken,
    Span,
    State,
    Step,
    Waiting,
    after,
    check_rules,
    entry_rights,
)
from aldaba_cloud.bookings.prices import cancel_fee, quote
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.members import store as members
from aldaba_cloud.members import terms_store as terms
from aldaba_cloud.members.models import Contract, Holder, HolderKind, Standing
from aldaba_cloud.members.terms import QuotaKind
from aldaba_cloud.places import store as places
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ContractId, HolderId

RIGHTS_CHANGED: Final = "rights.changed"
"""News for whoever publishes rules: this holder's rights are others now."""
MAY_BOOK: Final = frozenset({Standing.GOOD, Standing.GRACE})
HOUR: Final = 60
PUBLISHED_AHEAD: Final = timedelta(days=14)
"""So far ahead doors know of bookings; what lies further comes to them day by day."""


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


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One week of a series: booked, or why not."""

    at: datetime
    booking: Booking | None = None
    why: str = ""


def price_of(work: Work, request: Request) -> Price:
    """What a booking would cost, to be shown before anybody confirms it; nothing is held.

    Raises:
        Missing: no such resource or holder within the caller's sight.
        NotBookable: a rule of the house, a quota or an unpaid bill forbids it.
    """
    resource = _known_resource(work, request.resource)
    check_rules(resource, request, work.now)
    return _priced(work, resource, request, _terms(work, resource, request))


def book(work: Work, request: Request) -> Booking:
    """Book, or ask where the house wants to be asked first.

    Raises:
        Missing: no such resource or holder within the caller's sight.
        NotBookable: a rule of the house, a quota or an unpaid bill forbids it.
        SlotTaken: somebody else has it then.
    """
    resource = _known_resource(work, request.resource)
    check_rules(resource, request, work.now)
    sold = _terms(work, resource, request)
    asked = resource.rules.approval and not sold.free
    made = Booking(
        id=BookingId(work.new_id("bkg")),
        resource=resource.id,
        site=resource.site,
        host=request.host,
        span=request.span,
        state=State.REQUESTED if asked else State.CONFIRMED,
        price=_priced(work, resource, request, sold),
        made_at=work.now,
        contract=sold.contract,
        guests=request.guests,
        people=request.people,
        title=request.title,
        series=request.series,
    )
    store.add_booking(work, made)
    if asked:
        return _told(work, made, "booking_requested")
    return _held(work, made, resource, "booking_made")


def confirm(work: Work, booking: BookingId) -> Booking:
    """Grant a request; refused where somebody else was confirmed meanwhile.

    Raises:
        Missing: the caller sees no such booking.
        CannotStep: it is no request any more.
        SlotTaken: somebody else has it then.
    """
    found, resource = _known(work, booking)
    granted = replace(found, state=after(found.state, Step.CONFIRM))
    store.save_booking(work, granted)
    return _held(work, granted, resource, "booking_confirmed")


def decline(work: Work, booking: BookingId) -> Booking:
    """Refuse a request.

    Raises:
        Missing: the caller sees no such booking.
        CannotStep: it is no request any more.
    """
    found, _ = _known(work, booking)
    declined = replace(found, state=after(found.state, Step.DECLINE), ended_at=work.now)
    store.save_booking(work, declined)
    return _told(work, declined, "booking_declined")


def cancel(work: Work, booking: BookingId) -> Booking:
    """Cancel; what it costs follows the rule that stood when it was booked. Whoever waits is served at once.

    Raises:
        Missing: the caller sees no such booking.
        CannotStep: it began, ended or was cancelled before.
    """
    found, resource = _known(work, booking)
    fee = cancel_fee(found.price, found.span.start, work.now) if found.state in LIVE else 0
    gone = replace(found, state=after(found.state, Step.CANCEL), ended_at=work.now, fee_cents=fee)
    store.save_booking(work, gone)
    store.unclaim(work, gone.id)
    _told(work, gone, "booking_cancelled", fee_cents=fee)
    serve_waiting(work, resource, gone.span)
    return gone


def move(work: Work, booking: BookingId, span: Span, to: ResourceId | None = None) -> Booking:
    """Move a booking in time, to another resource, or both; it keeps its id and is priced anew.

    Raises:
        Missing: the caller sees no such booking or resource.
        NotBookable: it has begun or is over, or a rule of the house forbids it.
        SlotTaken: somebody else has it then; the booking stays where it was.
    """
    found, before = _known(work, booking)
    if found.state not in {State.REQUESTED, State.CONFIRMED}:
        raise NotBookable("Only what has not begun can be moved. End this booking and make another.")
    resource = _known_resource(work, to) if to else before
    request = Request(
        resource.id, found.host, span, found.contract, found.guests, found.people, found.title, found.series
    )
    check_rules(resource, request, work.now)
    store.unclaim(work, found.id)
    terms_now = _terms(work, resource, request, without=found)
    moved = replace(
        found,
        resource=resource.id,
        site=resource.site,
        span=span,
        price=_priced(work, resource, request, terms_now, without=found),
        moves=found.moves + 1,
    )
    store.save_booking(work, moved)
    if moved.state is State.REQUESTED:
        return _told(work, moved, "booking_moved")
    _held(work, moved, resource, "booking_moved")
    serve_waiting(work, before, found.span)
    return moved


def book_weekly(work: Work, request: Request, wall: tuple[datetime, datetime], until: date) -> list[Occurrence]:
    """Book the same hours by the wall clock every week; a week that clashes is said and the rest are booked.

    `wall` is the first start and end as the clock on the wall shows them. Each
    occurrence is a booking of its own, with a state of its own.
    """
    resource = _known_resource(work, request.resource)
    zone = zone_of(work, resource)
    series = SeriesId(work.new_id("ser"))
    found = []
    for at in weekly(*wall, until, zone):
        if isinstance(at, datetime):
            found.append(Occurrence(at, why="The clocks change in that hour. Book this week by itself."))
            continue
        try:
            with work.db.begin_nested():
                made = book(work, replace(request, span=at, series=series))
            found.append(Occurrence(at.start, made))
        except (SlotTaken, NotBookable) as error:
            found.append(Occurrence(at.start, why=str(error)))
    return found


def cancel_rest(work: Work, series: SeriesId) -> list[Booking]:
    """Cancel every occurrence of a series that has not begun."""
    ahead = [one for one in store.bookings_of_series(work, series) if one.span.start > work.now]
    return [cancel(work, one.id) for one in ahead if one.state in {State.CONFIRMED, State.REQUESTED}]


def wait_for(work: Work, request: Request, until: datetime | None = None) -> Waiting:
    """Put somebody on the waiting list of a slot, until an hour before it begins unless they say otherwise.

    Raises:
        Missing: no such resource or holder within the caller's sight.
        NotBookable: a rule of the house forbids it, so that waiting would be in vain.
    """
    resource = _known_resource(work, request.resource)
    check_rules(resource, request, work.now)
    _terms(work, resource, request)
    last = until or max(work.now, request.span.start - timedelta(hours=1))
    waiting = Waiting(work.new_id("wai"), request, work.now, min(last, request.span.start))
    store.add_wait(work, waiting, resource.site)
    audit.note(work, resource.site, "booking_waited_for", waiting.id, resource=resource.id)
    return waiting


def serve_waiting(work: Work, resource: Resource, span: Span) -> list[Booking]:
    """Book for whoever waits for what was just freed, in the order in which they asked."""
    served = []
    freed = {*resource.claimed, *(one.id for one in store.list_resources(work) if resource.id in one.parts)}
    for waiting in store.waiting_for(work, freed, resource.held(span)):
        try:
            with work.db.begin_nested():
                served.append(book(work, waiting.request))
                store.remove_wait(work, waiting.id)
        except AldabaError:
            continue  # Still taken, or no longer allowed to: the next in line may fit.
    return served


def rights_ahead(work: Work, whom: Iterable[HolderId] | None = None) -> list[EntryRight]:
    """Who may pass which doors for what is booked in the next fortnight: everybody, or only these."""
    ahead = Span(work.now, work.now + PUBLISHED_AHEAD)
    wanted = None if whom is None else frozenset(whom)
    known = {one.id: one for one in store.list_resources(work)}
    live = store.bookings_between(work, ahead, states=LIVE, holders=wanted)
    rights = (one for booking in live for one in entry_rights(booking, known[booking.resource]))
    return [one for one in rights if wanted is None or one.holder in wanted]


def zone_of(work: Work, resource: Resource) -> ZoneInfo:
    """The wall clock by which a resource is booked."""
    site = places.find_site(work, resource.site)
    if site is None:
        raise Missing("site", resource.site)
    return ZoneInfo(site.time_zone)


def _held(work: Work, booking: Booking, resource: Resource, action: str) -> Booking:
    if not store.claim(work, booking, resource):
        raise SlotTaken(resource.name, store.taken_until(work, resource, booking.span))
    return _told(work, booking, action)


def _told(work: Work, booking: Booking, action: str, **facts: object) -> Booking:
    """Leave the news, for the doors and for the record."""
    audit.note(work, booking.site, action, booking.id, resource=booking.resource, host=booking.host, **facts)
    for holder in (booking.host, *booking.guests):
        outbox.tell(work, booking.site, RIGHTS_CHANGED, holder, {"because": booking.id})
    return booking


def _priced(work: Work, resource: Resource, request: Request, sold: Terms, *, without: Booking | None = None) -> Price:
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


def _terms(work: Work, resource: Resource, request: Request, *, without: Booking | None = None) -> Terms:
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


def _known_resource(work: Work, resource: ResourceId) -> Resource:
    found = store.find_resource(work, resource)
    if found is None:
        raise Missing("resource", resource)
    return found


def _known_holder(work: Work, holder: HolderId) -> Holder:
    found = members.find_holder(work, holder)
    if found is None:
        raise Missing("holder", holder)
    return found


def _known(work: Work, booking: BookingId) -> tuple[Booking, Resource]:
    found = store.find_booking(work, booking)
    if found is None:
        raise Missing("booking", booking)
    return found, _known_resource(work, found.resource)
