"""Rounds: choose some members, tap card after card at one door, and each is given to the next."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from aldaba_cloud import audit
from aldaba_cloud.access import round_store as store
from aldaba_cloud.access import service
from aldaba_cloud.access.round_store import CardRound
from aldaba_cloud.access.unknown_cards import UnknownCard, unknown_cards
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import Holder, IssuedCredential
from aldaba_cloud.members.service import NewCredential
from aldaba_cloud.places import store as places
from aldaba_shared.ids import DoorId, HolderId, SiteId

MOST: Final = 500


class NobodyOf(Unusable):
    """A pasted list names people who are not there, or more than one of a name."""

    code = "nobody_of_that_name"

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = tuple(lines)
        super().__init__(f"Each line must name one member, by name or by address. These do not: {'; '.join(lines)}.")


def named(work: Work, text: str) -> list[HolderId]:
    """Whom a pasted list means: a line a person, by name or contact; of a CSV line the first column that fits.

    Raises:
        NobodyOf: a line fits nobody, or several people of the same name.
    """
    known: dict[str, list[Holder]] = {}
    for one in members.list_holders(work):
        for word in {one.name.strip().casefold(), one.contact.strip().casefold()} - {""}:
            known.setdefault(word, []).append(one)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [(line, _fitting(line, known)) for line in lines]
    wrong = [line for line, holder in found if holder is None]
    if wrong:
        raise NobodyOf(wrong)
    return list(dict.fromkeys(holder for _line, holder in found if holder is not None))


def _fitting(line: str, known: dict[str, list[Holder]]) -> HolderId | None:
    for column in (line, *line.replace(";", ",").split(",")):
        fitting = known.get(column.strip().strip('"').casefold(), [])
        if len(fitting) == 1:
            return fitting[0].id
    return None


def begin(work: Work, door: DoorId, holders: Iterable[HolderId]) -> CardRound:
    """Begin a round at a door; only cards tapped from now on count.

    Raises:
        Missing: no such door or holder within the caller's sight.
        Unusable: nobody is named, or too many are.
    """
    found = places.find_door(work, door)
    if found is None:
        raise Missing("door", door)
    wanted = tuple(dict.fromkeys(holders))
    if not wanted or len(wanted) > MOST:
        raise Unusable(f"Name between one and {MOST} members for a round of cards.")
    for holder in wanted:
        if members.find_holder(work, holder) is None:
            raise Missing("holder", holder)
    made = CardRound(work.new_id("rnd"), found.site, door, wanted, (), work.now)
    store.add_round(work, made)
    audit.note(work, found.site, "card_round_begun", made.id, door=door, holders=len(wanted))
    return made


def find_round(work: Work, name: str) -> CardRound:
    """One round.

    Raises:
        Missing: no such one within the caller's sight.
    """
    return _known(work, name)


def unfinished(work: Work, site: SiteId) -> list[CardRound]:
    """The rounds of a site in which somebody still waits for a card, the newest first."""
    return [one for one in store.open_rounds(work, site) if one.next is not None]


def waiting(work: Work, one: CardRound, keyring: Keyring) -> bool:
    """Whether a card was tapped that the next in the round can have."""
    return one.next is not None and bool(_cards(work, one, keyring))


def take(work: Work, name: str, label: str, keyring: Keyring) -> IssuedCredential | None:
    """Give the card that was tapped first to the next in the round; None when no card waits or nobody does.

    Raises:
        Missing: no such round within the caller's sight.
    """
    one = _known(work, name, to_change=True)
    cards = _cards(work, one, keyring)
    if one.next is None or not cards:
        return None
    card = min(cards, key=lambda known: (known.at, known.tapped.sequence))
    issued = service.issue_credential(work, NewCredential(one.next, card.kind, card.number, label), keyring)
    store.save_round(work, replace(one, given=(*one.given, issued.id)))
    return issued


def undo(work: Work, name: str, keyring: Keyring) -> HolderId | None:
    """Take the last card back, as if it had never been given; it must be tapped again. None: nothing was given.

    Raises:
        Missing: no such round within the caller's sight.
    """
    one = _known(work, name, to_change=True)
    if not one.given:
        return None
    last = one.given[-1]
    members.forget_credential(work, last)
    audit.note(work, one.site, "card_taken_back", last, holder=one.holders[len(one.given) - 1])
    store.save_round(work, replace(one, given=one.given[:-1], begun_at=work.now, ended_at=None))
    holder = one.holders[len(one.given) - 1]
    service.publish_everywhere(work, keyring, [holder])
    return holder


def end(work: Work, name: str) -> None:
    """End a round before everybody has a card.

    Raises:
        Missing: no such round within the caller's sight.
    """
    store.save_round(work, replace(_known(work, name, to_change=True), ended_at=work.now))


def _cards(work: Work, one: CardRound, keyring: Keyring) -> list[UnknownCard]:
    cards = unknown_cards(work, one.site, keyring, since=one.begun_at)
    return [card for card in cards if card.door == one.door and card.received_at > one.begun_at]


def _known(work: Work, name: str, *, to_change: bool = False) -> CardRound:
    found = store.find_round(work, name, to_change=to_change)
    if found is None:
        raise Missing("round", name)
    return found
