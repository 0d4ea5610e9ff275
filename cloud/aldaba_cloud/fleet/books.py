"""The SQL of what doors reported: events, watermarks, holes, forks and clock segments.

The watermark of a journal is a row that is locked in the transaction that keeps
the lines, so it alone settles duplicates and the events need no global key. On
PostgreSQL they are partitioned by the day they were received, which is always
near today, whatever a door's clock says.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import psycopg
from psycopg.types.string import BytesBinaryDumper
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Row,
    Select,
    String,
    Update,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)

from aldaba_cloud.db import Scope, UtcDateTime, Work, scoped_table, visible_in, writable_in
from aldaba_cloud.fleet.filing import PASSED, Filed, zones_of
from aldaba_cloud.fleet.models import Controller, Hole, Watermark, effective
from aldaba_shared.ids import ControllerId, DoorId, HolderId, SiteId, ZoneId
from aldaba_shared.presence import Order, unnamed_ids
from aldaba_shared.reasons import Reason

events = scoped_table(
    "events",
    Column("controller_id", String(40), nullable=False),
    Column("journal", String(80), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("door_id", String(80), nullable=True),
    Column("holder_id", String(80), nullable=True),
    Column("credential_id", String(80), nullable=True),
    Column("reason", String(80), nullable=True),
    Column("zone_id", String(80), nullable=True),
    Column("boot", String(80), nullable=False),
    Column("segment", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Index("ix_events_journal", "controller_id", "journal", "sequence"),
    Index("ix_events_site_at", "site_id", "at"),
    partition_by="RANGE (received_at)",
)
"""`at` is the effective time, `recorded_at` what the controller's clock said; `zone_id` is where a movement led."""

watermarks = scoped_table(
    "watermarks",
    Column("controller_id", String(40), nullable=False),
    Column("journal", String(80), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("controller_id", "journal"),
)

holes = scoped_table(
    "journal_holes",
    Column("controller_id", String(40), nullable=False),
    Column("journal", String(80), nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("controller_id", "journal", "first"),
)

forks = scoped_table(
    "journal_forks",
    Column("controller_id", String(40), nullable=False),
    Column("journal", String(80), nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("lines", LargeBinary, nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("controller_id", "journal", "first", "hash"),
)
"""Batches that contradict the books, kept aside: their first sequence, their last hash, their lines."""

segments = scoped_table(
    "clock_segments",
    Column("controller_id", String(40), nullable=False),
    Column("boot", String(80), nullable=False),
    Column("segment", BigInteger, nullable=False),
    Column("offset_us", BigInteger, nullable=True),
    Column("jump_us", BigInteger, nullable=True),
    PrimaryKeyConstraint("controller_id", "boot", "segment"),
)
"""What to add to a segment's clock to get ours, and by how much the clock jumped when the segment began."""

COLUMNS: Final = tuple(column.name for column in events.c)
COPY: Final = f"COPY events ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
SHARED: Final = ("network_id", "site_id", "controller_id", "journal", "received_at")
"""What all lines of a batch have in common."""
OWN: Final = Filed._fields.index("kind")
"""From here on a filed line is a row's last columns as they stand."""
MOMENT_LENGTH: Final = len("2026-11-23 11:00:00.000000")
ROWS_AT_ONCE: Final = 100
"""Lines in one statement on SQLite; more gain nothing."""
MARK: Final = (watermarks.c.controller_id == bindparam("of")) & (watermarks.c.journal == bindparam("in_journal"))
COPY_TYPES: Final = {UtcDateTime: "timestamptz", BigInteger: "int8", LargeBinary: "bytea", String: "text"}


def lock_watermark(work: Work, controller: Controller, journal: str) -> Watermark:
    """Where a journal stands, locked until the transaction ends; a journal never heard of stands before its first."""
    row = work.db.execute(_mark_locked(work.scope), {"of": controller.id, "in_journal": journal}).first()
    if row is None:
        start = Watermark()
        key = {"controller_id": controller.id, "journal": journal}
        work.db.execute(insert(watermarks), key | start._asdict() | work.stamp(controller.site))
        return start
    return Watermark(row.sequence, row.hash)


@lru_cache(maxsize=1024)
def _mark_locked(scope: Scope) -> Select[Any]:
    found = select(watermarks.c.sequence, watermarks.c.hash).where(MARK, visible_in(watermarks, scope))
    return found.with_for_update()


def find_watermark(work: Work, controller: ControllerId, journal: str) -> Watermark:
    """Where a journal stands, for an answer that writes nothing."""
    mine = (watermarks.c.controller_id == controller) & (watermarks.c.journal == journal)
    row = work.db.execute(
        select(watermarks.c.sequence, watermarks.c.hash).where(mine, work.visible(watermarks))
    ).first()
    return Watermark(row.sequence, row.hash) if row else Watermark()


def move_watermark(work: Work, controller: ControllerId, journal: str, mark: Watermark) -> None:
    """Raise the watermark of a journal that is locked."""
    found = {"of": controller, "in_journal": journal, "up_to": mark.sequence, "hash_there": mark.hash}
    work.db.execute(_mark_moved(work.scope), found)


@lru_cache(maxsize=1024)
def _mark_moved(scope: Scope) -> Update:
    found = update(watermarks).where(MARK, writable_in(watermarks, scope))
    return found.values(sequence=bindparam("up_to"), hash=bindparam("hash_there"))


def hash_of(work: Work, controller: ControllerId, journal: str, sequence: int) -> bytes | None:
    """Our hash of one line, if we have it."""
    row = work.db.execute(_line(work, select(events.c.hash), controller, journal, sequence)).first()
    return bytes(row.hash) if row else None


def find_event(work: Work, controller: ControllerId, journal: str, sequence: int) -> Row[Any] | None:
    """One line with all its columns."""
    return work.db.execute(_line(work, select(events), controller, journal, sequence)).first()


def add_hole(work: Work, controller: Controller, journal: str, hole: Hole) -> None:
    """Note lines that the controller no longer has."""
    row = {"controller_id": controller.id, "journal": journal, "noted_at": work.now} | hole._asdict()
    work.db.execute(insert(holes), row | work.stamp(controller.site))


class Branch(NamedTuple):
    """Lines that contradict the books: where they begin, the hash after the last, and their bytes."""

    journal: str
    first: int
    hash: bytes
    lines: bytes


def keep_fork(work: Work, controller: Controller, branch: Branch) -> bool:
    """Keep a contradicting batch aside; False if it is there already."""
    same = (
        (forks.c.controller_id == controller.id)
        & (forks.c.journal == branch.journal)
        & (forks.c.first == branch.first)
        & (forks.c.hash == branch.hash)
    )
    if work.db.execute(select(forks.c.first).where(same)).first():
        return False
    row = {"controller_id": controller.id, "noted_at": work.now} | branch._asdict()
    work.db.execute(insert(forks), row | work.stamp(controller.site))
    return True


def add_lines(work: Work, controller: Controller, journal: str, lines: Sequence[tuple[datetime, Filed]]) -> None:
    """Keep lines under their effective times, by the fastest way the engine has."""
    if work.db.dialect.name != "sqlite":
        _copy_lines(work, (controller.network, controller.site, controller.id, journal), lines)
        return
    head = (controller.network, controller.site, controller.id, journal, sqlite_moment(work.now.astimezone(UTC)))
    recorded = sqlite_moments([line.at for _, line in lines])
    # Most clocks are right, and then both times of a line are one.
    right = all(at is line.at for at, line in lines)
    moments = recorded if right else sqlite_moments([at for at, _ in lines])
    for start in range(0, len(lines), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        values: list[object] = [*head]
        for (_, line), at, recorded_at in zip(lines[some], moments[some], recorded[some], strict=True):
            values += (line.sequence, at, recorded_at, *line[OWN:])
        work.db.exec_driver_sql(_sqlite_insert(len(lines[some])), tuple(values))


def sqlite_moment(at: datetime) -> str:
    """An instant in UTC as `UtcDateTime` keeps it in SQLite: text that sorts by time, without its zone."""
    return at.isoformat(" ", "microseconds")[:26]


def sqlite_moments(moments: Sequence[datetime]) -> list[str]:
    """What `sqlite_moment` makes of each, written in one go: one by one they cost as much as reading the lines."""
    text = msgspec.json.encode(moments).decode()[2:-2]
    found = text.replace("T", " ").replace("Z", "").split('","')
    return [one if len(one) == MOMENT_LENGTH else one + ".000000" for one in found]


@lru_cache(maxsize=ROWS_AT_ONCE)
def _sqlite_insert(rows: int) -> str:
    """One statement for so many lines: what they share is bound once, and the engine is entered once."""
    own = [name for name in COLUMNS if name not in SHARED]
    number = {name: f"?{place}" for place, name in enumerate(SHARED, 1)}
    number |= {name: f"column{place}" for place, name in enumerate(own, 1)}
    values = ", ".join([f"({', '.join('?' * len(own))})"] * rows)
    names = ", ".join(number[name] for name in COLUMNS)
    return f"INSERT INTO events ({', '.join(COLUMNS)}) SELECT {names} FROM (VALUES {values})"  # noqa: S608 - our own names


def ensure_partition(work: Work) -> None:
    """Make the part of the day's events where there is none yet; on SQLite they are one table."""
    if work.db.dialect.name != "postgresql":
        return
    day = work.now.astimezone(UTC).date()
    name = f"events_{day:%Y%m%d}"
    if work.db.exec_driver_sql("SELECT to_regclass(%s)", (name,)).scalar() is None:
        work.db.execute(text("SELECT pg_advisory_xact_lock(74174201)"))
        after = day + timedelta(days=1)
        work.db.execute(
            text(
                f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF events "
                f"FOR VALUES FROM ('{day} 00:00:00+00') TO ('{after} 00:00:00+00')"
            )
        )


def _copy_lines(work: Work, head: tuple[str, str, str, str], lines: Sequence[tuple[datetime, Filed]]) -> None:
    ensure_partition(work)
    raw = work.db.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise TypeError(type(raw))
    now = work.now
    with raw.cursor() as cursor:
        # What psycopg takes for `bytea` by itself is written in Python and costs a third of the way.
        cursor.adapters.register_dumper(bytes, BytesBinaryDumper)
        with cursor.copy(COPY) as copy:
            copy.set_types(_copy_types())
            for at, line in lines:
                copy.write_row((*head, line.sequence, at, line.at, now, *line[OWN:]))


def _copy_types() -> list[str]:
    return [COPY_TYPES[type(column.type)] for column in events.c]


SEGMENTS_OF_BOOT: Final = select(segments.c.segment, segments.c.offset_us, segments.c.jump_us).where(
    segments.c.controller_id == bindparam("of"), segments.c.boot == bindparam("in_boot")
)
"""Made once: every batch asks it."""


Clocks: TypeAlias = dict[int, tuple[int | None, int | None]]
"""The clock segments of one boot: offset and jump in microseconds, each where known."""


def find_segments(work: Work, controller: ControllerId, boot: str) -> Clocks:
    """What is known of the clock segments of one boot."""
    rows = work.db.execute(SEGMENTS_OF_BOOT, {"of": controller, "in_boot": boot})
    return {row.segment: (row.offset_us, row.jump_us) for row in rows}


def save_segment(work: Work, controller: Controller, boot: str, segment: int, **values: int) -> None:
    """Write what is known of a clock segment: `offset_us`, `jump_us`."""
    mine = (segments.c.controller_id == controller.id) & (segments.c.boot == boot) & (segments.c.segment == segment)
    if work.db.execute(update(segments).where(mine).values(values)).rowcount == 0:
        key = {"controller_id": controller.id, "boot": boot, "segment": segment}
        work.db.execute(insert(segments), key | values | work.stamp(controller.site))


def retime(work: Work, controller: ControllerId, boot: str, segment: int, offset: timedelta) -> set[HolderId]:
    """Give the lines of a segment their effective time; returns whose movements were among them."""
    mine = (events.c.controller_id == controller) & (events.c.boot == boot) & (events.c.segment == segment)
    found = select(
        events.c.journal,
        events.c.sequence,
        events.c.recorded_at,
        events.c.holder_id,
        events.c.zone_id,
        events.c.kind,
    )
    rows = work.db.execute(found.where(mine, work.visible(events))).all()
    if rows:
        line = (
            (events.c.controller_id == controller)
            & (events.c.journal == bindparam("b_journal"))
            & (events.c.sequence == bindparam("b_sequence"))
        )
        moved = [
            {"b_journal": row.journal, "b_sequence": row.sequence, "at": effective(row.recorded_at, offset)}
            for row in rows
        ]
        # The rows were found within the scope; a list of sites cannot be part of a statement for many rows.
        network = events.c.network_id == work.scope.network
        work.db.execute(update(events).where(line, network).values(at=bindparam("at")), moved)
    strangers = [row for row in rows if row.kind == PASSED and row.holder_id is None]
    return {HolderId(row.holder_id) for row in rows if row.zone_id and row.holder_id} | {
        name for row in strangers for name in unnamed_ids(controller, row.journal, row.sequence)
    }


class Passage(NamedTuple):
    """A person without a card at a turnstile."""

    into: ZoneId
    left: ZoneId | None
    order: Order


def passages_without_a_card(work: Work, site: SiteId, *, since: datetime) -> list[Passage]:
    """The passages since a moment that nobody's card made, in no order."""
    found = select(events.c.at, events.c.controller_id, events.c.journal, events.c.sequence, events.c.body).where(
        events.c.site_id == site,
        events.c.at >= since,
        events.c.kind == PASSED,
        events.c.holder_id.is_(None),
        work.visible(events),
    )
    made = []
    for row in work.db.execute(found):
        zones = zones_of(row.body)
        if zones is not None:
            made.append(Passage(*zones, Order(row.at, row.controller_id, row.journal, row.sequence)))
    return made


def movements(work: Work, site: SiteId, holders: Iterable[HolderId] | None = None) -> Iterable[Row[Any]]:
    """Every movement of a site, of all or of some holders, in no order."""
    found = select(
        events.c.holder_id, events.c.zone_id, events.c.at, events.c.controller_id, events.c.journal, events.c.sequence
    ).where(events.c.site_id == site, events.c.zone_id.is_not(None), work.visible(events))
    if holders is not None:
        found = found.where(events.c.holder_id.in_(sorted(holders)))
    return work.db.execute(found)


class Arrival(NamedTuple):
    """A movement into a zone; `measured` says whether its controller's clock was compared with ours."""

    holder: HolderId
    zone: ZoneId
    at: datetime
    measured: bool


def arrivals(work: Work, site: SiteId, zones: Iterable[ZoneId], since: datetime) -> list[Arrival]:
    """Who went into any of these zones of a site since a moment, oldest first."""
    clock = (
        (segments.c.controller_id == events.c.controller_id)
        & (segments.c.boot == events.c.boot)
        & (segments.c.segment == events.c.segment)
    )
    found = (
        select(events.c.holder_id, events.c.zone_id, events.c.at, segments.c.offset_us)
        .select_from(events.outerjoin(segments, clock))
        .where(events.c.site_id == site, events.c.at >= since, events.c.zone_id.in_(sorted(zones)))
        .where(events.c.holder_id.is_not(None), work.visible(events))
        .order_by(events.c.at)
    )
    return [
        Arrival(HolderId(row.holder_id), ZoneId(row.zone_id), row.at, row.offset_us is not None)
        for row in work.db.execute(found)
    ]


def recent_events(work: Work, site: SiteId | None = None, *, limit: int = 100) -> Sequence[Row[Any]]:
    """The newest events by effective time, of one site or of all the caller may see."""
    found = select(events).where(work.visible(events))
    if site is not None:
        found = found.where(events.c.site_id == site)
    return work.db.execute(found.order_by(events.c.at.desc(), events.c.sequence.desc()).limit(limit)).all()


def lines_of_kind(work: Work, site: SiteId, kind: str, *, since: datetime) -> Iterable[Row[Any]]:
    """The lines of one kind in a site's books, oldest first."""
    found = select(events).where(events.c.site_id == site, events.c.kind == kind, events.c.at >= since)
    return work.db.execute(found.where(work.visible(events)).order_by(events.c.at))


def taps(work: Work, site: SiteId, *, at: datetime, received: datetime) -> Iterable[Row[Any]]:
    """Every answer to a credential at a site from these moments on (its effective time, its arrival), oldest first."""
    answers = (events.c.site_id == site) & (events.c.kind == "access_decided") & work.visible(events)
    since = (events.c.at >= at) & (events.c.received_at >= received)
    found = select(events.c.controller_id, events.c.journal, events.c.sequence, events.c.at, events.c.body)
    return work.db.execute(found.where(answers, since).order_by(events.c.at, events.c.sequence))


def unknown_cards(work: Work, site: SiteId, *, since: datetime, limit: int) -> Sequence[Row[Any]]:
    """The newest answers to cards nobody has, at a site since an arrival, newest first."""
    asked = (events.c.site_id == site) & (events.c.reason == Reason.UNKNOWN_CREDENTIAL) & work.visible(events)
    # The effective time finds them by index; a line may come much later than it was written, and no earlier.
    recent = (events.c.at >= since - timedelta(days=1)) & (events.c.received_at >= since)
    found = select(events).where(asked, recent).order_by(events.c.at.desc(), events.c.sequence.desc()).limit(limit)
    return work.db.execute(found).all()


def let_in_before(work: Work, door: DoorId, site: SiteId, *, at: datetime, within: timedelta) -> HolderId | None:
    """Who was let in last at a door before a moment, and not longer before than this."""
    asked = (events.c.site_id == site) & (events.c.door_id == door) & (events.c.reason == Reason.GRANTED)
    when = (events.c.at <= at) & (events.c.at >= at - within) & events.c.holder_id.is_not(None)
    found = select(events.c.holder_id).where(asked, when, work.visible(events)).order_by(events.c.at.desc()).limit(1)
    holder = work.db.execute(found).scalar()
    return HolderId(holder) if holder else None


def last_used(work: Work, credentials: Select[Any]) -> dict[str, datetime]:
    """When each of these credentials (a query of their ids) was last let in."""
    let_in = (events.c.reason == Reason.GRANTED) & events.c.credential_id.in_(credentials) & work.visible(events)
    found = (
        select(events.c.credential_id, func.max(events.c.at).label("used_at"))
        .where(let_in)
        .group_by(events.c.credential_id)
    )
    return {row.credential_id: row.used_at for row in work.db.execute(found)}


def answers_since(work: Work, door: DoorId, site: SiteId, *, since: datetime, limit: int = 100) -> Sequence[bytes]:
    """The newest answers of a door that arrived since a moment, newest first, as they were written."""
    asked = (events.c.kind == "access_decided") & (events.c.site_id == site) & (events.c.door_id == door)
    found = select(events.c.body).where(asked, events.c.received_at >= since, work.visible(events))
    return work.db.execute(found.order_by(events.c.at.desc()).limit(limit)).scalars().all()


def journal_lines(work: Work, controller: ControllerId, journal: str) -> Iterable[Row[Any]]:
    """The lines of one journal in order: sequence, bytes and hash, to check the chain."""
    mine = (events.c.controller_id == controller) & (events.c.journal == journal)
    found = select(events.c.sequence, events.c.body, events.c.hash).where(mine, work.visible(events))
    return work.db.execute(found.order_by(events.c.sequence))


def list_journals(work: Work) -> Sequence[Row[Any]]:
    """Every journal and where it stands."""
    return work.db.execute(
        select(watermarks).where(work.visible(watermarks)).order_by(watermarks.c.controller_id)
    ).all()


def _line(work: Work, found: Select[Any], controller: ControllerId, journal: str, sequence: int) -> Select[Any]:
    return found.where(
        events.c.controller_id == controller,
        events.c.journal == journal,
        events.c.sequence == sequence,
        work.visible(events),
    )
