"""A granted visit, as the books keep it: what the benches write, send and take in."""

from datetime import UTC, datetime, timedelta

from aldaba_shared.decide import DoorNow, PresenceNow, Presented, Side, decide
from aldaba_shared.events import AccessDecided
from aldaba_shared.ids import ContractId, CredentialId, DoorId, HolderId, RightId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.rules import Credential, Facts, Right
from aldaba_shared.schedule import Window, weekly

NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


def granted_visit(holder: str = "holder-0001", door: str = "front", at: datetime = NOON) -> AccessDecided:
    """A member in good standing at the street door."""
    office_hours = weekly("Europe/Madrid", {day: [Window(8 * 60, 20 * 60)] for day in range(5)})
    end = NOON + timedelta(days=30)
    right = Right(RightId("right-1"), office_hours, NOON - timedelta(days=30), end, ContractId("c1"), renews=True)
    facts = Facts(Credential(CredentialId("card-1"), HolderId(holder), CredentialKind.UID), (right,))
    shown = Presented(DoorId(door), Side.IN, CredentialKind.UID, at)
    now = DoorNow(rules_issued_at=at)
    decision = decide(shown, facts, PresenceNow(), now)
    return AccessDecided(shown, facts.on_day_of(at), PresenceNow(), now, decision, ZoneId("floor"), released=True)
