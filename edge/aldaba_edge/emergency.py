"""A sealed one-time code at a keypad: known by the rules, good once, and an alarm."""

from typing import Final

from msgspec.structs import replace

from aldaba_edge.ports import KEPT_FOR_EVER, Use, Uses
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential, Facts

USES: Final = 1


def is_emergency(credential: Credential) -> bool:
    """Whether what was typed is a sealed code and nobody's PIN."""
    return credential.kind is CredentialKind.EMERGENCY


def opened(facts: Facts, credential: Credential, uses: Uses) -> tuple[Facts, Use | None]:
    """What the door knows of a code: refused once used, here or at a peer; else the use its entry spends."""
    name = f"emergency {credential.id}"
    if uses.total(name) >= USES:
        return replace(facts, refusal=Reason.PASS_USED_UP), None
    return facts, Use(name, uses.own(name) + 1, credential.valid_until or KEPT_FOR_EVER)
