"""What a door still waits for: the second factor of a person, or a second person.

Nothing here decides. `decide` says that a second factor or person is needed;
this module remembers who was shown, for a few seconds, and says on the next
reading what has been shown already. A PIN is never the second factor of a PIN,
nor a card that of a card.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec import Struct

from aldaba_edge.ports import Clock, RulesInForce, Use
from aldaba_shared.decide import Decision, Side
from aldaba_shared.door_rules import DoorRules
from aldaba_shared.ids import CredentialId, DoorId, HolderId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Facts

FACTOR_SECONDS: Final = 15.0
"""Time to type a PIN after a card, or to find the card after a PIN."""
WITHOUT_FACTOR: Final = frozenset({CredentialKind.EMERGENCY})
"""A sealed code works alone: it is for the night on which nothing else does."""


@dataclass(frozen=True, slots=True)
class First:
    """Who was shown first at a side, and what their entry will use up."""

    holder: HolderId
    credential: CredentialId
    typed: bool
    spend: Use | None = None


class Wanted(Struct, frozen=True):
    """What this reading finds asked for, by the names of `DoorNow`."""

    second_factor: bool = False
    first_factor: CredentialId | None = None
    persons_needed: int = 1
    first_person: HolderId | None = None


NOTHING_WANTED: Final = Wanted()


class Factors:
    """The first factors and first persons at the sides of one door."""

    def __init__(
        self, door: DoorId, clock: Clock, rules: RulesInForce, expired: Callable[[Side], None] = lambda _side: None
    ) -> None:
        self._door = door
        self._expired = expired
        self._clock = clock
        self._rules = rules
        self._factors: dict[Side, First] = {}
        self._persons: dict[Side, First] = {}

    def wanted(self, side: Side, kind: CredentialKind, facts: Facts, at: datetime) -> Wanted:
        """What is asked of this credential, given what was shown before it; nothing toward the street."""
        if side is Side.EGRESS or kind in WITHOUT_FACTOR:
            return NOTHING_WANTED
        rules = self._rules.door_rules(self._door)
        holder = facts.credential.holder if facts.credential is not None else None
        first, person = self.first(side), self._persons.get(side)
        shown = first is not None and first.holder == holder and first.typed is not _typed(kind)
        return Wanted(
            second_factor=self._factor_asked(rules, kind, at) and not shown,
            first_factor=first.credential if first is not None and shown else None,
            persons_needed=rules.persons,
            first_person=person.holder if person is not None else None,
        )

    def first(self, side: Side) -> First | None:
        """The factor that waits for its second at a side."""
        return self._factors.get(side)

    def answered(
        self, side: Side, kind: CredentialKind, facts: Facts, decision: Decision, *, spend: Use | None
    ) -> First | None:
        """Remember what the answer asks for; the first person, when this grant was for two."""
        credential = facts.credential
        if credential is None:
            return None
        if decision.reason is Reason.SECOND_FACTOR_NEEDED:
            self._wait(self._factors, side, First(credential.holder, credential.id, _typed(kind)), FACTOR_SECONDS)
            return None
        self._factors.pop(side, None)
        if decision.reason is Reason.SECOND_PERSON_NEEDED:
            seconds = self._rules.door_rules(self._door).second_person_seconds
            self._wait(self._persons, side, First(credential.holder, credential.id, _typed(kind), spend), seconds)
            return None
        return self._persons.pop(side, None) if decision.granted else None

    def _factor_asked(self, rules: DoorRules, kind: CredentialKind, at: datetime) -> bool:
        if _typed(kind) and not rules.pin_alone:
            return True
        schedule = self._rules.schedule(rules.second_factor) if rules.second_factor is not None else None
        return schedule is not None and schedule.covers(at)

    def _wait(self, known: dict[Side, First], side: Side, first: First, seconds: float) -> None:
        """Remember who was shown first, for so long."""
        known[side] = first

        def over() -> None:
            if known.get(side) is first:
                del known[side]
                self._expired(side)

        self._clock.call_later(seconds, over)


def _typed(kind: CredentialKind) -> bool:
    return kind is CredentialKind.PIN
