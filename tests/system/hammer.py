"""Many who want the same rooms at once: booking, moving, cancelling, as fast as they can."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic

from sqlalchemy import select

from aldaba_cloud.bookings import service, store
from aldaba_cloud.bookings.models import (
    LIVE,
    Booking,
    Request,
    Resource,
    ResourceId,
    ResourceKind,
    SlotTaken,
    Span,
)
from aldaba_cloud.bookings.prices import PriceRule
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.members import service as members
from aldaba_cloud.members.models import Holder, HolderKind
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Site
from aldaba_cloud.schema import migrate
from aldaba_shared.ids import HolderId, NetworkId, SiteId

NETWORK, SITE = NetworkId("net"), SiteId("site")
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
ROOMS = tuple(ResourceId(f"room{number}") for number in range(4))
BOTH = ResourceId("room0+room1")
WRITERS = 16
CANCELS, MOVES = 0.4, 0.5
"""Below which throw of a die somebody cancels, and below which they move, what they have."""
QUARTERS = 4 * 10
"""Quarters of an hour in which a day's bookings begin."""


def build(url: str) -> Database:
    """Four rooms, two of them also booked as one, a price, and a member for each writer."""
    database = Database(url)
    migrate(database)
    with database.write() as db:
        work = Work(db, Scope(NETWORK), NOW)
        places.add_network(work, "Hammered")
        places.add_site(work, Site(SITE, NETWORK, "Hammered", "Europe/Madrid"))
        members.welcome(work, [Holder(host(number), HolderKind.MEMBER, "M", site=SITE) for number in range(WRITERS)])
        for room in ROOMS:
            store.add_resource(work, Resource(room, SITE, ResourceKind.ROOM, room, 8))
        store.add_resource(work, Resource(BOTH, SITE, ResourceKind.ROOM, BOTH, 16, parts=ROOMS[:2]))
        store.add_price_rule(work, PriceRule("price", "any", 3000, site=SITE))
    return database


def host(writer: int) -> HolderId:
    return HolderId(f"mbr_{writer}")


@dataclass(frozen=True)
class Hammered:
    """What came of it: how often each thing happened, in how long."""

    counts: Counter[str]
    seconds: float

    @property
    def attempts(self) -> int:
        return self.counts["booked"] + self.counts["taken"]


def hammer(database: Database, seconds: float, days: int = 3) -> Hammered:
    """Have every writer ask for random slots for so long."""
    began = monotonic()
    stop = threading.Event()
    with ThreadPoolExecutor(WRITERS) as pool:
        running = [pool.submit(_write, database, number, days, stop.is_set) for number in range(WRITERS)]
        stop.wait(seconds)
        stop.set()
        counts: Counter[str] = sum((one.result() for one in running), Counter())
    return Hammered(counts, monotonic() - began)


def _write(database: Database, number: int, days: int, over: Callable[[], bool]) -> Counter[str]:
    random, counts, mine = Random(number), Counter[str](), list[Booking]()
    while not over():
        counts[_tried(database, random, number, days, mine)] += 1
    return counts


def _tried(database: Database, random: Random, number: int, days: int, mine: list[Booking]) -> str:
    """One thing that somebody does; what they have is known only once it is committed."""
    dice, slot = random.random(), _slot(random, days)
    one = random.choice(mine) if mine else None
    try:
        with database.write() as db:
            work = Work(db, Scope(NETWORK), NOW)
            if one is not None and dice < CANCELS:
                service.cancel(work, one.id)
            elif one is not None and dice < MOVES:
                service.move(work, one.id, slot)
            else:
                made = service.book(work, Request(random.choice((*ROOMS, BOTH)), host(number), slot))
    except SlotTaken:
        return "taken"
    if one is not None and dice < CANCELS:
        mine.remove(one)
        return "cancelled"
    if one is not None and dice < MOVES:
        return "moved"
    mine.append(made)
    return "booked"


def _slot(random: Random, days: int) -> Span:
    begins = NOW + timedelta(days=1 + random.randrange(days), minutes=15 * random.randrange(QUARTERS))
    return Span(begins, begins + timedelta(minutes=15 * random.randint(1, 8)))


def overlaps(database: Database) -> list[tuple[Booking, Booking]]:
    """Every two live bookings that have a room at the same time, found by looking at all of them."""
    with database.read() as db:
        work = Work(db, Scope(NETWORK), NOW)
        known = {one.id: set(one.claimed) for one in store.list_resources(work)}
        live = store.bookings_between(work, Span(NOW, NOW + timedelta(days=30)), states=LIVE)
    return [
        (one, other)
        for at, one in enumerate(live)
        for other in live[at + 1 :]
        if known[one.resource] & known[other.resource] and one.span.meets(other.span)
    ]


def unheld(database: Database) -> list[str]:
    """Live bookings that do not hold what they need, and claims of bookings that are over."""
    with database.read() as db:
        work = Work(db, Scope(NETWORK), NOW)
        known = {one.id: one for one in store.list_resources(work)}
        live = store.bookings_between(work, Span(NOW, NOW + timedelta(days=30)), states=LIVE)
        held = {
            (row.booking_id, row.resource_id, row.from_at, row.until_at) for row in db.execute(select(store.claims))
        }
    needed = {(one.id, part, one.span.start, one.span.end) for one in live for part in known[one.resource].claimed}
    return [str(one) for one in sorted(held ^ needed)]
