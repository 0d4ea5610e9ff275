"""The SQL of presence: one stay a holder, in which the later movement wins."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any, Final

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Row, String, delete, select, text

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_shared.ids import HolderId, SiteId, ZoneId
from aldaba_shared.presence import STREET, Order, Stay

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

ARRAYS: Final = ", ".join(
    f"CAST(:{name} AS {kind}[])"
    for name, kind in zip("abcdefgh", ("text",) * 4 + ("timestamptz", "text", "text", "bigint"), strict=True)
)


def keep_latest(work: Work, site: SiteId, latest: Mapping[HolderId, Stay]) -> None:
    """Keep stays that are later than what is known of their holders, in one round trip."""
    stamp = tuple(work.stamp(site).values())
    found = sorted(latest.items())
    rows = [
        (*stamp, holder, stay.zone, stay.order.at, stay.order.controller, stay.order.journal, stay.order.sequence)
        for holder, stay in found
    ]
    if work.db.dialect.name == "sqlite":
        written = [(*row[:4], row[4].astimezone(UTC).isoformat(" ", "microseconds")[:26], *row[5:]) for row in rows]
        work.db.exec_driver_sql(f"INSERT INTO stays ({NAMES}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) {LATER}", written)  # noqa: S608 - our own text
        return
    columns = dict(zip("abcdefgh", map(list, zip(*rows, strict=True)), strict=True))
    work.db.execute(text(f"INSERT INTO stays ({NAMES}) SELECT * FROM unnest({ARRAYS}) {LATER}"), columns)  # noqa: S608 - our own text


def forget(work: Work, site: SiteId, holders: Iterable[HolderId]) -> None:
    """Drop holders' stays, to begin again from their events."""
    gone = stays.c.holder_id.in_(sorted(holders))
    work.db.execute(delete(stays).where(stays.c.site_id == site, gone, work.writable(stays)))


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
