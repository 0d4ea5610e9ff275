"""Who came to what was booked: by a door, by a code at the resource or on its page; and giving back what nobody used.

Runs again and again over the last days (`attend`), because what doors say comes
late. It may run twice: it only ever moves a booking along its table of states.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from aldaba_cloud import audit, outbox
from aldaba_cloud.bookings import store
from aldaba_cloud.bookings.desks import follow_contracts
from aldaba_cloud.bookings.models import (
    Booking,
    BookingId,
    NotBookable,
    Resource,
    ResourceId,
    Span,
    State,
    Step,
    after,
)
from aldaba_cloud.bookings.prices import no_show_fee
from aldaba_cloud.bookings.service import RIGHTS_CHANGED, serve_waiting
from aldaba_cloud.bookings.states import (
    Entry,
    NotNow,
    checked_in,
    first_entry,
    not_shown,
    opens_at,
    released,
)
from aldaba_cloud.bookings.telling import tell_host
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import books
from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.members import store as members
from aldaba_cloud.places import store as places
from aldaba_cloud.tasks import service as tasks
from aldaba_cloud.tasks.models import TaskKind
from aldaba_cloud.tasks.service import NewTask
from aldaba_shared.ids import HolderId, SiteId, ZoneId

LOOKED_BACK: Final = timedelta(days=7)
"""So late an entry still repairs a booking that was given back."""
UNMEASURED: Final = timedelta(minutes=15)
"""How far a clock may be off that was never compared with ours."""
LOOKED_AHEAD: Final = timedelta(minutes=30)
OPEN: Final = (State.CONFIRMED, State.CHECKED_IN, State.RELEASED)


@dataclass(frozen=True, slots=True)
class Attended:
    """What one look changed."""

    checked_in: tuple[BookingId, ...] = ()
    released: tuple[BookingId, ...] = ()
    doubted: tuple[BookingId, ...] = ()
    resold: tuple[BookingId, ...] = ()
    """Somebody had come after all, and the slot was given to somebody else: staff has to talk to them."""


def check_in(work: Work, booking: BookingId, holder: HolderId) -> Booking:
    """Check in on the page, or by the code at the resource.

    Raises:
        Missing: no such booking of which this is the host or a guest.
        NotNow: too early.
        NotBookable: its time is over.
        CannotStep: it was cancelled or given back. What a door saw in time repairs that (`attend`); a page cannot.
    """
    found = store.find_booking(work, booking)
    resource = store.find_resource(work, found.resource) if found else None
    if found is None or resource is None or not found.is_of(holder):
        raise Missing("booking", booking)
    if work.now < opens_at(found, resource):
        raise NotNow(opens_at(found, resource))
    if work.now >= found.span.end:
        raise NotBookable("The time of this booking is over. Make another one.")
    came = replace(found, state=after(found.state, Step.CHECK_IN), checked_in_at=work.now, doubt="")
    store.save_booking(work, came)
    audit.note(work, came.site, "booking_checked_in", came.id, by=holder)
    return came


def check_out(work: Work, booking: BookingId) -> Booking:
    """End a booking early; the rest of its time is free at once.

    Raises:
        Missing: the caller sees no such booking.
        CannotStep: nobody had checked in.
    """
    found = store.find_booking(work, booking)
    resource = store.find_resource(work, found.resource) if found else None
    if found is None or resource is None:
        raise Missing("booking", booking)
    ended = _completed(work, found, min(work.now, found.span.end))
    serve_waiting(work, resource, Span(work.now, max(found.span.end, work.now)))
    return ended


def attend(work: Work, site: SiteId) -> Attended:
    """Take what doors said, then give back what nobody came to, then close what is over."""
    known = {one.id: one for one in store.list_resources(work, site)}
    window = Span(work.now - LOOKED_BACK, work.now + LOOKED_AHEAD)
    open_now = store.bookings_between(work, window, site=site, states=OPEN)
    entries = _entries(work, site, known.values(), window.start)
    heard = _heard(work, site, known)
    came, gone, doubted, resold = [], [], [], []
    for booking in follow_contracts(work, open_now, known):
        resource = known[booking.resource]
        entry = first_entry(booking, resource, entries.get(resource.zone, ()) if resource.zone else ())
        if booking.state is not State.CHECKED_IN and entry is not None:
            came.append(booking.id)
            if not _came(work, booking, resource, entry.at):
                resold.append(booking.id)
        elif booking.state is State.CHECKED_IN and booking.span.end <= work.now:
            _completed(work, booking, booking.span.end)
        else:
            verdict = not_shown(booking, resource, work.now, heard.get(resource.id))
            if verdict is not None and verdict.release:
                gone.append(booking.id)
                _given_back(work, booking, resource)
            elif verdict is not None and booking.doubt != verdict.doubt:
                doubted.append(booking.id)
                store.save_booking(work, replace(booking, doubt=verdict.doubt))
    return Attended(tuple(came), tuple(gone), tuple(doubted), tuple(resold))


def _came(work: Work, booking: Booking, resource: Resource, at: datetime) -> bool:
    """Note that somebody came; False when what was given back is somebody else's by now."""
    was_released = booking.state is State.RELEASED
    now = checked_in(booking, at)
    store.save_booking(work, now)
    kept = not was_released or store.claim(work, now, resource)
    action = "booking_repaired" if was_released else "booking_checked_in"
    audit.note(work, booking.site, action, booking.id, at=at.isoformat(), resold=not kept)
    if was_released:
        _tell(work, now)
    if not kept:
        _ask_to_talk(work, now, resource)
    return kept


def _ask_to_talk(work: Work, booking: Booking, resource: Resource) -> None:
    host = members.find_holder(work, booking.host)
    facts = {"who": host.name if host else booking.host, "what": resource.name}
    asked = NewTask(booking.site, TaskKind.RESOLD, facts=facts, key=f"resold {booking.id}")
    tasks.open_task(work, asked)


def _given_back(work: Work, booking: Booking, resource: Resource) -> None:
    gone = released(booking, work.now, no_show_fee(booking.price))
    store.save_booking(work, gone)
    store.unclaim(work, booking.id)
    audit.note(work, booking.site, "booking_released", booking.id, fee_cents=gone.fee_cents)
    tell_host(work, gone, resource, "booking_released")
    _tell(work, gone)
    serve_waiting(work, resource, Span(work.now, max(booking.span.end, work.now)))


def _completed(work: Work, booking: Booking, at: datetime) -> Booking:
    ended = replace(booking, state=after(booking.state, Step.CHECK_OUT), ended_at=at)
    store.save_booking(work, ended)
    store.unclaim(work, booking.id)
    audit.note(work, booking.site, "booking_completed", booking.id)
    _tell(work, ended)
    return ended


def _tell(work: Work, booking: Booking) -> None:
    for holder in (booking.host, *booking.guests):
        outbox.tell(work, booking.site, RIGHTS_CHANGED, holder, {"because": booking.id})


def _entries(work: Work, site: SiteId, known: Iterable[Resource], since: datetime) -> dict[ZoneId, list[Entry]]:
    found: dict[ZoneId, list[Entry]] = {one.zone: [] for one in known if one.zone is not None}
    for came in books.arrivals(work, site, found, since) if found else ():
        within = timedelta() if came.measured else UNMEASURED
        found[came.zone].append(Entry(came.holder, came.zone, came.at, within))
    return found


def _heard(work: Work, site: SiteId, known: Mapping[ResourceId, Resource]) -> dict[ResourceId, datetime | None]:
    """When each resource's doors were last heard of: the one that was silent longest."""
    found = places.find_site(work, site)
    if found is None:
        return {}
    place = places.load_place(work, found)
    contacts = {one.id: one.last_contact_at for one in fleet.list_controllers(work) if one.retired_at is None}
    heard: dict[ResourceId, datetime | None] = {}
    for one in known.values():
        doors = [place.doors[door] for door in place.doors_of(one.zone)] if one.zone else []
        moments = [contacts.get(door.controller) if door.controller else None for door in doors]
        sure = [moment for moment in moments if moment is not None]
        heard[one.id] = min(sure) if sure and len(sure) == len(moments) else None
    return heard
