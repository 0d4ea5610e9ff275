"""The SQL of controllers' certificates: which were given out, and which are not believed any more."""

from datetime import datetime

from sqlalchemy import Column, Connection, String, func, insert, select, update

from aldaba_cloud.authority import Issued
from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_shared.ids import ControllerId, SiteId

certificates = scoped_table(
    "certificates",
    Column("serial", String(60), primary_key=True),
    Column("controller_id", String(40), nullable=False, index=True),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("holds_until", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime, nullable=True, index=True),
)


def keep(work: Work, site: SiteId, controller: ControllerId, issued: Issued) -> None:
    """Remember a certificate that was given out. Serial numbers have up to 159 bits, so they are kept as text."""
    row = {
        "serial": str(issued.serial),
        "controller_id": controller,
        "issued_at": work.now,
        "holds_until": issued.until,
        "revoked_at": None,
    }
    work.db.execute(insert(certificates), row | work.stamp(site))


def revoke(work: Work, controller: ControllerId) -> int:
    """Believe none of a controller's certificates any more; answers how many that were."""
    theirs = (certificates.c.controller_id == controller) & certificates.c.revoked_at.is_(None)
    done = work.db.execute(update(certificates).where(theirs, work.writable(certificates)).values(revoked_at=work.now))
    return done.rowcount


def revoked(db: Connection, now: datetime) -> list[tuple[int, datetime]]:
    """Serial and moment of each revoked certificate that would still hold, of every network: one broker, one list."""
    rows = db.execute(
        select(certificates.c.serial, certificates.c.revoked_at)
        .where(certificates.c.revoked_at.is_not(None), certificates.c.holds_until > now)
        .order_by(certificates.c.revoked_at, certificates.c.serial)
    )
    return [(int(row.serial), row.revoked_at) for row in rows]


def holds_until(work: Work, controller: ControllerId) -> datetime | None:
    """The end of the newest certificate of a controller that is believed; None without one."""
    theirs = (certificates.c.controller_id == controller) & certificates.c.revoked_at.is_(None)
    newest = select(func.max(certificates.c.holds_until)).where(theirs, work.visible(certificates))
    return work.db.execute(newest).scalar()
