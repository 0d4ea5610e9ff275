"""Explaining: the very decision of the door, run again; and what it would be for a person, a door and a moment."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aldaba_cloud.access.compile import GOOD, Entitlement, People, SiteRules
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.fleet import books
from aldaba_cloud.members.models import IssuedCredential
from aldaba_shared.decide import Decision, DoorNow, PresenceNow, Presented, Side, decide
from aldaba_shared.events import AccessDecided, read_line
from aldaba_shared.ids import ControllerId, CredentialId, CredentialKey, DoorId, HolderId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.rules import Credential, Facts, MemoryRules, Right

BOTH: Final = 2
"""Something carried and something known."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with the facts it came from; `same` is whether the door had said the same."""

    decision: Decision
    facts: Facts
    same: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """Would this holder pass this door at this moment, with their best card and nothing else in the way?"""

    holder: HolderId
    door: DoorId
    at: datetime
    side: Side = Side.IN


def explain_event(event: AccessDecided) -> Explanation:
    """Run the decision of an event again, on the facts the door saw."""
    decision = event.again()
    return Explanation(decision, event.facts, same=decision.reason is event.decision.reason)


class NoDecision(Unusable):
    """Only an answer to a credential has a reason to explain."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"Line {sequence} is no decision. Pick an event of kind access_decided.")


def explain_kept(work: Work, controller: ControllerId, journal: str, sequence: int) -> Explanation:
    """Explain an event that is in the books."""
    row = books.find_event(work, controller, journal, sequence)
    if row is None:
        raise Missing("event", f"{controller}/{journal}/{sequence}")
    event = read_line(row.body).event
    if not isinstance(event, AccessDecided):
        raise NoDecision(sequence)
    return explain_event(event)


def explain_question(rules: SiteRules, people: People, question: Question) -> Explanation:
    """Decide for a person, a door and a moment by the rules as they are in the cloud now.

    The door is taken as connected, and presence as unknown: passback and a full
    zone are facts of the moment itself.
    """
    facts = facts_of(rules, people, question.holder, question.door)
    kind = facts.credential.kind if facts.credential else CredentialKind.UID
    shown = Presented(question.door, question.side, kind, question.at)
    return Explanation(decide(shown, facts, PresenceNow(), _door_now(rules, people, question)), facts)


def _door_now(rules: SiteRules, people: People, question: Question) -> DoorNow:
    """The door as it asks: for a PIN from whoever has none to show beside their card, and for company."""
    door = rules.place.doors.get(question.door)
    if door is None:
        return DoorNow(rules_issued_at=question.at)
    carried = [one.credential for one in people.cards if one.credential.holder == question.holder]
    kinds = {one.kind is CredentialKind.PIN for one in carried if one.enabled}
    name = door.use.second_factor
    asked = name is not None and rules.schedule(name).covers(question.at)
    missing = len(kinds) < BOTH and (asked or (kinds == {True} and not door.use.pin_alone))
    return DoorNow(rules_issued_at=question.at, second_factor=missing, persons_needed=door.use.persons)


def facts_of(rules: SiteRules, people: People, holder: HolderId, door: DoorId) -> Facts:
    """What the door would know of this holder's best credential: an enabled one before a disabled one."""
    cards = [card.credential for card in people.cards if card.credential.holder == holder]
    best = max(cards, key=_goodness, default=None)
    return FactsNow(rules, people).of_card(best.id, door) if best is not None else Facts()


def _goodness(card: IssuedCredential) -> tuple[bool, bool, datetime]:
    """A card or phone before a PIN, which most doors take only beside one."""
    return card.enabled, card.kind is not CredentialKind.PIN, card.issued_at


class FactsNow:
    """What doors would know of these people's credentials by these rules, worked out once for many questions."""

    def __init__(self, rules: SiteRules, people: People) -> None:
        self._rules = rules
        self._people = people
        self._cards = {card.credential.id: card.credential for card in people.cards}
        self._known = rules.known_here(people)
        self._entitled: dict[tuple[HolderId, DoorId], list[Entitlement]] = defaultdict(list)
        for one in rules.entitlements(people):
            self._entitled[one.holder, one.door].append(one)

    def of_card(self, card: CredentialId, door: DoorId) -> Facts:
        """What this door would know of a credential; nothing if its holder has no business at the site."""
        issued = self._cards.get(card)
        if issued is None or issued.holder not in self._known:
            return Facts()
        key = CredentialKey(issued.id.encode())
        entitled = self._entitled.get((issued.holder, door), ())
        rights = [(door, issued.holder, _right(self._rules, one)) for one in entitled]
        return MemoryRules({key: _credential(self._people, issued)}, rights).facts(door, key)


def _credential(people: People, issued: IssuedCredential) -> Credential:
    holder = people.holders[issued.holder]
    return Credential(
        id=issued.id,
        holder=issued.holder,
        kind=issued.kind,
        enabled=issued.enabled,
        valid_from=issued.valid_from,
        valid_until=issued.valid_until,
        essential=holder.essential,
        long_access=holder.long_access,
        duress=issued.duress,
    )


def _right(rules: SiteRules, one: Entitlement) -> Right:
    """The right a door would find, from the same entitlement that its row is made of."""
    return Right(
        id=one.right_id,
        schedule=rules.schedule(one.schedule),
        valid_from=one.begins_at(rules.zone),
        valid_until=one.ends_at(rules.zone),
        contract=one.contract_id,
        good_standing=one.contract is None or one.contract.standing in GOOD,
        renews=one.renews,
    )
