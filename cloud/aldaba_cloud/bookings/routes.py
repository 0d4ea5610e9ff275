"""Resources, prices and bookings over the API, for those who run the space."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, status
from pydantic import AwareDatetime

from aldaba_cloud.api.editions import Changing, ChangingDep, ReadingDep
from aldaba_cloud.api.paging import PageAsked
from aldaba_cloud.bookings import attendance, desks, inventory, reading, service, store
from aldaba_cloud.bookings.bodies import (
    AssignmentIn,
    BookingIn,
    BookingOut,
    MoveIn,
    OccurrenceOut,
    PriceOut,
    PriceRuleIn,
    PriceRuleOut,
    ResourceIn,
    ResourceOut,
    SeriesIn,
    SpanIn,
)
from aldaba_cloud.bookings.models import (
    Booking,
    BookingId,
    Request,
    Resource,
    ResourceId,
    ResourceKind,
    SeriesId,
    Span,
    Wanted,
    fitting,
)
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CurrentAdmin, CurrentOperator, OneTurn
from aldaba_shared.ids import ContractId, HolderId, SiteId

router = APIRouter(prefix="/api/v1", tags=["bookings"], route_class=OneTurn)
TAKEN: dict[int | str, dict[str, Any]] = {status.HTTP_409_CONFLICT: {"description": "slot_taken: somebody else has it"}}
ICS = "text/calendar"
Listed = Annotated[str, Query(max_length=400, description="Separated by commas.", examples=["projector,whiteboard"])]


def span_in(work: Work, resource: str, wanted: SpanIn) -> Span:
    """The span that was meant: instants, or what the clock on the resource's wall shows."""
    return reading.span_of(work, ResourceId(resource), wanted.start, wanted.end, second=wanted.second)


def _request(work: Work, wanted: BookingIn) -> Request:
    return Request(
        resource=ResourceId(wanted.resource),
        host=HolderId(wanted.host),
        span=span_in(work, wanted.resource, wanted),
        contract=ContractId(wanted.contract) if wanted.contract else None,
        guests=tuple(HolderId(one) for one in wanted.guests),
        people=wanted.people,
        title=wanted.title,
    )


@router.get("/resources")
def list_resources(
    caller: CurrentOperator,
    page: PageAsked,
    seats: Annotated[int, Query(ge=1, le=10_000)] = 1,
    equipment: Listed = "",
    kind: ResourceKind | None = None,
) -> list[ResourceOut]:
    """List what can be booked and is big enough and has everything, smallest first."""
    wanted = Wanted(seats, frozenset(filter(None, equipment.split(","))), kind)
    found = page.cut(fitting(store.list_resources(caller.work), wanted), smallest_first)
    return [ResourceOut.of(one) for one in found]


def smallest_first(one: Resource) -> tuple[int, str, str]:
    """The order in which what fits is listed."""
    return one.seats, one.name, one.id


@router.get("/resources/{resource_id}")
def find_resource(resource_id: str, caller: CurrentOperator, known: ReadingDep) -> ResourceOut:
    """Show something that can be booked."""
    return known.show(ResourceOut.of(reading.resource_of(caller.work, ResourceId(resource_id))))


@router.post("/resources", status_code=status.HTTP_201_CREATED)
def add_resource(wanted: ResourceIn, caller: CurrentAdmin) -> ResourceOut:
    """Add something that can be booked."""
    made = wanted.resource(ResourceId(caller.work.new_id("res")))
    return ResourceOut.of(inventory.add_resource(caller.work, made))


@router.put("/resources/{resource_id}")
def change_resource(resource_id: str, wanted: ResourceIn, caller: CurrentAdmin, changing: ChangingDep) -> ResourceOut:
    """Change something that can be booked; what is booked already stays."""
    name, kept = ResourceId(resource_id), store.resources
    changing.check(
        caller.work, (kept, kept.c.id == name), lambda: ResourceOut.of(reading.resource_of(caller.work, name))
    )
    return changing.done(ResourceOut.of(inventory.change_resource(caller.work, wanted.resource(name))))


@router.post("/resources/{resource_id}/assignment", status_code=status.HTTP_201_CREATED, responses=TAKEN)
def assign_resource(resource_id: str, wanted: AssignmentIn, caller: CurrentAdmin) -> BookingOut:
    """Assign a desk, a locker or a place to park to a contract, for as long as it lasts."""
    made = desks.assign(caller.work, ResourceId(resource_id), ContractId(wanted.contract), wanted.from_on)
    return BookingOut.of(made)


@router.get("/prices")
def list_prices(caller: CurrentOperator, site: str, page: PageAsked) -> list[PriceRuleOut]:
    """List prices."""
    found = page.cut(store.list_price_rules(caller.work, SiteId(site)), lambda one: (one.id,))
    return [PriceRuleOut.of(one) for one in found]


@router.post("/prices", status_code=status.HTTP_201_CREATED)
def add_price(wanted: PriceRuleIn, caller: CurrentAdmin) -> PriceRuleOut:
    """Add a price."""
    return PriceRuleOut.of(inventory.add_price(caller.work, wanted.rule(caller.work.new_id("prc"))))


@router.delete("/prices/{price_id}", status_code=status.HTTP_204_NO_CONTENT)
def remove_price(price_id: str, caller: CurrentAdmin) -> None:
    """Remove a price; bookings keep what they were told."""
    inventory.remove_price(caller.work, price_id)


@router.get("/bookings")
def list_bookings(
    caller: CurrentOperator, page: PageAsked, since: AwareDatetime, until: AwareDatetime, site: str | None = None
) -> list[BookingOut]:
    """List bookings that meet a span, in the order of their start."""
    found = store.bookings_between(caller.work, Span(since, until), site=SiteId(site) if site else None)
    return [BookingOut.of(one) for one in page.cut(found, by_start)]


def by_start(one: Booking) -> tuple[str, str]:
    """The order of a calendar."""
    return one.span.start.isoformat(), one.id


@router.post("/bookings/price")
def price_booking(wanted: BookingIn, caller: CurrentOperator) -> PriceOut:
    """Say what a booking would cost, and whether it is allowed, without holding anything."""
    return PriceOut.of(service.price_of(caller.work, _request(caller.work, wanted)))


@router.post("/bookings", status_code=status.HTTP_201_CREATED, responses=TAKEN)
def make_booking(wanted: BookingIn, caller: CurrentOperator) -> BookingOut:
    """Book for somebody."""
    return BookingOut.of(service.book(caller.work, _request(caller.work, wanted)))


@router.post("/bookings/series", status_code=status.HTTP_201_CREATED)
def make_series(wanted: SeriesIn, caller: CurrentOperator) -> list[OccurrenceOut]:
    """Book the same hours every week; weeks that clash are named and the rest are booked."""
    request = _request(caller.work, wanted)
    wall = reading.wall_of(caller.work, request)
    found = service.book_weekly(caller.work, request, wall, wanted.until)
    return [OccurrenceOut(start=one.at, booking=one.booking.id if one.booking else None, why=one.why) for one in found]


@router.delete("/bookings/series/{series_id}")
def cancel_series(series_id: str, caller: CurrentOperator) -> list[BookingOut]:
    """Cancel every occurrence that has not begun."""
    return [BookingOut.of(one) for one in service.cancel_rest(caller.work, SeriesId(series_id))]


@router.get("/bookings/{booking_id}")
def find_booking(booking_id: str, caller: CurrentOperator, known: ReadingDep) -> BookingOut:
    """Show one booking."""
    return known.show(BookingOut.of(reading.find(caller.work, BookingId(booking_id))))


@router.get("/bookings/{booking_id}/invitation.ics", response_class=Response, responses={200: {"content": {ICS: {}}}})
def invite(booking_id: str, caller: CurrentOperator) -> Response:
    """Invite: the booking as calendars take it."""
    return Response(reading.invitation_to(caller.work, BookingId(booking_id)), media_type=ICS)


@router.post("/bookings/{booking_id}/confirm", responses=TAKEN)
def confirm_booking(booking_id: str, caller: CurrentOperator) -> BookingOut:
    """Grant a request."""
    return BookingOut.of(service.confirm(caller.work, BookingId(booking_id)))


@router.post("/bookings/{booking_id}/decline")
def decline_booking(booking_id: str, caller: CurrentOperator) -> BookingOut:
    """Refuse a request."""
    return BookingOut.of(service.decline(caller.work, BookingId(booking_id)))


@router.post("/bookings/{booking_id}/cancel")
def cancel_booking(booking_id: str, caller: CurrentOperator) -> BookingOut:
    """Cancel a booking; what that costs follows the rule that stood when it was booked."""
    return BookingOut.of(service.cancel(caller.work, BookingId(booking_id)))


@router.post("/bookings/{booking_id}/move", responses=TAKEN)
def move_booking(booking_id: str, wanted: MoveIn, caller: CurrentOperator, changing: ChangingDep) -> BookingOut:
    """Move a booking in time, to another resource, or both."""
    check_edition(changing, caller.work, BookingId(booking_id))
    found = reading.find(caller.work, BookingId(booking_id))
    target = ResourceId(wanted.resource) if wanted.resource else found.resource
    span = span_in(caller.work, target, wanted)
    return changing.done(BookingOut.of(service.move(caller.work, found.id, span, target)))


def check_edition(changing: Changing, work: Work, booking: BookingId) -> None:
    """Refuse a change to a booking that the caller has not seen as it is."""
    row = (store.bookings, store.bookings.c.id == booking)
    changing.check(work, row, lambda: BookingOut.of(reading.find(work, booking)))


@router.post("/bookings/{booking_id}/check-out")
def end_booking(booking_id: str, caller: CurrentOperator) -> BookingOut:
    """End a booking early; the rest of its time is free at once."""
    return BookingOut.of(attendance.check_out(caller.work, BookingId(booking_id)))
