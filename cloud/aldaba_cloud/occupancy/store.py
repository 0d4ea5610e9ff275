"""The SQL of presence: one stay a holder, in which the later movement wins."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Row, String, delete, select

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_shared.ids import HolderId, SiteId, ZoneId
from aldaba_shared.presence import CAME, LEFT, STREET, Order, Stay

Ordered = String(80).with_variant(String(80, collation="C"), "postgresql")
"""Text compared byte by byte on both engines, as `presence.Order` compares it."""

stays = scoped_table(
    "stays",
    Column("holder_id", String(80), nullable=False),
    Column("zone_id", String(80), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("controller_id", Ordered, nullable=False),
    Column("journal", Ordered, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("site_id", "holder_id"),
)

NAMES: Final = "network_id, site_id, holder_id, zone_id, at, controller_id, journal, sequence"
LATER: Final = """
ON CONFLICT (site_id, holder_id) DO UPDATE SET zone_id = excluded.zone_id, at = excluded.at,
    controller_id = excluded.controller_id, journal = excluded.journal, sequence = excluded.sequence
WHERE (excluded.at, excluded.controller_id, excluded.journal, excluded.sequence)
    > (stays.at, stays.controller_id, stays.journal, stays.sequence)
"""
"""The order of `presence.Order`, in SQL."""
ON_SQLITE: Final = f"INSERT INTO stays ({NAMES}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) {LATER}"  # noqa: S608 - our own text
ON_POSTGRESQL: Final = f"""
INSERT INTO stays ({NAMES}) SELECT %s, %s, latest.* FROM json_to_recordset(%s) AS latest
    (holder text, zone text, at timestamptz, controller text, journal text, sequence bigint) {LATER}
"""  # noqa: S608 - our own text
"""One parameter for all rows: arrays of text are quoted one by one, which costs more than the statement."""


def keep_latest(work: Work, site: SiteId, latest: Mapping[HolderId, Stay]) -> None:
    """Keep stays that are later than what is known of their holders, in one round trip."""
    stamp, found = tuple(work.stamp(site).values()), sorted(latest.items())
    if work.db.dialect.name == "sqlite":
        rows = [(*stamp, holder, stay.zone, _moment(stay.order.at), *_place(stay.order)) for holder, stay in found]
        work.db.exec_driver_sql(ON_SQLITE, rows)
        return
    rows_of_json = [_Latest(holder, stay.zone, stay.order.at, *_place(stay.order)) for holder, stay in found]
    work.db.exec_driver_sql(ON_POSTGRESQL, (*stamp, msgspec.json.encode(rows_of_json).decode()))


class _Latest(msgspec.Struct):
    """A row of `ON_POSTGRESQL`."""

    holder: HolderId
    zone: ZoneId
    at: datetime
    controller: str
    journal: str
    sequence: int


def _place(order: Order) -> tuple[str, str, int]:
    return order.controller, order.journal, order.sequence


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(" ", "microseconds")[:26]


def forget(work: Work, site: SiteId, holders: Iterable[HolderId]) -> None:
    """Drop holders' stays, to begin again from their events."""
    gone = stays.c.holder_id.in_(sorted(holders))
    work.db.execute(delete(stays).where(stays.c.site_id == site, gone, work.writable(stays)))


def forget_unnamed(work: Work, site: SiteId, before: datetime) -> None:
    """Drop the entries of people without a card that ended long ago: each passage made its own."""
    old = (stays.c.site_id == site) & (stays.c.at < before)
    theirs = stays.c.holder_id.startswith(CAME, autoescape=True) | stays.c.holder_id.startswith(LEFT, autoescape=True)
    work.db.execute(delete(stays).where(old, theirs, work.writable(stays)))


def load_presence(work: Work, site: SiteId, *, inside_only: bool = False) -> dict[HolderId, Stay]:
    """Every holder's stay at a site, or only of those who are not in the street."""
    found = select(stays).where(stays.c.site_id == site, work.visible(stays))
    if inside_only:
        found = found.where(stays.c.zone_id != STREET)
    return {HolderId(row.holder_id): _stay(row) for row in work.db.execute(found)}


def find_stay(work: Work, site: SiteId, holder: HolderId) -> Stay | None:
    """One holder's stay."""
    mine = (stays.c.site_id == site) & (stays.c.holder_id == holder)
    row = work.db.execute(select(stays).where(mine, work.visible(stays))).first()
    return _stay(row) if row else None


def _stay(row: Row[Any]) -> Stay:
    return Stay(ZoneId(row.zone_id), row.at, Order(row.at, row.controller_id, row.journal, row.sequence))
