"""Finding resources and bookings, the clock on their wall, and what they open. Changes nothing."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_cloud.bookings import store
from aldaba_cloud.bookings.clocks import instant
from aldaba_cloud.bookings.invitation import invitation
from aldaba_cloud.bookings.models import (
    LIVE,
    Booking,
    BookingId,
    EntryRight,
    Request,
    Resource,
    ResourceId,
    Span,
    entry_rights,
)
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.places import store as places
from aldaba_shared.ids import HolderId

PUBLISHED_AHEAD: Final = timedelta(days=14)
"""So far ahead doors know of bookings; what lies further comes to them day by day."""


def resource_of(work: Work, resource: ResourceId) -> Resource:
    """One resource.

    Raises:
        Missing: the caller sees no such resource.
    """
    found = store.find_resource(work, resource)
    if found is None:
        raise Missing("resource", resource)
    return found


def find(work: Work, booking: BookingId) -> Booking:
    """One booking.

    Raises:
        Missing: the caller sees no such booking.
    """
    return booking_of(work, booking)[0]


def invitation_to(work: Work, booking: BookingId) -> bytes:
    """A booking as calendars take it.

    Raises:
        Missing: the caller sees no such booking.
    """
    found, resource = booking_of(work, booking)
    site = places.find_site(work, found.site)
    return invitation(found, resource, zone_of(work, resource), site.name if site else found.site)


def span_of(work: Work, resource: ResourceId, start: datetime, end: datetime, *, second: bool | None = None) -> Span:
    """The span that was meant; a time without an offset is what the clock on the resource's wall shows.

    Raises:
        Missing: no such resource within the caller's sight.
        NoSuchHour: the clocks jump over it.
        WhichHour: it comes twice, and nobody said which is meant.
    """
    zone = zone_of(work, resource_of(work, resource))
    return Span(*(at if at.tzinfo else instant(at, zone, second=second) for at in (start, end)))


def wall_of(work: Work, request: Request) -> tuple[datetime, datetime]:
    """Start and end of a request as the clock on the wall shows them."""
    zone = zone_of(work, resource_of(work, request.resource))
    start, end = (at.astimezone(zone).replace(tzinfo=None) for at in (request.span.start, request.span.end))
    return start, end


def booking_of(work: Work, booking: BookingId) -> tuple[Booking, Resource]:
    """One booking, with what is booked.

    Raises:
        Missing: the caller sees no such booking.
    """
    found = store.find_booking(work, booking)
    if found is None:
        raise Missing("booking", booking)
    return found, resource_of(work, found.resource)


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
