"""News for controllers and people, kept in the transaction that makes it true.

Whoever sends it reads the rows in order of `id` and marks them told.
"""

from collections.abc import Mapping

from sqlalchemy import JSON, BigInteger, Column, Integer, String, insert

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_shared.ids import SiteId

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
