"""A member's own bookings over the API; somebody else's are not there."""

from fastapi import APIRouter, Response, status
from pydantic import AwareDatetime

from aldaba_cloud.api.editions import ChangingDep, ReadingDep
from aldaba_cloud.api.paging import PageAsked
from aldaba_cloud.bookings import attendance, reading, service, store
from aldaba_cloud.bookings.bodies import BookingOut, MoveIn, OwnBookingIn, PriceOut, ResourceOut, WaitingOut
from aldaba_cloud.bookings.models import Booking, BookingId, Request, ResourceId, Span, Wanted, fitting
from aldaba_cloud.bookings.routes import ICS, TAKEN, by_start, check_edition, smallest_first, span_in
from aldaba_cloud.deps import CurrentMember, MemberCaller, OneTurn
from aldaba_cloud.errors import Missing
from aldaba_shared.ids import ContractId, HolderId

router = APIRouter(prefix="/api/v1/my", tags=["bookings"], route_class=OneTurn)


def _request(caller: MemberCaller, wanted: OwnBookingIn) -> Request:
    return Request(
        resource=ResourceId(wanted.resource),
        host=caller.holder,
        span=span_in(caller.work, wanted.resource, wanted),
        contract=ContractId(wanted.contract) if wanted.contract else None,
        guests=tuple(HolderId(one) for one in wanted.guests),
        people=wanted.people,
        title=wanted.title,
    )


def _own(caller: MemberCaller, booking: str) -> Booking:
    found = store.find_booking(caller.work, BookingId(booking))
    if found is None or found.host != caller.holder or found.assigned:
        raise Missing("booking", booking)
    return found


@router.get("/resources")
def list_bookable(caller: CurrentMember, page: PageAsked, seats: int = 1) -> list[ResourceOut]:
    """List what I could book, smallest first."""
    found = page.cut(fitting(store.list_resources(caller.work), Wanted(seats)), smallest_first)
    return [ResourceOut.of(one) for one in found]


@router.get("/bookings")
def list_my_bookings(
    caller: CurrentMember, page: PageAsked, since: AwareDatetime, until: AwareDatetime
) -> list[BookingOut]:
    """List my bookings, and those I am invited to."""
    found = store.bookings_between(caller.work, Span(since, until), holders=[caller.holder])
    return [BookingOut.of(one) for one in page.cut(found, by_start)]


@router.post("/bookings/price")
def price_my_booking(wanted: OwnBookingIn, caller: CurrentMember) -> PriceOut:
    """Say what it would cost me, and whether I may, without holding anything."""
    return PriceOut.of(service.price_of(caller.work, _request(caller, wanted)))


@router.post("/bookings", status_code=status.HTTP_201_CREATED, responses=TAKEN)
def make_my_booking(wanted: OwnBookingIn, caller: CurrentMember) -> BookingOut:
    """Book for myself."""
    return BookingOut.of(service.book(caller.work, _request(caller, wanted)))


@router.get("/bookings/{booking_id}")
def find_my_booking(booking_id: str, caller: CurrentMember, known: ReadingDep) -> BookingOut:
    """Show my booking."""
    return known.show(BookingOut.of(_own(caller, booking_id)))


@router.get("/bookings/{booking_id}/invitation.ics", response_class=Response, responses={200: {"content": {ICS: {}}}})
def invite_me(booking_id: str, caller: CurrentMember) -> Response:
    """Invite me: my booking as calendars take it."""
    return Response(reading.invitation_to(caller.work, _own(caller, booking_id).id), media_type=ICS)


@router.post("/bookings/{booking_id}/cancel")
def cancel_my_booking(booking_id: str, caller: CurrentMember) -> BookingOut:
    """Cancel my booking."""
    return BookingOut.of(service.cancel(caller.work, _own(caller, booking_id).id))


@router.post("/bookings/{booking_id}/move", responses=TAKEN)
def move_my_booking(booking_id: str, wanted: MoveIn, caller: CurrentMember, changing: ChangingDep) -> BookingOut:
    """Move my booking."""
    found = _own(caller, booking_id)
    check_edition(changing, caller.work, found.id)
    target = ResourceId(wanted.resource) if wanted.resource else found.resource
    span = span_in(caller.work, target, wanted)
    return changing.done(BookingOut.of(service.move(caller.work, found.id, span, target)))


@router.post("/bookings/{booking_id}/check-in")
def check_in(booking_id: str, caller: CurrentMember) -> BookingOut:
    """Check in, as host or guest: for what has no reader of its own."""
    return BookingOut.of(attendance.check_in(caller.work, BookingId(booking_id), caller.holder))


@router.post("/bookings/{booking_id}/check-out")
def leave(booking_id: str, caller: CurrentMember) -> BookingOut:
    """Leave early; the rest of the time is free at once."""
    return BookingOut.of(attendance.check_out(caller.work, _own(caller, booking_id).id))


@router.get("/waits")
def list_my_waits(caller: CurrentMember, page: PageAsked) -> list[WaitingOut]:
    """List what I wait for."""
    found = page.cut(
        store.waits_of(caller.work, caller.holder), lambda one: (one.request.span.start.isoformat(), one.id)
    )
    return [WaitingOut.of(one) for one in found]


@router.post("/waits", status_code=status.HTTP_201_CREATED)
def wait_for(wanted: OwnBookingIn, caller: CurrentMember) -> WaitingOut:
    """Wait for a slot that is taken; it is booked for me when it is freed in time."""
    return WaitingOut.of(service.wait_for(caller.work, _request(caller, wanted)))


@router.delete("/waits/{wait_id}", status_code=status.HTTP_204_NO_CONTENT)
def stop_waiting(wait_id: str, caller: CurrentMember) -> None:
    """Wait no longer."""
    if wait_id not in {one.id for one in store.waits_of(caller.work, caller.holder)}:
        raise Missing("place on the waiting list", wait_id)
    store.remove_wait(caller.work, wait_id)
