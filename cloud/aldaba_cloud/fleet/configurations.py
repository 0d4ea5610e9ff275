"""The SQL of what controllers are told on the spot: their `edge.toml`, kept for whoever comes after them.

A configuration belongs to a set of doors more than to the computer that serves
them: it says on which pins and buses they are. So it is found again by its doors,
also when its controller was taken out of use before anybody thought of the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, Column, Row, String, Text, delete, insert, select

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_shared.ids import ControllerId, DoorId, SiteId

configurations = scoped_table(
    "configurations",
    Column("controller_id", String(40), primary_key=True),
    Column("doors", JSON, nullable=False),
    Column("text", Text, nullable=False),
    Column("kept_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The text of an `edge.toml`, who sent it and when."""

    controller: ControllerId
    doors: tuple[DoorId, ...]
    text: str
    kept_at: datetime


def keep(work: Work, site: SiteId, configuration: Configuration) -> None:
    """Keep the newest of a controller."""
    theirs = (configurations.c.controller_id == configuration.controller) & work.writable(configurations)
    work.db.execute(delete(configurations).where(theirs))
    row = {
        "controller_id": configuration.controller,
        "doors": sorted(configuration.doors),
        "text": configuration.text,
        "kept_at": configuration.kept_at,
    }
    work.db.execute(insert(configurations), row | work.stamp(site))


def of_controller(work: Work, controller: ControllerId) -> Configuration | None:
    """What a controller sent, if it did and the caller may see it."""
    mine = (configurations.c.controller_id == controller) & work.visible(configurations)
    row = work.db.execute(select(configurations).where(mine)).first()
    return _configuration(row) if row else None


def for_doors(work: Work, site: SiteId, doors: Sequence[DoorId]) -> Configuration | None:
    """The newest that was kept for exactly these doors of a site."""
    there = (configurations.c.site_id == site) & work.visible(configurations)
    rows = work.db.execute(select(configurations).where(there).order_by(configurations.c.kept_at.desc()))
    return next((_configuration(row) for row in rows if row.doors == sorted(doors)), None)


def _configuration(row: Row[tuple[object, ...]]) -> Configuration:
    return Configuration(ControllerId(row.controller_id), tuple(map(DoorId, row.doors)), row.text, row.kept_at)
