"""The SQL of bookings.

Two live bookings of one resource cannot meet, because the database refuses the
second one's claim: on PostgreSQL by an exclusion constraint, on SQLite by a
trigger (both in the migration). Nothing is locked or looked up before; the
claim is tried, and an `IntegrityError` is the answer. Two claims that are put in
at the same moment may each wait for the other (PostgreSQL looks for such rows
after it has put in its own); one of them is ended by the server and tries again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Row,
    Select,
    String,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError

from aldaba_cloud.bookings.models import (
    ASSIGNED,
    HELD_NOTHING,
    Booking,
    BookingId,
    HouseRules,
    Price,
    Request,
    Resource,
    ResourceId,
    ResourceKind,
    SeriesId,
    Span,
    State,
    Waiting,
)
from aldaba_cloud.bookings.prices import PriceRule
from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_cloud.money import VatKind
from aldaba_shared.ids import ContractId, HolderId, SiteId, ZoneId

DEADLOCK: Final = "40P01"
TRIES: Final = 2
"""A claim that PostgreSQL ended for a deadlock is tried once more: the other one is through by then."""

resources = scoped_table(
    "resources",
    Column("id", String(40), primary_key=True),
    Column("kind", String(12), nullable=False),
    Column("name", String(100), nullable=False),
    Column("seats", Integer, nullable=False),
    Column("zone_id", String(40), nullable=True),
    Column("equipment", JSON, nullable=False),
    Column("parts", JSON, nullable=False),
    Column("rules", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
)
price_rules = scoped_table(
    "price_rules",
    Column("id", String(40), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("hour_cents", Integer, nullable=False),
    Column("kind", String(12), nullable=True),
    Column("resource_id", String(40), nullable=True),
    Column("plan_id", String(40), nullable=True),
    Column("days", JSON, nullable=False),
    Column("from_minute", Integer, nullable=False),
    Column("until_minute", Integer, nullable=False),
    Column("floor_cents", Integer, nullable=False),
    Column("vat", String(12), nullable=False),
)
bookings = scoped_table(
    "bookings",
    Column("id", String(40), primary_key=True),
    Column("resource_id", String(40), ForeignKey("resources.id"), nullable=False),
    Column("host_id", String(40), ForeignKey("holders.id"), nullable=False),
    Column("contract_id", String(40), nullable=True),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("state", String(12), nullable=False),
    Column("price_cents", Integer, nullable=False),
    Column("price_rule", String(200), nullable=False),
    Column("credit_minutes", Integer, nullable=False),
    Column("vat", String(12), nullable=False),
    Column("free_hours", Integer, nullable=False),
    Column("late_rate", Integer, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("people", Integer, nullable=False),
    Column("title", String(200), nullable=False),
    Column("series_id", String(40), nullable=True, index=True),
    Column("checked_in_at", UtcDateTime, nullable=True),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("doubt", String(40), nullable=False),
    Column("fee_cents", Integer, nullable=False),
    Column("moves", Integer, nullable=False),
    Index("ix_bookings_resource_id_starts_at", "resource_id", "starts_at"),
    Index("ix_bookings_host_id_starts_at", "host_id", "starts_at"),
    Index("ix_bookings_state_ends_at", "state", "ends_at"),
)
guests = scoped_table(
    "booking_guests",
    Column("booking_id", String(40), ForeignKey("bookings.id", ondelete="CASCADE"), nullable=False),
    Column("holder_id", String(40), nullable=False, index=True),
    PrimaryKeyConstraint("booking_id", "holder_id"),
)
claims = scoped_table(
    "booking_claims",
    Column("booking_id", String(40), ForeignKey("bookings.id", ondelete="CASCADE"), nullable=False),
    Column("resource_id", String(40), ForeignKey("resources.id"), nullable=False),
    Column("from_at", UtcDateTime, nullable=False),
    Column("until_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("booking_id", "resource_id"),
    Index("ix_booking_claims_resource_id_from_at", "resource_id", "from_at"),
)
waits = scoped_table(
    "booking_waits",
    Column("id", String(40), primary_key=True),
    Column("resource_id", String(40), ForeignKey("resources.id"), nullable=False, index=True),
    Column("host_id", String(40), nullable=False),
    Column("contract_id", String(40), nullable=True),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("people", Integer, nullable=False),
    Column("title", String(200), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)


def add_resource(work: Work, one: Resource) -> None:
    """Keep a new resource."""
    work.db.execute(insert(resources), _resource_values(one) | {"id": one.id} | work.stamp(one.site))


def save_resource(work: Work, one: Resource) -> bool:
    """Change a resource; False if the caller sees no such one."""
    mine = (resources.c.id == one.id) & work.writable(resources)
    return work.db.execute(update(resources).where(mine).values(_resource_values(one))).rowcount > 0


def find_resource(work: Work, resource: ResourceId) -> Resource | None:
    """One resource, if the caller may see it."""
    row = work.db.execute(select(resources).where(resources.c.id == resource, work.visible(resources))).first()
    return _resource(row) if row else None


def list_resources(work: Work, site: SiteId | None = None) -> list[Resource]:
    """Every resource that the caller may see, by name."""
    found = select(resources).where(work.visible(resources)).order_by(resources.c.name, resources.c.id)
    return [
        _resource(row) for row in work.db.execute(found if site is None else found.where(resources.c.site_id == site))
    ]


def add_price_rule(work: Work, one: PriceRule) -> None:
    """Keep a new price."""
    row = {
        "id": one.id,
        "name": one.name,
        "hour_cents": one.hour_cents,
        "kind": one.kind,
        "resource_id": one.resource,
        "plan_id": one.plan,
        "days": sorted(one.days),
        "from_minute": one.hours[0],
        "until_minute": one.hours[1],
        "floor_cents": one.floor_cents,
        "vat": one.vat.value,
    }
    work.db.execute(insert(price_rules), row | work.stamp(one.site))


def remove_price_rule(work: Work, rule: str) -> bool:
    """Forget a price; bookings keep what they were told."""
    mine = (price_rules.c.id == rule) & work.writable(price_rules)
    return work.db.execute(delete(price_rules).where(mine)).rowcount > 0


def list_price_rules(work: Work, site: SiteId) -> list[PriceRule]:
    """The prices of a site, and those of the whole network."""
    here = price_rules.c.site_id.in_([site, "*"]) & work.visible(price_rules)
    return [_price_rule(row) for row in work.db.execute(select(price_rules).where(here).order_by(price_rules.c.id))]


def add_booking(work: Work, one: Booking) -> None:
    """Keep a new booking; what it holds is kept apart, by `claim`."""
    work.db.execute(insert(bookings), _booking_values(one) | {"id": one.id} | work.stamp(one.site))
    _add_guests(work, one)


def save_booking(work: Work, one: Booking) -> None:
    """Keep a booking as it is now, with its guests."""
    mine = (bookings.c.id == one.id) & work.writable(bookings)
    work.db.execute(update(bookings).where(mine).values(_booking_values(one)))
    work.db.execute(delete(guests).where(guests.c.booking_id == one.id, work.writable(guests)))
    _add_guests(work, one)


def claim(work: Work, booking: Booking, resource: Resource) -> bool:
    """Hold what a booking needs; False when somebody else holds a part of it then."""
    held = resource.held(booking.span)
    rows = [
        {"booking_id": booking.id, "resource_id": one, "from_at": held.start, "until_at": held.end}
        | work.stamp(booking.site)
        for one in sorted(resource.claimed)
    ]
    outcomes = (_claimed(work, rows) for _ in range(TRIES))
    return next((one for one in outcomes if one is not None), False)


def _claimed(work: Work, rows: Sequence[Mapping[str, Any]]) -> bool | None:
    """Whether it is ours; None to be asked again: two inserted at once and each waited to see the other's end."""
    try:
        with work.db.begin_nested():
            work.db.execute(insert(claims).values(rows))
    except IntegrityError:
        return False
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != DEADLOCK:
            raise
        return None
    return True


def unclaim(work: Work, booking: BookingId) -> None:
    """Let go of what a booking held."""
    work.db.execute(delete(claims).where(claims.c.booking_id == booking, work.writable(claims)))


def taken_until(work: Work, resource: Resource, span: Span) -> datetime | None:
    """When the last of those who hold a part of a resource during a span lets go; None when nobody does."""
    held = resource.held(span)
    meets = (
        claims.c.resource_id.in_(resource.claimed) & (claims.c.from_at < held.end) & (claims.c.until_at > held.start)
    )
    seen = meets & work.visible(claims)
    until: datetime | None = work.db.execute(select(func.max(claims.c.until_at)).where(seen)).scalar_one()
    return until


def find_booking(work: Work, booking: BookingId) -> Booking | None:
    """One booking, if the caller may see it."""
    found = _load(work, select(bookings).where(bookings.c.id == booking))
    return found[0] if found else None


def bookings_between(
    work: Work,
    span: Span,
    *,
    site: SiteId | None = None,
    resource: ResourceId | None = None,
    holders: Iterable[HolderId] | None = None,
    states: Iterable[State] | None = None,
) -> list[Booking]:
    """Bookings that meet a span, in the order of their start; those of holders with what they are guests of."""
    found = select(bookings).where(bookings.c.starts_at < span.end, bookings.c.ends_at > span.start)
    if site is not None:
        found = found.where(bookings.c.site_id == site)
    if resource is not None:
        found = found.where(bookings.c.resource_id == resource)
    if holders is not None:
        theirs = sorted(set(holders))
        invited = select(guests.c.booking_id).where(guests.c.holder_id.in_(theirs))
        found = found.where(bookings.c.host_id.in_(theirs) | bookings.c.id.in_(invited))
    if states is not None:
        found = found.where(bookings.c.state.in_(sorted(states)))
    return _load(work, found)


def bookings_of_series(work: Work, series: SeriesId) -> list[Booking]:
    """Every occurrence, in the order of their start."""
    return _load(work, select(bookings).where(bookings.c.series_id == series))


def minutes_booked(work: Work, host: HolderId, span: Span) -> int:
    """Minutes of a host's bookings that begin in a span; what was cancelled or never granted counts for nothing."""
    begins = (bookings.c.starts_at >= span.start) & (bookings.c.starts_at < span.end)
    counted = begins & (bookings.c.host_id == host) & bookings.c.state.not_in(sorted(HELD_NOTHING))
    counted &= bookings.c.price_rule != ASSIGNED
    rows = work.db.execute(select(bookings.c.starts_at, bookings.c.ends_at).where(counted, work.visible(bookings)))
    return sum(Span(row.starts_at, row.ends_at).minutes for row in rows)


def credit_used(work: Work, contract: ContractId, span: Span) -> int:
    """Included minutes that bookings of a contract used in a month: a booking uses those of the month it begins in."""
    begins = (bookings.c.starts_at >= span.start) & (bookings.c.starts_at < span.end)
    mine = begins & (bookings.c.contract_id == contract) & bookings.c.state.not_in(sorted(HELD_NOTHING))
    used = select(func.coalesce(func.sum(bookings.c.credit_minutes), 0)).where(mine, work.visible(bookings))
    return int(work.db.execute(used).scalar_one())


def add_wait(work: Work, one: Waiting, site: SiteId) -> None:
    """Put somebody on the waiting list."""
    asked = one.request
    row = {
        "id": one.id,
        "resource_id": asked.resource,
        "host_id": asked.host,
        "contract_id": asked.contract,
        "starts_at": asked.span.start,
        "ends_at": asked.span.end,
        "people": asked.people,
        "title": asked.title,
        "asked_at": one.asked_at,
        "until": one.until,
    }
    work.db.execute(insert(waits), row | work.stamp(site))


def waiting_for(work: Work, wanted: Iterable[ResourceId], span: Span) -> list[Waiting]:
    """Who waits for any of these resources within a span, the longest first."""
    meets = (waits.c.starts_at < span.end) & (waits.c.ends_at > span.start) & (waits.c.until > work.now)
    mine = meets & waits.c.resource_id.in_(sorted(wanted)) & work.visible(waits)
    rows = work.db.execute(select(waits).where(mine).order_by(waits.c.asked_at, waits.c.id))
    return [_waiting(row) for row in rows]


def remove_wait(work: Work, wait: str) -> bool:
    """Take somebody off the waiting list; False if the caller sees no such entry."""
    return work.db.execute(delete(waits).where(waits.c.id == wait, work.writable(waits))).rowcount > 0


def waits_of(work: Work, holder: HolderId) -> list[Waiting]:
    """What a holder waits for."""
    mine = (waits.c.host_id == holder) & (waits.c.until > work.now) & work.visible(waits)
    return [_waiting(row) for row in work.db.execute(select(waits).where(mine).order_by(waits.c.starts_at))]


def _load(work: Work, found: Select[Any]) -> list[Booking]:
    wanted = found.where(work.visible(bookings)).order_by(bookings.c.starts_at, bookings.c.id)
    rows = work.db.execute(wanted).all()
    names: dict[str, list[HolderId]] = {row.id: [] for row in rows}
    invited = select(guests.c.booking_id, guests.c.holder_id).where(guests.c.booking_id.in_(sorted(names)))
    for booking, holder in work.db.execute(invited.order_by(guests.c.holder_id)) if names else ():
        names[booking].append(HolderId(holder))
    return [_booking(row, names[row.id]) for row in rows]


def _add_guests(work: Work, one: Booking) -> None:
    rows = [{"booking_id": one.id, "holder_id": holder} | work.stamp(one.site) for holder in dict.fromkeys(one.guests)]
    if rows:
        work.db.execute(insert(guests), rows)


def _resource_values(one: Resource) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "name": one.name,
        "seats": one.seats,
        "zone_id": one.zone,
        "equipment": sorted(one.equipment),
        "parts": list(one.parts),
        "rules": asdict(one.rules),
        "active": one.active,
    }


def _resource(row: Row[Any]) -> Resource:
    return Resource(
        id=ResourceId(row.id),
        site=SiteId(row.site_id),
        kind=ResourceKind(row.kind),
        name=row.name,
        seats=row.seats,
        zone=ZoneId(row.zone_id) if row.zone_id else None,
        equipment=frozenset(row.equipment),
        parts=tuple(ResourceId(one) for one in row.parts),
        rules=HouseRules(**row.rules),
        active=row.active,
    )


def _price_rule(row: Row[Any]) -> PriceRule:
    return PriceRule(
        id=row.id,
        name=row.name,
        hour_cents=row.hour_cents,
        site=SiteId(row.site_id),
        kind=ResourceKind(row.kind) if row.kind else None,
        resource=ResourceId(row.resource_id) if row.resource_id else None,
        plan=row.plan_id,
        days=frozenset(row.days),
        hours=(row.from_minute, row.until_minute),
        floor_cents=row.floor_cents,
        vat=VatKind(row.vat),
    )


def _booking_values(one: Booking) -> dict[str, Any]:
    return {
        "resource_id": one.resource,
        "host_id": one.host,
        "contract_id": one.contract,
        "starts_at": one.span.start,
        "ends_at": one.span.end,
        "state": one.state.value,
        "price_cents": one.price.cents,
        "price_rule": one.price.rule,
        "credit_minutes": one.price.credit_minutes,
        "vat": one.price.vat.value,
        "free_hours": one.price.free_hours,
        "late_rate": one.price.late_rate,
        "made_at": one.made_at,
        "people": one.people,
        "title": one.title,
        "series_id": one.series,
        "checked_in_at": one.checked_in_at,
        "ended_at": one.ended_at,
        "doubt": one.doubt,
        "fee_cents": one.fee_cents,
        "moves": one.moves,
    }


def _booking(row: Row[Any], invited: Iterable[HolderId]) -> Booking:
    return Booking(
        id=BookingId(row.id),
        resource=ResourceId(row.resource_id),
        site=SiteId(row.site_id),
        host=HolderId(row.host_id),
        span=Span(row.starts_at, row.ends_at),
        state=State(row.state),
        price=Price(
            row.price_cents, row.price_rule, row.credit_minutes, VatKind(row.vat), row.free_hours, row.late_rate
        ),
        made_at=row.made_at,
        contract=ContractId(row.contract_id) if row.contract_id else None,
        guests=tuple(invited),
        people=row.people,
        title=row.title,
        series=SeriesId(row.series_id) if row.series_id else None,
        checked_in_at=row.checked_in_at,
        ended_at=row.ended_at,
        doubt=row.doubt,
        fee_cents=row.fee_cents,
        moves=row.moves,
    )


def _waiting(row: Row[Any]) -> Waiting:
    asked = Request(
        resource=ResourceId(row.resource_id),
        host=HolderId(row.host_id),
        span=Span(row.starts_at, row.ends_at),
        contract=ContractId(row.contract_id) if row.contract_id else None,
        people=row.people,
        title=row.title,
    )
    return Waiting(row.id, asked, row.asked_at, row.until)
