"""What goes in and out of the booking API."""

from datetime import date, datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from aldaba_cloud.bookings.models import Booking, HouseRules, Price, Resource, ResourceId, ResourceKind, Waiting
from aldaba_cloud.bookings.prices import PriceRule
from aldaba_cloud.money import VatKind
from aldaba_shared.ids import SiteId, ZoneId

Name = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Text = Annotated[str, StringConstraints(max_length=100)]
Minutes = Annotated[int, Field(ge=0, le=7 * 24 * 60)]
Cents = Annotated[int, Field(ge=0, le=100_000_00)]
Wall = Annotated[
    datetime,
    Field(
        description="With an offset it is that instant; without one it is what the clock on the site's wall shows.",
        examples=["2026-11-24T10:00"],
    ),
]


class RulesBody(BaseModel):
    """How a resource may be booked; minutes, unless the name says otherwise."""

    before: Minutes = 0
    after: Minutes = 0
    step: Annotated[int, Field(ge=1, le=24 * 60)] = 15
    shortest: Minutes = 15
    longest: Minutes = 12 * 60
    days_ahead: Annotated[int, Field(ge=0, le=3650)] = 365
    approval: bool = False
    release_after: Minutes = 15
    cancel_free_hours: Annotated[int, Field(ge=0, le=24 * 90)] = 24
    late_cancel_rate: Annotated[int, Field(ge=0, le=10_000)] = 5000
    enter_before: Minutes = 10


class ResourceIn(BaseModel):
    """Something that can be booked."""

    site: Name
    kind: ResourceKind
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    seats: Annotated[int, Field(ge=1, le=10_000)] = 1
    zone: Name | None = None
    equipment: Annotated[list[Name], Field(max_length=50)] = []
    parts: Annotated[list[Name], Field(max_length=20)] = []
    rules: RulesBody = RulesBody()
    active: bool = True

    def resource(self, name: ResourceId) -> Resource:
        """The same as the domain has it."""
        return Resource(
            id=name,
            site=SiteId(self.site),
            kind=self.kind,
            name=self.name,
            seats=self.seats,
            zone=ZoneId(self.zone) if self.zone else None,
            equipment=frozenset(self.equipment),
            parts=tuple(ResourceId(one) for one in self.parts),
            rules=HouseRules(**self.rules.model_dump()),
            active=self.active,
        )


class ResourceOut(BaseModel):
    """Something that can be booked."""

    id: str
    site: str
    kind: str
    name: str
    seats: int
    zone: str | None
    equipment: list[str]
    parts: list[str]
    rules: RulesBody
    active: bool

    @classmethod
    def of(cls, one: Resource) -> Self:
        """What the API tells of a resource."""
        return cls(
            id=one.id,
            site=one.site,
            kind=one.kind,
            name=one.name,
            seats=one.seats,
            zone=one.zone,
            equipment=sorted(one.equipment),
            parts=list(one.parts),
            rules=RulesBody.model_validate(one.rules, from_attributes=True),
            active=one.active,
        )


class PriceRuleIn(BaseModel):
    """A price an hour and for whom; what is left out is anybody, anything, any time."""

    site: Name
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    hour_cents: Cents
    kind: ResourceKind | None = None
    resource: Name | None = None
    plan: Name | None = None
    days: Annotated[set[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1)] = set(range(7))
    from_minute: Annotated[int, Field(ge=0, le=24 * 60)] = 0
    until_minute: Annotated[int, Field(ge=0, le=24 * 60)] = 24 * 60
    floor_cents: Cents = 0
    vat: VatKind = VatKind.STANDARD

    def rule(self, name: str) -> PriceRule:
        """The same as the domain has it."""
        return PriceRule(
            id=name,
            name=self.name,
            hour_cents=self.hour_cents,
            site=SiteId(self.site),
            kind=self.kind,
            resource=ResourceId(self.resource) if self.resource else None,
            plan=self.plan,
            days=frozenset(self.days),
            hours=(self.from_minute, self.until_minute),
            floor_cents=self.floor_cents,
            vat=self.vat,
        )


class PriceRuleOut(BaseModel):
    """A price an hour and for whom."""

    id: str
    site: str
    name: str
    hour_cents: int
    kind: str | None
    resource: str | None
    plan: str | None
    days: list[int]
    from_minute: int
    until_minute: int
    floor_cents: int
    vat: str

    @classmethod
    def of(cls, one: PriceRule) -> Self:
        """What the API tells of a price."""
        return cls(
            id=one.id,
            site=one.site,
            name=one.name,
            hour_cents=one.hour_cents,
            kind=one.kind,
            resource=one.resource,
            plan=one.plan,
            days=sorted(one.days),
            from_minute=one.hours[0],
            until_minute=one.hours[1],
            floor_cents=one.floor_cents,
            vat=one.vat.value,
        )


class SpanIn(BaseModel):
    """When; `second` says which hour is meant in the night in which one comes twice."""

    start: Wall
    end: Wall
    second: bool | None = None


class OwnBookingIn(SpanIn):
    """A booking for oneself."""

    resource: Name
    contract: Name | None = None
    guests: Annotated[list[Name], Field(max_length=100)] = []
    people: Annotated[int, Field(ge=1, le=10_000)] = 1
    title: Text = ""


class BookingIn(OwnBookingIn):
    """A booking for somebody."""

    host: Name


class SeriesIn(BookingIn):
    """The same hours every week, up to a day; times are the wall's."""

    until: date


class MoveIn(SpanIn):
    """Where a booking moves to."""

    resource: Name | None = None


class PriceOut(BaseModel):
    """What a booking costs, net, and the rule that says so."""

    cents: int
    rule: str
    credit_minutes: int
    vat: str
    free_hours: int
    late_rate: int

    @classmethod
    def of(cls, one: Price) -> Self:
        """What the API tells of a price."""
        return cls(
            cents=one.cents,
            rule=one.rule,
            credit_minutes=one.credit_minutes,
            vat=one.vat.value,
            free_hours=one.free_hours,
            late_rate=one.late_rate,
        )


class AssignmentIn(BaseModel):
    """Whose a desk becomes: from 00:00 local of a day until the contract ends."""

    contract: str = Field(max_length=40)
    from_on: date


class BookingOut(BaseModel):
    """A booking."""

    id: str
    resource: str
    site: str
    host: str
    guests: list[str]
    contract: str | None
    start: AwareDatetime
    end: AwareDatetime
    state: str
    price: PriceOut
    fee_cents: int
    people: int
    title: str
    series: str | None
    made_at: AwareDatetime
    checked_in_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    doubt: str

    @classmethod
    def of(cls, one: Booking) -> Self:
        """What the API tells of a booking."""
        return cls(
            id=one.id,
            resource=one.resource,
            site=one.site,
            host=one.host,
            guests=list(one.guests),
            contract=one.contract,
            start=one.span.start,
            end=one.span.end,
            state=one.state.value,
            price=PriceOut.of(one.price),
            fee_cents=one.fee_cents,
            people=one.people,
            title=one.title,
            series=one.series,
            made_at=one.made_at,
            checked_in_at=one.checked_in_at,
            ended_at=one.ended_at,
            doubt=one.doubt,
        )


class OccurrenceOut(BaseModel):
    """One week of a series: booked, or why not."""

    start: datetime
    booking: str | None
    why: str


class WaitingOut(BaseModel):
    """A place on the waiting list."""

    id: str
    resource: str
    start: AwareDatetime
    end: AwareDatetime
    until: AwareDatetime

    @classmethod
    def of(cls, one: Waiting) -> Self:
        """What the API tells of somebody who waits."""
        span = one.request.span
        return cls(id=one.id, resource=one.request.resource, start=span.start, end=span.end, until=one.until)
