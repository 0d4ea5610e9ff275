"""The SQL of presence: one stay a holder, in which the later movement wins."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Row, String, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

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

ORDER = ("at", "controller_id", "journal", "sequence")


def keep_latest(work: Work, site: SiteId, latest: Mapping[HolderId, Stay]) -> None:
    """Keep stays that are later than what is known of their holders."""
    rows = [_values(holder, stay) | work.stamp(site) for holder, stay in sorted(latest.items())]
    wanted = (sqlite if work.db.dialect.name == "sqlite" else postgresql).insert(stays)
    new = wanted.excluded
    upsert = wanted.on_conflict_do_update(
        index_elements=["site_id", "holder_id"],
        set_={name: new[name] for name in ("zone_id", *ORDER)},
        where=tuple_(*(new[name] for name in ORDER)) > tuple_(*(stays.c[name] for name in ORDER)),
    )
    work.db.execute(upsert, rows)


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


def _values(holder: HolderId, stay: Stay) -> dict[str, Any]:
    return {
        "holder_id": holder,
        "zone_id": stay.zone,
        "at": stay.order.at,
        "controller_id": stay.order.controller,
        "journal": stay.order.journal,
        "sequence": stay.order.sequence,
    }


def _stay(row: Row[Any]) -> Stay:
    return Stay(ZoneId(row.zone_id), row.at, Order(row.at, row.controller_id, row.journal, row.sequence))
