"""The SQL of letters."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, Column, Connection, Index, Integer, Row, String, UniqueConstraint, insert, select, update
from sqlalchemy.exc import IntegrityError

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_cloud.letters.models import NO_ADDRESS, TOO_LATE, Enclosed, Letter, Outcome, Posted, packed, unpacked
from aldaba_shared.ids import NetworkId, SiteId

letters = scoped_table(
    "letters",
    Column("id", String(40), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("key", String(160), nullable=False),
    Column("about", String(40), nullable=False),
    Column("address", String(254), nullable=False),
    Column("language", String(8), nullable=False),
    Column("facts", JSON, nullable=False),
    Column("enclosed", JSON, nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=True, index=True),
    Column("until", UtcDateTime, nullable=True),
    Column("tries", Integer, nullable=False),
    Column("sent_at", UtcDateTime, nullable=True),
    Column("why", String(200), nullable=False),
    UniqueConstraint("network_id", "key"),
    Index("ix_letters_network_id_written_at", "network_id", "written_at"),
)
"""`due_at` is empty once a letter left or nobody tries any more; address and `why` once it is forgotten."""
REMEMBERED = (letters.c.address != "") | (letters.c.why != "")
FORGOTTEN: Final[dict[str, Any]] = {"address": "", "about": "", "facts": {}, "enclosed": [], "why": "", "due_at": None}


def add(work: Work, site: SiteId, letter: Letter) -> bool:
    """Keep a letter; False when one was written under its key before."""
    row = {
        "id": work.new_id("ltr"),
        "kind": letter.kind,
        "key": letter.key,
        "about": letter.about,
        "address": letter.to,
        "language": letter.language,
        "facts": packed(letter.facts),
        "enclosed": [_packed_file(one) for one in letter.enclosed],
        "written_at": work.now,
        "due_at": (letter.due_at or work.now) if letter.to else None,
        "until": letter.until,
        "tries": 0,
        "sent_at": None,
        "why": "" if letter.to else NO_ADDRESS,
    }
    try:
        with work.db.begin_nested():
            work.db.execute(insert(letters), row | work.stamp(site))
    except IntegrityError:
        return False
    return True


def withdraw(work: Work, key: str) -> bool:
    """Take back a letter that has not left; False when it has, or there is none."""
    mine = (letters.c.key == key) & letters.c.due_at.is_not(None) & work.writable(letters)
    return work.db.execute(letters.delete().where(mine)).rowcount > 0


def find(work: Work, letter: str) -> Posted | None:
    """One letter, if the caller may see it."""
    row = work.db.execute(select(letters).where(letters.c.id == letter, work.visible(letters))).first()
    return _posted(row) if row else None


def newest(work: Work, outcome: Outcome | None = None, limit: int = 100) -> list[Posted]:
    """The newest letters, of one outcome or all."""
    seen = work.visible(letters) & REMEMBERED
    if outcome is Outcome.SENT:
        seen &= letters.c.sent_at.is_not(None)
    elif outcome is not None:
        waits = letters.c.due_at.is_not(None)
        seen &= letters.c.sent_at.is_(None) & (waits if outcome is Outcome.WAITING else ~waits)
    rows = work.db.execute(select(letters).where(seen).order_by(letters.c.written_at.desc(), letters.c.id).limit(limit))
    return [_posted(row) for row in rows]


def set_due(work: Work, letter: str, address: str) -> bool:
    """Try a letter again, at this address, from the first try on; False if the caller sees no such one."""
    mine = (letters.c.id == letter) & work.writable(letters)
    again = {"address": address, "due_at": work.now, "until": None, "tries": 0, "sent_at": None, "why": ""}
    return work.db.execute(update(letters).where(mine).values(again)).rowcount > 0


def due(db: Connection, now: datetime, limit: int) -> list[Posted]:
    """What should leave now, of every network, the longest due first: only whoever sends may ask."""
    rows = db.execute(select(letters).where(letters.c.due_at <= now).order_by(letters.c.due_at).limit(limit))
    return [_posted(row) for row in rows]


def take(db: Connection, posted: Posted, until: datetime) -> bool:
    """Keep a letter from being sent by anybody else until then; False when somebody else was quicker."""
    same = (letters.c.id == posted.id) & (letters.c.due_at == posted.letter.due_at)
    return db.execute(update(letters).where(same).values(due_at=until)).rowcount > 0


def note(db: Connection, letter: str, **values: object) -> None:
    """Keep what became of a try."""
    db.execute(update(letters).where(letters.c.id == letter).values(values))


def give_up_late(db: Connection, now: datetime) -> int:
    """Send no more what would come too late; answers how many."""
    late = letters.c.due_at.is_not(None) & (letters.c.until <= now)
    return db.execute(update(letters).where(late).values(due_at=None, why=TOO_LATE)).rowcount


def forget_before(db: Connection, moment: datetime) -> None:
    """Forget to whom and what was written before a moment and is settled; that it was written stays known."""
    old = letters.c.due_at.is_(None) & (letters.c.written_at < moment) & REMEMBERED
    db.execute(update(letters).where(old).values(FORGOTTEN))


def forget_people(work: Work, about: Iterable[str]) -> None:
    """Forget what was written to some people, and send nothing more of it."""
    theirs = letters.c.about.in_(sorted(about)) & work.writable(letters)
    work.db.execute(update(letters).where(theirs).values(FORGOTTEN))


def _packed_file(one: Enclosed) -> dict[str, str]:
    told = {"name": one.name, "media_type": one.media_type}
    if one.source:
        return told | {"source": one.source, "ref": one.ref}
    return told | {"content": b64encode(one.content).decode()}


def _file(kept: dict[str, str]) -> Enclosed:
    return Enclosed(
        name=kept["name"],
        media_type=kept["media_type"],
        content=b64decode(kept.get("content", "")),
        source=kept.get("source", ""),
        ref=kept.get("ref", ""),
    )


def _posted(row: Row[Any]) -> Posted:
    letter = Letter(
        kind=row.kind,
        key=row.key,
        to=row.address,
        facts=unpacked(row.facts),
        language=row.language,
        enclosed=tuple(_file(one) for one in row.enclosed),
        about=row.about,
        due_at=row.due_at,
        until=row.until,
    )
    return Posted(
        id=row.id,
        network=NetworkId(row.network_id),
        site=SiteId(row.site_id),
        letter=letter,
        written_at=row.written_at,
        tries=row.tries,
        sent_at=row.sent_at,
        why=row.why,
    )
