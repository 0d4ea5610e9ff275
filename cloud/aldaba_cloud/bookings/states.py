"""Checking in by whoever came, and giving a resource back when nobody did. Pure.

Only the host and the guests check in: staff who tidy up do not. What a door says
may come late. So a booking is given back only while its door is in contact;
otherwise it is marked and stays. An entry that becomes known later repairs it,
and where its moment could lie on either side of the limit, the member wins.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from aldaba_cloud.bookings.models import Booking, Resource, State, Step, after
from aldaba_cloud.errors import Unusable
from aldaba_shared.ids import HolderId, ZoneId

IN_CONTACT: Final = timedelta(minutes=2)
"""A controller that was heard of within this time would have told of an entry."""
NO_CONTACT: Final = "door_not_in_contact"


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody went into a zone, as the books have it; `within` is how far the moment may be off."""

    holder: HolderId
    zone: ZoneId
    at: datetime
    within: timedelta = timedelta()


def opens_at(booking: Booking, resource: Resource) -> datetime:
    """From when on somebody may check in."""
    return booking.span.start - timedelta(minutes=resource.rules.enter_before)


def limit_of(booking: Booking, resource: Resource) -> datetime | None:
    """The instant from which nobody having come gives it back; None where it is kept."""
    wait = resource.rules.release_after
    return booking.span.start + timedelta(minutes=wait) if wait else None


def first_entry(booking: Booking, resource: Resource, entries: Iterable[Entry]) -> Entry | None:
    """The first time that host or guest came, while the booking was theirs; None for anybody else.

    Whoever is released at 10:15 and came at 10:14 by a clock that may be two
    minutes off is believed.
    """
    limit = limit_of(booking, resource)
    last = limit if limit is not None and booking.state is State.RELEASED else booking.span.end
    came = [
        one
        for one in entries
        if booking.is_of(one.holder)
        and one.zone == resource.zone
        and one.at + one.within >= opens_at(booking, resource)
        and one.at - one.within < last
    ]
    return min(came, key=lambda one: one.at, default=None)


def checked_in(booking: Booking, at: datetime) -> Booking:
    """The same booking once somebody came; a released one is repaired and its fee taken back.

    Raises:
        CannotStep: it was cancelled, or is not confirmed yet.
    """
    step = Step.REPAIR if booking.state is State.RELEASED else Step.CHECK_IN
    return replace(booking, state=after(booking.state, step), checked_in_at=at, ended_at=None, fee_cents=0, doubt="")


class NotNow(Unusable):
    """It is too early to check in."""

    code = "too_early"

    def __init__(self, opens: datetime) -> None:
        super().__init__(f"Checking in opens at {opens.isoformat(timespec='minutes')}. Come back then.")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a booking to which nobody came: given back, or kept with a doubt."""

    release: bool
    doubt: str = ""


def not_shown(booking: Booking, resource: Resource, now: datetime, heard: datetime | None) -> Verdict | None:
    """What to do about a booking nobody checked in to; None while there is time. `heard` is its door's last contact.

    A resource without a door of its own checks in on its page, and needs no contact.
    """
    limit = limit_of(booking, resource)
    if limit is None or now < limit or booking.state is not State.CONFIRMED:
        return None
    if resource.zone is not None and (heard is None or heard < limit - IN_CONTACT):
        return Verdict(release=False, doubt=NO_CONTACT)
    return Verdict(release=True)


def released(booking: Booking, now: datetime, fee_cents: int) -> Booking:
    """The same booking given back."""
    return replace(booking, state=after(booking.state, Step.RELEASE), ended_at=now, fee_cents=fee_cents, doubt="")
