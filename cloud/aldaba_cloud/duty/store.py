"""The SQL of duty: contacts, what is on its way to them, and how far each has been told."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    Row,
    String,
    delete,
    insert,
    select,
    update,
)

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_cloud.duty.models import Channel, Contact, Delivery
from aldaba_shared.ids import SiteId

Serial = BigInteger().with_variant(Integer, "sqlite")

contacts = scoped_table(
    "duty_contacts",
    Column("id", String(40), primary_key=True),
    Column("channel", String(20), nullable=False),
    Column("address", String(400), nullable=False),
    Column("language", String(8), nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("told_alarm", BigInteger, nullable=False),
)
deliveries = scoped_table(
    "duty_deliveries",
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("alarm_id", BigInteger, nullable=False),
    Column("contact_id", String(40), nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=True, index=True),
    Column("sent_at", UtcDateTime, nullable=True),
    Column("why", String(200), nullable=False),
)


def add_contact(work: Work, contact: Contact, told: int) -> None:
    """Keep a contact; they hear of what happens after the alarm that is named."""
    row = {
        "id": contact.id,
        "channel": contact.channel.value,
        "address": contact.address,
        "language": contact.language,
        "kinds": list(contact.kinds),
        "sealed_secret": contact.sealed_secret,
        "told_alarm": told,
    }
    work.db.execute(insert(contacts), row | work.stamp(contact.site))


def list_contacts(work: Work) -> list[Contact]:
    """Everybody on duty that the caller may see."""
    rows = work.db.execute(select(contacts).where(work.visible(contacts)).order_by(contacts.c.site_id, contacts.c.id))
    return [_contact(row) for row in rows]


def find_contact(work: Work, contact: str) -> Contact | None:
    """One contact, if the caller may see it."""
    row = work.db.execute(select(contacts).where(contacts.c.id == contact, work.visible(contacts))).first()
    return _contact(row) if row else None


def remove_contact(work: Work, contact: str) -> bool:
    """Forget a contact and what was on its way to it; False if the caller sees no such one."""
    work.db.execute(delete(deliveries).where(deliveries.c.contact_id == contact, work.writable(deliveries)))
    return work.db.execute(delete(contacts).where(contacts.c.id == contact, work.writable(contacts))).rowcount > 0


def told(work: Work, contact: str) -> int:
    """The number of the last alarm a contact was told of, or spared."""
    found = select(contacts.c.told_alarm).where(contacts.c.id == contact, work.visible(contacts))
    return int(work.db.execute(found).scalar_one())


def set_told(work: Work, contact: str, alarm: int) -> None:
    """Note how far a contact has been told."""
    mine = (contacts.c.id == contact) & work.writable(contacts)
    work.db.execute(update(contacts).where(mine).values(told_alarm=alarm))


def add_deliveries(work: Work, contact: Contact, alarms: Iterable[int]) -> None:
    """Put alarms on their way."""
    fresh = {"contact_id": contact.id, "tries": 0, "due_at": work.now, "sent_at": None, "why": ""}
    rows = [fresh | {"alarm_id": alarm} | work.stamp(contact.site) for alarm in alarms]
    if rows:
        work.db.execute(insert(deliveries), rows)


def due(work: Work, limit: int = 50) -> list[Delivery]:
    """What should be sent now, oldest first."""
    waiting = work.visible(deliveries) & (deliveries.c.due_at <= work.now)
    return [
        _delivery(row)
        for row in work.db.execute(select(deliveries).where(waiting).order_by(deliveries.c.id).limit(limit))
    ]


def save_outcome(work: Work, delivery: int, *, sent: bool, due_at: datetime | None, why: str) -> None:
    """Note what became of a try."""
    mine = (deliveries.c.id == delivery) & work.writable(deliveries)
    values = {
        "tries": deliveries.c.tries + 1,
        "due_at": due_at,
        "sent_at": work.now if sent else None,
        "why": why[:200],
    }
    work.db.execute(update(deliveries).where(mine).values(values))


def newest_delivery(work: Work, contact: str) -> Delivery | None:
    """The last thing that was on its way to a contact."""
    theirs = (deliveries.c.contact_id == contact) & work.visible(deliveries)
    row = work.db.execute(select(deliveries).where(theirs).order_by(deliveries.c.id.desc()).limit(1)).first()
    return _delivery(row) if row else None


def forget_before(db: Connection, moment: datetime) -> None:
    """Drop what was settled long ago, in every network."""
    db.execute(delete(deliveries).where(deliveries.c.due_at.is_(None), deliveries.c.sent_at < moment))


def _contact(row: Row[Any]) -> Contact:
    return Contact(
        id=row.id,
        site=SiteId(row.site_id),
        channel=Channel(row.channel),
        address=row.address,
        language=row.language,
        kinds=tuple(row.kinds),
        sealed_secret=row.sealed_secret,
    )


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(row.id, row.alarm_id, row.contact_id, row.tries, row.due_at, row.sent_at, row.why)
