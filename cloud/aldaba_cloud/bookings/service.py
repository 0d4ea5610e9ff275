"""Booking, moving, cancelling, approving; and serving whoever waits.

The caller owns the transaction: a booking, what it holds and the news of it are
kept together or not at all. Two who want the same are told apart by the database
(`store.claim`), never by looking first.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from aldaba_cloud import audit, outbox
from aldaba_cloud.bookings import store
from aldaba_cloud.bookings.clocks import weekly
from aldaba_cloud.bookings.entitlement import check_guests, priced, terms_for
from aldaba_cloud.bookings.models import (
    LIVE,
    Booking,
    BookingId,
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
)
from aldaba_cloud.bookings.prices import cancel_fee
from aldaba_cloud.bookings.reading import booking_of, resource_of, zone_of
from aldaba_cloud.bookings.telling import tell_host
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_shared.errors import AldabaError

RIGHTS_CHANGED: Final = outbox.RIGHTS_CHANGED
"""News for whoever publishes rules: this holder's rights are others now."""


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
    resource = resource_of(work, request.resource)
    check_rules(resource, request, work.now)
    return priced(work, resource, request, terms_for(work, resource, request))


def book(work: Work, request: Request, *, action: str = "booking_made") -> Booking:
    """Book, or ask where the house wants to be asked first; `action` is what the host is told of.

    Raises:
        Missing: no such resource, host or guest within the caller's sight.
        NotBookable: a rule of the house, a quota or an unpaid bill forbids it.
        SlotTaken: somebody else has it then.
    """
    resource = resource_of(work, request.resource)
    check_rules(resource, request, work.now)
    check_guests(work, request)
    sold = terms_for(work, resource, request)
    asked = resource.rules.approval and not sold.free
    made = Booking(
        id=BookingId(work.new_id("bkg")),
        resource=resource.id,
        site=resource.site,
        host=request.host,
        span=request.span,
        state=State.REQUESTED if asked else State.CONFIRMED,
        price=priced(work, resource, request, sold),
        made_at=work.now,
        contract=sold.contract,
        guests=request.guests,
        people=request.people,
        title=request.title,
        series=request.series,
    )
    store.add_booking(work, made)
    if asked:
        return _told(work, made, resource, "booking_requested")
    return _held(work, made, resource, action)


def confirm(work: Work, booking: BookingId) -> Booking:
    """Grant a request; refused where somebody else was confirmed meanwhile.

    Raises:
        Missing: the caller sees no such booking.
        CannotStep: it is no request any more.
        SlotTaken: somebody else has it then.
    """
    found, resource = booking_of(work, booking)
    granted = replace(found, state=after(found.state, Step.CONFIRM))
    store.save_booking(work, granted)
    return _held(work, granted, resource, "booking_confirmed")


def decline(work: Work, booking: BookingId) -> Booking:
    """Refuse a request.

    Raises:
        Missing: the caller sees no such booking.
        CannotStep: it is no request any more.
    """
    found, resource = booking_of(work, booking)
    declined = replace(found, state=after(found.state, Step.DECLINE), ended_at=work.now)
    store.save_booking(work, declined)
    return _told(work, declined, resource, "booking_declined")


def cancel(work: Work, booking: BookingId) -> Booking:
    """Cancel; what it costs follows the rule that stood when it was booked. Whoever waits is served at once.

    Raises:
        Missing: the caller sees no such booking.
        CannotStep: it began, ended or was cancelled before.
    """
    found, resource = booking_of(work, booking)
    fee = cancel_fee(found.price, found.span.start, work.now) if found.state in LIVE else 0
    gone = replace(found, state=after(found.state, Step.CANCEL), ended_at=work.now, fee_cents=fee)
    store.save_booking(work, gone)
    store.unclaim(work, gone.id)
    _told(work, gone, resource, "booking_cancelled", fee_cents=fee)
    serve_waiting(work, resource, gone.span)
    return gone


def move(work: Work, booking: BookingId, span: Span, to: ResourceId | None = None) -> Booking:
    """Move a booking in time, to another resource, or both; it keeps its id and is priced anew.

    Raises:
        Missing: the caller sees no such booking or resource.
        NotBookable: it has begun or is over, or a rule of the house forbids it.
        SlotTaken: somebody else has it then; the booking stays where it was.
    """
    found, before = booking_of(work, booking)
    if found.state not in {State.REQUESTED, State.CONFIRMED}:
        raise NotBookable("Only what has not begun can be moved. End this booking and make another.")
    resource = resource_of(work, to) if to else before
    request = Request(
        resource.id, found.host, span, found.contract, found.guests, found.people, found.title, found.series
    )
    check_rules(resource, request, work.now)
    store.unclaim(work, found.id)
    terms_now = terms_for(work, resource, request, without=found)
    moved = replace(
        found,
        resource=resource.id,
        site=resource.site,
        span=span,
        price=priced(work, resource, request, terms_now, without=found),
        moves=found.moves + 1,
    )
    store.save_booking(work, moved)
    if moved.state is State.REQUESTED:
        return _told(work, moved, resource, "booking_moved")
    _held(work, moved, resource, "booking_moved")
    serve_waiting(work, before, found.span)
    return moved


def book_weekly(work: Work, request: Request, wall: tuple[datetime, datetime], until: date) -> list[Occurrence]:
    """Book the same hours by the wall clock every week; a week that clashes is said and the rest are booked.

    `wall` is the first start and end as the clock on the wall shows them. Each
    occurrence is a booking of its own, with a state of its own.
    """
    resource = resource_of(work, request.resource)
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
    """Cancel every occurrence of a series that has not begun.

    Raises:
        Missing: the caller sees no such series.
    """
    known = store.bookings_of_series(work, series)
    if not known:
        raise Missing("series", series)
    ahead = [one for one in known if one.span.start > work.now]
    return [cancel(work, one.id) for one in ahead if one.state in {State.CONFIRMED, State.REQUESTED}]


def wait_for(work: Work, request: Request, until: datetime | None = None) -> Waiting:
    """Put somebody on the waiting list of a slot, until an hour before it begins unless they say otherwise.

    Raises:
        Missing: no such resource or holder within the caller's sight.
        NotBookable: a rule of the house forbids it, so that waiting would be in vain.
    """
    resource = resource_of(work, request.resource)
    check_rules(resource, request, work.now)
    terms_for(work, resource, request)
    last = until or max(work.now, request.span.start - timedelta(hours=1))
    waiting = Waiting(work.new_id("wai"), request, work.now, min(last, request.span.start))
    store.add_wait(work, waiting, resource.site)
    audit.note(work, resource.site, "booking_waited_for", waiting.id, resource=resource.id)
    return waiting


def serve_waiting(work: Work, resource: Resource, span: Span) -> list[Booking]:
    """Book for whoever waits for what was just freed, in the order in which they asked."""
    served = []
    freed = [one.id for one in store.list_resources(work) if {*one.claimed} & {*resource.claimed}]
    for waiting in store.waiting_for(work, freed, resource.held(span)):
        try:
            with work.db.begin_nested():
                served.append(book(work, waiting.request, action="booking_promoted"))
                store.remove_wait(work, waiting.id)
        except AldabaError:
            continue  # Still taken, or no longer allowed to: the next in line may fit.
    return served


def _held(work: Work, booking: Booking, resource: Resource, action: str) -> Booking:
    if not store.claim(work, booking, resource):
        raise SlotTaken(resource.name, store.taken_until(work, resource, booking.span))
    return _told(work, booking, resource, action)


def _told(work: Work, booking: Booking, resource: Resource, action: str, **facts: object) -> Booking:
    """Leave the news, for the doors, for the host and for the record."""
    tell_host(work, booking, resource, action)
    audit.note(work, booking.site, action, booking.id, resource=booking.resource, host=booking.host, **facts)
    for holder in (booking.host, *booking.guests):
        outbox.tell(work, booking.site, RIGHTS_CHANGED, holder, {"because": booking.id})
    return booking
