"""Cards that nobody has, tapped somewhere: what the desk gives to a member with one press.

A door seals the number of an unknown card for us and keeps none itself
(`aldaba_shared.sealed_number`). Here it is opened in memory, to show each card
once however often it was tapped, and to enrol it; it is neither shown nor kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row

from aldaba_cloud.access import service
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.fleet import books
from aldaba_cloud.keyring import NUMBERS, Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members.models import IssuedCredential
from aldaba_cloud.members.service import NewCredential
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import AccessDecided, read_line
from aldaba_shared.ids import ControllerId, DoorId, HolderId, SiteId
from aldaba_shared.keys import CredentialKind, cloneable
from aldaba_shared.sealed_number import open_number
from aldaba_shared.wire import Malformed

SHOWN_FOR: Final = timedelta(hours=24)
MOST: Final = 200
"""Lines that are looked at: a card that is tapped all day is one card."""
JUST_BEFORE: Final = timedelta(seconds=60)
"""Who was let in at the same door so shortly before is offered first: they hold the old card and the new one."""


class NoNumber(Unusable):
    """A door told that it saw an unknown card, and not which."""

    code = "card_untold"

    def __init__(self) -> None:
        super().__init__(
            "The door did not say which card it was: its rules are older than that, or the keys of this service were "
            "changed. Tap the card again once the door has the newest rules."
        )


@dataclass(frozen=True, slots=True)
class Tapped:
    """Which line of which journal tells of a card."""

    controller: ControllerId
    journal: str
    sequence: int


@dataclass(frozen=True, slots=True)
class UnknownCard:
    """A card nobody has, where it was tapped last, and how often lately."""

    tapped: Tapped
    site: SiteId
    door: DoorId
    kind: CredentialKind
    at: datetime
    received_at: datetime
    number: bytes = field(repr=False)
    times: int = 1

    @property
    def cloneable(self) -> bool:
        """Whether anybody who comes near it can copy it."""
        return cloneable(self.kind)


def unknown_cards(work: Work, site: SiteId, keyring: Keyring, *, since: datetime | None = None) -> list[UnknownCard]:
    """The cards of a site nobody has, each once, the newest first."""
    rows = books.unknown_cards(work, site, since=since or work.now - SHOWN_FOR, limit=MOST)
    found: dict[tuple[CredentialKind, bytes], UnknownCard] = {}
    times: dict[tuple[CredentialKind, bytes], int] = {}
    for card in _opened(rows, keyring):
        which = (card.kind, card.number)
        times[which] = times.get(which, 0) + 1
        found.setdefault(which, card)
    return [
        _counted(card, times[which])
        for which, card in found.items()
        if not members.is_known(work, card.kind, card.number, keyring)
    ]


def find_card(work: Work, tapped: Tapped, keyring: Keyring) -> UnknownCard:
    """The card a line tells of.

    Raises:
        Missing: the caller sees no such line, or it tells of no unknown card.
        NoNumber: the door did not say which card it was.
    """
    row = books.find_event(work, tapped.controller, tapped.journal, tapped.sequence)
    event = _answer(row) if row is not None else None
    if row is None or event is None:
        raise Missing("card", f"{tapped.controller}/{tapped.journal}/{tapped.sequence}")
    card = _card(row, event, keyring)
    if card is None:
        raise NoNumber
    return card


def just_before(work: Work, card: UnknownCard) -> HolderId | None:
    """Who was let in at the same door a moment before: probably whoever holds the card."""
    return books.let_in_before(work, card.door, card.site, at=card.at, within=JUST_BEFORE)


def give(work: Work, tapped: Tapped, holder: HolderId, label: str, keyring: Keyring) -> IssuedCredential:
    """Enrol a card that was tapped, for a member; doors learn it at once.

    Raises:
        Missing: no such line, or no such holder, within the caller's sight.
        NoNumber: the door did not say which card it was.
        CardTaken: it was given to somebody meanwhile.
    """
    card = find_card(work, tapped, keyring)
    return service.issue_credential(work, NewCredential(holder, card.kind, card.number, label), keyring)


def _opened(rows: Iterable[Row[Any]], keyring: Keyring) -> Iterator[UnknownCard]:
    for row in rows:
        event = _answer(row)
        card = _card(row, event, keyring) if event is not None else None
        if card is not None:
            yield card


def _answer(row: Row[Any]) -> AccessDecided | None:
    try:
        event = read_line(bytes(row.body)).event
    except AldabaError:
        return None
    return event if isinstance(event, AccessDecided) else None


def _card(row: Row[Any], event: AccessDecided, keyring: Keyring) -> UnknownCard | None:
    """None where the door told no number, or one that does not open: a hostile controller may write anything."""
    tapped = Tapped(ControllerId(row.controller_id), row.journal, row.sequence)
    kind, sealed = event.shown.kind, event.number
    try:
        number = open_number(keyring.secret(NUMBERS), tapped.controller, kind, sealed) if sealed else None
    except Malformed:
        return None
    if number is None:
        return None
    return UnknownCard(tapped, SiteId(row.site_id), event.shown.door, kind, row.at, row.received_at, number)


def _counted(card: UnknownCard, times: int) -> UnknownCard:
    return UnknownCard(card.tapped, card.site, card.door, card.kind, card.at, card.received_at, card.number, times)
