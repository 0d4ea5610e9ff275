"""Letters, what they enclose, and when to try again. Pure.

A letter is a kind (the name of its template), a key and some facts. The key says
what the letter is about, such as `confirmed:bkg_1:0`: a letter is written once for
a key, however often somebody asks for it. Its words are put together when it is
sent, so what is kept is facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from aldaba_cloud.errors import Unusable
from aldaba_shared.ids import NetworkId, SiteId

TRIES_AFTER: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 3 * 60, 6 * 60, 12 * 60, 24 * 60))
"""How long we wait after each failure; after the last we give up, and the page says so."""
NO_ADDRESS: Final = "no mail address"
UNWRITTEN: Final = "not written"
TOO_LATE: Final = "too late"
MOST_ADDRESS: Final = 254


class Outcome(StrEnum):
    """Where a letter is."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class NotAnAddress(Unusable):
    """No mail could be sent there."""

    code = "not_an_address"

    def __init__(self) -> None:
        super().__init__("That is no mail address. Write one such as marta@example.org.")


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A file that goes with a letter: its bytes, or the name of who makes it (`source`) and of what (`ref`).

    What is large and can be made again is named; what shows a moment is kept.
    """

    name: str
    media_type: str
    content: bytes = b""
    source: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """Something to tell one person.

    `to` is a mail address; whoever has none is shown to staff, who may tell them.
    `facts` are what its template names: texts, numbers, truths, instants, days,
    time zones, and lists and mappings of them. Not sent before `due_at`, nor
    after `until`.
    """

    kind: str
    key: str
    to: str
    facts: Mapping[str, Any]
    language: str = "es"
    enclosed: tuple[Enclosed, ...] = ()
    about: str = ""
    """Whom it is for, by the id of a holder or a company."""
    due_at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """A letter in the books."""

    id: str
    network: NetworkId
    site: SiteId
    letter: Letter
    written_at: datetime
    tries: int = 0
    sent_at: datetime | None = None
    why: str = field(default="", repr=False)
    """Why the last try failed; may name the address."""

    @property
    def outcome(self) -> Outcome:
        """Whether it left, waits, or nobody tries any more."""
        if self.sent_at is not None:
            return Outcome.SENT
        return Outcome.FAILED if self.letter.due_at is None else Outcome.WAITING


def next_try(tries: int, now: datetime) -> datetime | None:
    """When to try again after this many failures; None to give up."""
    return now + TRIES_AFTER[tries - 1] if tries <= len(TRIES_AFTER) else None


def address_of(contact: str) -> str:
    """The mail address in a holder's contact, which may be a telephone number; empty where there is none."""
    address = contact.strip()
    name, _, domain = address.rpartition("@")
    plain = address.isprintable() and not any(one in address for one in ' ,;<>"()')
    return address if name and domain and plain and len(address) <= MOST_ADDRESS else ""


def packed(fact: Any) -> Any:  # noqa: ANN401 -- whatever a template shows
    """A fact as JSON takes it; `unpacked` gives it back."""
    match fact:
        case datetime():
            return {"$at": fact.astimezone(UTC).isoformat()}
        case date():
            return {"$day": fact.isoformat()}
        case ZoneInfo():
            return {"$zone": fact.key}
        case Mapping():
            return {str(name): packed(one) for name, one in fact.items()}
        case list() | tuple():
            return [packed(one) for one in fact]
        case _:
            return fact


def unpacked(kept: Any) -> Any:  # noqa: ANN401 -- whatever a template shows
    """A fact as its template wants it."""
    match kept:
        case {"$at": str(at)}:
            return datetime.fromisoformat(at)
        case {"$day": str(day)}:
            return date.fromisoformat(day)
        case {"$zone": str(zone)}:
            return ZoneInfo(zone)
        case dict():
            return {name: unpacked(one) for name, one in kept.items()}
        case list():
            return [unpacked(one) for one in kept]
        case _:
            return kept
