"""Resources, bookings and the claims by which the database keeps two apart. Pure.

One model serves every kind: a room, a desk, a booth, an office, a hall, a locker
and a parking place differ in their `kind` and in nothing else (features.md, 102).

A *claim* is what a live booking holds of one resource: its span with the time
to prepare before and to tidy after. A combined room claims each of its parts as
well, so A+B keeps A and B. Spans are half open, so back-to-back is no clash. A
request that waits for an answer claims nothing; confirming it does, and then the
database is the judge.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NewType

from aldaba_cloud.errors import Taken, Unusable
from aldaba_cloud.money import VatKind
from aldaba_shared.ids import ContractId, HolderId, SiteId, ZoneId

ResourceId = NewType("ResourceId", str)
BookingId = NewType("BookingId", str)
SeriesId = NewType("SeriesId", str)


class ResourceKind(StrEnum):
    """What can be booked."""

    ROOM = "room"
    DESK = "desk"
    BOOTH = "booth"
    OFFICE = "office"
    HALL = "hall"
    LOCKER = "locker"
    PARKING = "parking"


class State(StrEnum):
    """Where a booking is in its life."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    CHECKED_IN = "checked_in"
    COMPLETED = "completed"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    RELEASED = "released"
    """Nobody came in time, and the resource was given back."""


class Step(StrEnum):
    """What can happen to a booking."""

    CONFIRM = "confirm"
    DECLINE = "decline"
    CHECK_IN = "check_in"
    CHECK_OUT = "check_out"
    CANCEL = "cancel"
    RELEASE = "release"
    REPAIR = "repair"
    """An entry that became known late shows that somebody had come."""


STEPS: Final[Mapping[tuple[State, Step], State]] = MappingProxyType(
    {
        (State.REQUESTED, Step.CONFIRM): State.CONFIRMED,
        (State.REQUESTED, Step.DECLINE): State.DECLINED,
        (State.REQUESTED, Step.CANCEL): State.CANCELLED,
        (State.CONFIRMED, Step.CHECK_IN): State.CHECKED_IN,
        (State.CONFIRMED, Step.CANCEL): State.CANCELLED,
        (State.CONFIRMED, Step.RELEASE): State.RELEASED,
        (State.CHECKED_IN, Step.CHECK_OUT): State.COMPLETED,
        (State.RELEASED, Step.REPAIR): State.CHECKED_IN,
    }
)

ASSIGNED: Final = "assigned"
"""The rule of the price of what is somebody's own: the contract bills it, nothing else does."""

LIVE: Final = frozenset({State.CONFIRMED, State.CHECKED_IN})
"""In these a booking holds its claims."""

HELD_NOTHING: Final = frozenset({State.REQUESTED, State.DECLINED, State.CANCELLED})
"""In these nobody used or kept anything, so nothing of it counts for a quota."""


class CannotStep(Unusable):
    """A booking is not where this could happen to it."""

    code = "booking_cannot"

    def __init__(self, state: State, step: Step) -> None:
        known = ", ".join(sorted(name for at, name in STEPS if at is state)) or "nothing any more"
        super().__init__(f"A booking that is {state.value!r} cannot {step.value!r}. From there it can: {known}.")


def after(state: State, step: Step) -> State:
    """Where a step leads, or `CannotStep`."""
    if (state, step) not in STEPS:
        raise CannotStep(state, step)
    return STEPS[state, step]


@dataclass(frozen=True, slots=True)
class Span:
    """From an instant up to, and without, another; both aware."""

    start: datetime
    end: datetime

    @property
    def minutes(self) -> int:
        """How long it really lasts: 01:30 to 03:30 is three hours in the night the clocks go back."""
        return int((self.end - self.start).total_seconds()) // 60

    def meets(self, other: "Span") -> bool:
        """Whether both share a moment; back-to-back does not."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class HouseRules:
    """How a resource may be booked. Minutes, unless the name says otherwise."""

    before: int = 0
    """To prepare: nobody else's booking ends in it."""
    after: int = 0
    step: int = 15
    shortest: int = 15
    longest: int = 12 * 60
    days_ahead: int = 365
    approval: bool = False
    release_after: int = 15
    """Nobody there so long after the start: given back. 0 keeps it."""
    cancel_free_hours: int = 24
    late_cancel_rate: int = 5000
    """What a late cancellation costs, in hundredths of a percent of the price."""
    enter_before: int = 10
    """How long before its start a booking opens the door."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that one booking has at a time.

    `zone` is where it lies and whose doors it opens. `parts` makes it a combined
    one: whoever books it has all of them. `seats` is how many people it takes.
    """

    id: ResourceId
    site: SiteId
    kind: ResourceKind
    name: str
    seats: int = 1
    zone: ZoneId | None = None
    equipment: frozenset[str] = frozenset()
    parts: tuple[ResourceId, ...] = ()
    rules: HouseRules = HouseRules()
    active: bool = True

    @property
    def claimed(self) -> tuple[ResourceId, ...]:
        """What a booking of it holds: itself, and each of its parts."""
        return (self.id, *self.parts)

    def held(self, span: Span) -> Span:
        """The span with the time to prepare and to tidy."""
        return Span(span.start - timedelta(minutes=self.rules.before), span.end + timedelta(minutes=self.rules.after))


@dataclass(frozen=True, slots=True)
class Price:
    """What a booking costs as it was told before it was confirmed; `rule` names why. Net cents."""

    cents: int
    rule: str
    credit_minutes: int = 0
    vat: VatKind = VatKind.STANDARD
    free_hours: int = 24
    """Cancelled earlier than this before the start it costs nothing; later `late_rate` of the price."""
    late_rate: int = 5000


@dataclass(frozen=True, slots=True)
class Booking:
    """Somebody's use of a resource for a while. Guests may enter and check in as the host may."""

    id: BookingId
    resource: ResourceId
    site: SiteId
    host: HolderId
    span: Span
    state: State
    price: Price
    made_at: datetime
    contract: ContractId | None = None
    guests: tuple[HolderId, ...] = ()
    people: int = 1
    title: str = ""
    series: SeriesId | None = None
    checked_in_at: datetime | None = None
    ended_at: datetime | None = None
    doubt: str = ""
    """Why it was not released although nobody was seen: its door was not in contact."""
    fee_cents: int = 0
    moves: int = 0
    """How often it was moved; calendars tell a newer invitation by it (RFC 5545, SEQUENCE)."""

    @property
    def assigned(self) -> bool:
        """Whether it is somebody's own for as long as their contract lasts (`bookings.desks`)."""
        return self.price.rule == ASSIGNED

    def is_of(self, holder: HolderId) -> bool:
        """Whether this is the host or a guest; staff who walk in are neither."""
        return holder == self.host or holder in self.guests


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for."""

    resource: ResourceId
    host: HolderId
    span: Span
    contract: ContractId | None = None
    guests: tuple[HolderId, ...] = ()
    people: int = 1
    title: str = ""
    series: SeriesId | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who wants a slot that is taken; served in the order of `asked_at` while `until` is ahead."""

    id: str
    request: Request
    asked_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search: how many seats, what has to be there."""

    seats: int = 1
    equipment: frozenset[str] = frozenset()
    kind: ResourceKind | None = None


class SlotTaken(Taken):
    """Somebody else has it, or has it so soon that there is no time to prepare."""

    code = "slot_taken"

    def __init__(self, name: str, until: datetime | None) -> None:
        rest = f" until {until.isoformat(timespec='minutes')}" if until else ""
        super().__init__(f"{name} is taken{rest}. Choose another time or place, or ask to be told when it is free.")
        self.until = until


class NotBookable(Unusable):
    """A rule of the house forbids it; the message names the rule."""

    code = "not_bookable"


def fitting(resources: Iterable[Resource], wanted: Wanted) -> list[Resource]:
    """What is big enough and has everything, smallest first, so that eight do not take the room for twenty."""
    found = [
        one
        for one in resources
        if one.active
        and one.seats >= wanted.seats
        and wanted.equipment <= one.equipment
        and wanted.kind in {None, one.kind}
    ]
    return sorted(found, key=lambda one: (one.seats, len(one.parts), one.name))


def check_rules(resource: Resource, request: Request, now: datetime) -> None:
    """Raise `NotBookable` with the rule that forbids it; a span that is no span first."""
    rules, span = resource.rules, request.span
    for broken, why in (
        (span.end <= span.start, "The end is not after the start. Choose a later end."),
        (not resource.active, f"{resource.name} is out of use. Choose another."),
        (request.people > resource.seats, f"{resource.name} seats {resource.seats}. Choose a bigger one."),
        (span.end <= now, "That time has passed. Choose a later one."),
        (span.minutes < rules.shortest, f"{resource.name} is booked for {rules.shortest} minutes at least."),
        (span.minutes > rules.longest, f"{resource.name} is booked for {rules.longest} minutes at most."),
        (
            span.start > now + timedelta(days=rules.days_ahead),
            f"{resource.name} is booked {rules.days_ahead} days ahead at most.",
        ),
        (
            any(moment.second or moment.microsecond for moment in (span.start, span.end)),
            "Bookings begin and end on the minute. Leave the seconds out.",
        ),
        (span.minutes % rules.step > 0, f"{resource.name} is booked in steps of {rules.step} minutes."),
    ):
        if broken:
            raise NotBookable(why)


@dataclass(frozen=True, slots=True)
class EntryRight:
    """Who may pass a resource's doors for a booking, and when."""

    booking: BookingId
    holder: HolderId
    zone: ZoneId
    span: Span
    contract: ContractId | None = None


def entry_rights(booking: Booking, resource: Resource) -> list[EntryRight]:
    """The rights that a live booking gives to its host and guests; they end by themselves.

    To what is somebody's own their plan opens the way, at the plan's hours.
    """
    if booking.state not in LIVE or resource.zone is None or booking.assigned:
        return []
    opens = booking.span.start - timedelta(minutes=resource.rules.enter_before)
    span = Span(opens, booking.span.end)
    return [
        EntryRight(booking.id, holder, resource.zone, span, booking.contract)
        for holder in (booking.host, *booking.guests)
    ]
