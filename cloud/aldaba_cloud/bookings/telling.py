"""What the host of a booking is told by mail, written in the transaction that makes it so.

A reminder is a letter that waits for its hour: moving a booking takes the old one
back and writes another, cancelling takes it back, and what was booked too late for
one gets none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_cloud.bookings.invitation import invitation
from aldaba_cloud.bookings.models import LIVE, Booking, Resource, State
from aldaba_cloud.db import Work
from aldaba_cloud.letters import service as letters
from aldaba_cloud.letters.models import Enclosed, Letter, address_of
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import Holder
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Site

REMINDED_BEFORE: Final = timedelta(minutes=15)
INVITING: Final = frozenset({"booking_made", "booking_promoted", "booking_confirmed", "booking_moved"})
TAKING_BACK: Final = frozenset({"booking_cancelled", "booking_released"})
TOLD: Final = INVITING | TAKING_BACK | {"booking_requested", "booking_declined"}
"""What happens to a booking, each also the name of its letter."""


def tell_host(work: Work, booking: Booking, resource: Resource, action: str) -> None:
    """Write what happened to the host, and keep the reminder in step with it.

    The occurrences of a series are confirmed by one letter, of the first.
    """
    host, site = members.find_holder(work, booking.host), places.find_site(work, booking.site)
    if host is None or site is None:
        return
    told = _Told(booking, resource, host, site)
    if action in TOLD:
        about = booking.series if booking.series and action == "booking_made" else booking.id
        key = f"{action}:{about}:{booking.moves}"
        letters.write(work, site.id, told.letter(action, key))
    _keep_reminder(work, told)


def _keep_reminder(work: Work, told: "_Told") -> None:
    """One reminder of where a booking is now, and none of where it was."""
    booking = told.booking
    letters.withdraw(work, _reminder_key(booking, booking.moves - 1))
    if booking.state is not State.CONFIRMED:
        letters.withdraw(work, _reminder_key(booking, booking.moves))
    due_at = booking.span.start - REMINDED_BEFORE
    if booking.state is State.CONFIRMED and work.now <= due_at:
        key = _reminder_key(booking, booking.moves)
        reminder = told.letter("booking_reminder", key)
        letters.write(work, booking.site, replace(reminder, due_at=due_at, until=booking.span.start))


def _reminder_key(booking: Booking, moves: int) -> str:
    return f"booking_reminder:{booking.id}:{moves}"


@dataclass(frozen=True, slots=True)
class _Told:
    """A booking with everybody and everything its letters name."""

    booking: Booking
    resource: Resource
    host: Holder
    site: Site

    def letter(self, kind: str, key: str) -> Letter:
        """The letter of a kind."""
        return Letter(
            kind=kind,
            key=key,
            to=address_of(self.host.contact),
            facts=self._facts(),
            language=self.host.locale,
            enclosed=self._enclosed(kind),
            about=self.host.id,
        )

    def _facts(self) -> Mapping[str, object]:
        booking = self.booking
        return {
            "resource": self.resource.name,
            "site": self.site.name,
            "zone": ZoneInfo(self.site.time_zone),
            "starts": booking.span.start,
            "ends": booking.span.end,
            "price_cents": booking.price.cents,
            "rule": booking.price.rule,
            "fee_cents": booking.fee_cents,
            "free_until": booking.span.start - timedelta(hours=booking.price.free_hours),
        }

    def _enclosed(self, kind: str) -> tuple[Enclosed, ...]:
        if kind not in INVITING | TAKING_BACK:
            return ()
        method = "REQUEST" if self.booking.state in LIVE else "CANCEL"
        content = invitation(self.booking, self.resource, ZoneInfo(self.site.time_zone), self.site.name)
        return (Enclosed("booking.ics", f"text/calendar; method={method}", content),)
