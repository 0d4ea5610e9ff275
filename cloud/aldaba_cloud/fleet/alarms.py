"""The SQL of alarms: what somebody on duty has to see, and who saw to it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Integer, Row, String, func, insert, select, update

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_cloud.fleet.models import Alarm
from aldaba_shared.ids import ControllerId, DoorId, SiteId

Serial = BigInteger().with_variant(Integer, "sqlite")

alarms = scoped_table(
    "alarms",
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("kind", String(40), nullable=False),
    Column("controller_id", String(40), nullable=False),
    Column("door_id", String(80), nullable=True),
    Column("journal", String(80), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("acknowledged_at", UtcDateTime, nullable=True, index=True),
    Column("acknowledged_by", String(60), nullable=True),
)


def add(work: Work, site: SiteId, rows: Iterable[dict[str, Any]]) -> None:
    """Keep alarms; each row names `at`, `kind`, `controller_id`, `door_id`, `journal`, `sequence` and `facts`."""
    stamped = [row | work.stamp(site) for row in rows]
    if stamped:
        work.db.execute(insert(alarms), stamped)


def recent(work: Work, *, open_only: bool = True, limit: int = 100) -> list[Alarm]:
    """The newest alarms the caller may see."""
    found = select(alarms).where(work.visible(alarms)).order_by(alarms.c.id.desc()).limit(limit)
    if open_only:
        found = found.where(alarms.c.acknowledged_at.is_(None))
    return [_alarm(row) for row in work.db.execute(found)]


def after(work: Work, site: SiteId, last: int, limit: int = 100) -> list[Alarm]:
    """The alarms of a site that were raised after one, oldest first."""
    theirs = work.visible(alarms) & (alarms.c.site_id == site) & (alarms.c.id > last)
    return [_alarm(row) for row in work.db.execute(select(alarms).where(theirs).order_by(alarms.c.id).limit(limit))]


def find(work: Work, alarm: int) -> Alarm | None:
    """One alarm, if the caller may see it."""
    row = work.db.execute(select(alarms).where(alarms.c.id == alarm, work.visible(alarms))).first()
    return _alarm(row) if row else None


def newest(work: Work, site: SiteId) -> int:
    """The number of the last alarm of a site; 0 before the first."""
    theirs = work.visible(alarms) & (alarms.c.site_id == site)
    return work.db.execute(select(func.max(alarms.c.id)).where(theirs)).scalar() or 0


def acknowledge(work: Work, alarm: int) -> bool:
    """Note that somebody saw to an alarm; False if there is no such open one."""
    mine = (alarms.c.id == alarm) & alarms.c.acknowledged_at.is_(None) & work.writable(alarms)
    values = {"acknowledged_at": work.now, "acknowledged_by": work.actor}
    return work.db.execute(update(alarms).where(mine).values(values)).rowcount > 0


def _alarm(row: Row[Any]) -> Alarm:
    return Alarm(
        row.id,
        SiteId(row.site_id),
        row.at,
        row.kind,
        ControllerId(row.controller_id),
        DoorId(row.door_id) if row.door_id else None,
        row.journal,
        row.sequence,
        row.facts,
        row.acknowledged_at,
        row.acknowledged_by,
    )
