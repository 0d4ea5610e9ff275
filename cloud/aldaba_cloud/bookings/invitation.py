"""A booking as an invitation that calendars understand (RFC 5545, RFC 5546), made by icalendar. Pure.

The times carry the site's time zone, so that a meeting at nine stays at nine in
whoever's calendar; the UID never changes and the sequence rises with each move,
so that a calendar replaces what it has.
"""

from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from aldaba_cloud.bookings.models import LIVE, Booking, Resource, State

PRODUCT: Final = "-//Aldaba//bookings//EN"
HOST: Final = "aldaba"


def invitation(booking: Booking, resource: Resource, zone: ZoneInfo, site: str) -> bytes:
    """The text of an .ics file: a request while the booking lives, a cancellation once it does not."""
    lives = booking.state in LIVE or booking.state is State.REQUESTED
    event = Event()
    event.add("uid", f"{booking.id}@{HOST}")
    event.add("sequence", booking.moves + (0 if lives else 1))
    event.add("dtstamp", booking.ended_at or booking.made_at)
    event.add("dtstart", booking.span.start.astimezone(zone))
    event.add("dtend", booking.span.end.astimezone(zone))
    event.add("summary", booking.title or resource.name)
    event.add("location", f"{resource.name}, {site}")
    event.add("status", "CONFIRMED" if booking.state in LIVE else "TENTATIVE" if lives else "CANCELLED")
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "REQUEST" if lives else "CANCEL")
    calendar.add_component(event)
    calendar.add_missing_timezones()
    text: bytes = calendar.to_ical()
    return text
