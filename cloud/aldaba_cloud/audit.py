"""Who changed what: one line per change, written in the change's own transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, Integer, String, insert, select

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_shared.ids import SiteId

audit_lines = scoped_table(
    "audit_lines",
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("actor", String(60), nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("facts", JSON, nullable=False),
)


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One change: ids and settings, never a card number, a password or a name."""

    at: datetime
    actor: str
    action: str
    subject: str
    facts: Mapping[str, object]


def note(work: Work, site: SiteId, action: str, subject: str, **facts: object) -> None:
    """Write down a change; `action` is a past participle such as `credential_revoked`."""
    row = {"at": work.now, "actor": work.actor, "action": action, "subject": subject, "facts": facts}
    work.db.execute(insert(audit_lines), row | work.stamp(site))


def recent(work: Work, limit: int = 100) -> list[AuditLine]:
    """The newest lines the caller may see."""
    rows = work.db.execute(
        select(audit_lines).where(work.visible(audit_lines)).order_by(audit_lines.c.id.desc()).limit(limit)
    )
    return [AuditLine(row.at, row.actor, row.action, row.subject, row.facts) for row in rows]
