"""News for controllers and people, kept in the transaction that makes it true.

Whoever sends it reads the rows in order of `id` and marks them told.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Connection, Integer, String, insert, select, update

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_shared.ids import NetworkId, SiteId

RIGHTS_CHANGED: Final = "rights.changed"
"""What a holder is entitled to has changed; the subject is the holder, and `because` what changed it."""

outbox = scoped_table(
    "outbox",
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", String(40), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("told_at", UtcDateTime, nullable=True, index=True),
)


def tell(work: Work, site: SiteId, kind: str, subject: str, body: Mapping[str, object] | None = None) -> None:
    """Leave news, such as `rules.published` for a controller."""
    row = {"kind": kind, "subject": subject, "body": dict(body or {}), "created_at": work.now, "told_at": None}
    work.db.execute(insert(outbox), row | work.stamp(site))


@dataclass(frozen=True, slots=True)
class Waiting:
    """News that nobody has passed on yet."""

    id: int
    network: NetworkId
    site: SiteId
    kind: str
    subject: str
    body: Mapping[str, object]


def waiting(db: Connection, kinds: Collection[str], limit: int = 500) -> list[Waiting]:
    """The oldest news of these kinds, of every network: only whoever passes it on may ask."""
    rows = db.execute(
        select(outbox)
        .where(outbox.c.told_at.is_(None), outbox.c.kind.in_(sorted(kinds)))
        .order_by(outbox.c.id)
        .limit(limit)
    )
    return [
        Waiting(row.id, NetworkId(row.network_id), SiteId(row.site_id), row.kind, row.subject, row.body) for row in rows
    ]


def mark_told(db: Connection, told: Collection[int], now: datetime) -> None:
    """Note that news was passed on."""
    db.execute(update(outbox).where(outbox.c.id.in_(sorted(told))).values(told_at=now))
