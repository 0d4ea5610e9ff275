"""What a door makes of a phone's code: whose it is, whether it is proven, and whether it was shown before.

A code that is held to a scanner changes every few seconds, so repeats are told
by credential: whoever was just let in is not answered again until the phone has
been away for a moment.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from aldaba_edge.door_parts import Controller
from aldaba_edge.ports import Use
from aldaba_shared import phone
from aldaba_shared.decide import Side
from aldaba_shared.ids import CredentialId, DoorId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.phone import PhoneCode
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import NOTHING_KNOWN, Credential, Facts

KEPT: Final = timedelta(minutes=1)
"""A code is dead long before; its moment must only outlive it."""
AGAIN_SECONDS: Final = 3.0
"""A phone that was just answered is not answered again for so long."""
AWAY_SECONDS: Final = 5.0
"""One that was let in must be out of sight for so long."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The facts about a code, and what its acceptance would use up."""

    facts: Facts
    spend: Use | None = None


def judged(code: PhoneCode, door: DoorId, shared: Controller) -> Judged:
    """What the rules and the books know of a code; reads the rules, and may raise what they raise."""
    key = shared.digest(CredentialKind.PHONE, code.key_id)
    facts = shared.rules.facts(door, key)
    public = shared.rules.public_key(key)
    credential = facts.credential
    if credential is None or public is None:
        return Judged(NOTHING_KNOWN)
    if not phone.proven(code, public, shared.site):
        return Judged(Facts(refusal=Reason.PASS_UNREADABLE))
    if _shown_before(code, credential, shared):
        return Judged(Facts(credential, facts.rights, Reason.PASS_REPLAYED))
    return Judged(facts, Use(credential.id, code.moment, datetime.fromtimestamp(code.moment / 1000, UTC) + KEPT))


def _shown_before(code: PhoneCode, credential: Credential, shared: Controller) -> bool:
    """Whether the code is out of its time or not newer than the last accepted; without a clock only the latter."""
    if shared.trust.clock_trusted and not code.fits(shared.clock.now()):
        return True
    return code.moment <= shared.uses.latest(credential.id)


class Held:
    """Which phone is being held to each side's scanner."""

    def __init__(self) -> None:
        self._last: dict[Side, tuple[CredentialId, bool, float]] = {}

    def still(self, side: Side, credential: CredentialId, now: float) -> bool:
        """Whether this is the phone that was answered a moment ago; one that was let in is then held for longer."""
        last, granted, until = self._last.get(side, ("", False, 0.0))
        if last != credential or now >= until:
            return False
        if granted:
            self._last[side] = (credential, granted, now + AWAY_SECONDS)
        return True

    def answered(self, side: Side, credential: CredentialId, now: float, *, granted: bool) -> None:
        """It was answered now."""
        self._last[side] = (credential, granted, now + (AWAY_SECONDS if granted else AGAIN_SECONDS))
