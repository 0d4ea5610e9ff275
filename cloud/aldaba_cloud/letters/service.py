"""Writing letters, taking them back, sending what is due.

A domain writes in its own transaction, so a letter exists if and only if what it
tells is true (the outbox pattern). The job takes each letter for a while before
it talks to the mail server, outside of any transaction: two processes never send
one letter, and one whose process died is due again. What SMTP cannot promise is
the moment between the server's yes and our note of it; a copy that this makes
carries the same Message-ID.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import structlog

from aldaba_cloud import audit
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.letters import store
from aldaba_cloud.letters.models import UNWRITTEN, Enclosed, Letter, NotAnAddress, Outcome, Posted, address_of, next_try
from aldaba_cloud.letters.wording import NotWritten, mail_of
from aldaba_cloud.mail import Carrier, MailNotSent
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import SiteId

log = structlog.get_logger("aldaba_cloud")

AT_ONCE: Final = 100
"""So many leave in one run of the job."""
TAKEN_FOR: Final = timedelta(minutes=5)
KEPT: Final = timedelta(days=90)
MOST_WHY: Final = 200

Maker = Callable[[Work, str], bytes]
"""Makes an enclosed file anew, from the name of what it shows."""


@dataclass(frozen=True, slots=True)
class PostOffice:
    """How letters leave, and who makes what they enclose by name."""

    carrier: Carrier
    config: Config
    makers: Mapping[str, Maker] = field(default_factory=lambda: MappingProxyType({}))


def write(work: Work, site: SiteId, letter: Letter) -> bool:
    """Write a letter in this transaction; False when one with its key was written before."""
    return store.add(work, site, letter)


def withdraw(work: Work, key: str) -> bool:
    """Take back a letter that has not left; False when it has, or there is none."""
    return store.withdraw(work, key)


def send_again(work: Work, letter: str, address: str = "") -> None:
    """Send a letter again, or at last, to its address or another one.

    Raises:
        Missing: the caller sees no such letter.
        NotAnAddress: nobody could get it there.
    """
    found = store.find(work, letter)
    if found is None:
        raise Missing("letter", letter)
    to = address_of(address or found.letter.to)
    if not to:
        raise NotAnAddress
    store.set_due(work, letter, to)
    audit.note(work, found.site, "letter_sent_again", letter, kind=found.letter.kind)


def send_due(database: Database, office: PostOffice, now: datetime) -> int:
    """Send what is due; answers how many letters left. Without a mail server they wait."""
    with database.write() as db:
        store.give_up_late(db, now)
        store.forget_before(db, now - KEPT)
    if not office.config.smtp_host:
        return 0
    with database.read() as db:
        waiting = store.due(db, now, AT_ONCE)
    return sum(_sent(database, office, one, now) for one in waiting)


def _sent(database: Database, office: PostOffice, posted: Posted, now: datetime) -> bool:
    with database.write() as db:
        if not store.take(db, posted, now + TAKEN_FOR):
            return False
    why, again = _tried(database, office, posted, now)
    outcome = {"tries": posted.tries + 1, "due_at": again, "why": why[:MOST_WHY], "sent_at": None if why else now}
    with database.write() as db:
        store.note(db, posted.id, **outcome)
    told = Outcome.WAITING if again else Outcome.FAILED if why else Outcome.SENT
    log.info("letter_tried", letter=posted.id, kind=posted.letter.kind, tries=posted.tries + 1, outcome=told.value)
    return not why


def _tried(database: Database, office: PostOffice, posted: Posted, now: datetime) -> tuple[str, datetime | None]:
    """Try once: why it did not leave, empty when it did, and when to try again."""

    def made(one: Enclosed) -> bytes:
        if one.source not in office.makers:
            raise NotWritten(posted.letter.kind, f"nobody makes {one.source!r}")
        with database.read() as db:
            return office.makers[one.source](Work(db, Scope(posted.network), now, "letters"), one.ref)

    try:
        office.carrier.carry(mail_of(posted, office.config.base_url, office.config.mail_from, made))
    except MailNotSent as error:
        return str(error), None if error.final else next_try(posted.tries + 1, now)
    except AldabaError as error:
        # Without the traceback: what it shows of a letter may be personal.
        log.error("letter_not_written", letter=posted.id, kind=posted.letter.kind, why=error.code)  # noqa: TRY400 -- see above
        return f"{UNWRITTEN}: {error}", None
    return "", None
