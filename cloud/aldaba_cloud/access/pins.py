"""Members' PINs: made by chance, told once, and never asked for again.

Nobody chooses a PIN, so none is a birthday or four zeros, and nobody learns
from a refusal that a PIN is somebody else's. A PIN is one person's in the whole
network; a new one ends those before it. The PIN of duress differs from the
person's own in more than one digit, so that no slip calls for help.
"""

import secrets
from dataclasses import dataclass, field
from typing import Final

from aldaba_cloud import audit
from aldaba_cloud.access.publish import people_of, site_rules
from aldaba_cloud.access.service import publish_everywhere
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members.models import Holder, HolderKind, IssuedCredential
from aldaba_cloud.members.service import NewCredential
from aldaba_cloud.places.models import Door
from aldaba_shared.ids import HolderId
from aldaba_shared.keys import CredentialKind

DIGITS: Final = 6
LABEL: Final = "PIN"
LEAST_DIFFERENT: Final = 2


@dataclass(frozen=True, slots=True)
class PinsMade:
    """What is shown once and kept only sealed."""

    pin: str = field(repr=False)
    duress: str | None = field(default=None, repr=False)


def set_pin(work: Work, holder: HolderId, keyring: Keyring, *, duress: bool) -> PinsMade:
    """Give a holder a new PIN, and one of duress if wanted, in place of those before; the doors learn it.

    Raises:
        Missing: no such holder within the caller's sight.
    """
    known = _known(work, holder)
    _end(work, holder)
    pin = _fresh(work, keyring, unlike="")
    made = PinsMade(pin, _fresh(work, keyring, unlike=pin) if duress else None)
    wanted = [_credential(known, pin, duress=False)]
    wanted += [_credential(known, made.duress, duress=True)] if made.duress is not None else []
    for one in members.issue_many(work, wanted, keyring):
        audit.note(work, known.site, "pin_set", one.id, holder=holder)
    publish_everywhere(work, keyring, [holder])
    return made


def drop_pin(work: Work, holder: HolderId, keyring: Keyring) -> int:
    """End a holder's PINs; how many there were.

    Raises:
        Missing: no such holder within the caller's sight.
    """
    _known(work, holder)
    ended = _end(work, holder)
    publish_everywhere(work, keyring, [holder])
    return ended


def pins_of(work: Work, holder: HolderId) -> list[IssuedCredential]:
    """The PINs of a holder that are in use, without their digits."""
    carried = members_store.credentials_of(work, [holder])
    return [one for one, _sealed in carried if one.kind is CredentialKind.PIN and one.enabled]


def without_pin(work: Work, door: Door, keyring: Keyring) -> list[Holder]:
    """Who may enter a door and has no PIN in use, by name: they stay outside while the door asks for one.

    Guests and others who come with a pass have none, and are nobody's rights here.
    """
    people = people_of(work, keyring)
    rules = site_rules(work, door.site)
    entitled = {one.holder for one in rules.entitlements(people) if one.door == door.id}
    carried = members_store.credentials_of(work, sorted(entitled)) if entitled else []
    having = {one.holder for one, _sealed in carried if one.kind is CredentialKind.PIN and one.enabled}
    known = members_store.holders_by_id(work, entitled - having).values()
    return sorted((one for one in known if one.kind is not HolderKind.EMERGENCY_KEY), key=lambda one: one.name)


def _known(work: Work, holder: HolderId) -> Holder:
    found = members_store.find_holder(work, holder)
    if found is None:
        raise Missing("holder", holder)
    return found


def _end(work: Work, holder: HolderId) -> int:
    in_use = pins_of(work, holder)
    for one in in_use:
        members.revoke(work, one.id, "replaced")
    return len(in_use)


def _fresh(work: Work, keyring: Keyring, *, unlike: str) -> str:
    """Digits that were never anybody's, and no slip of a finger away from others."""
    while True:
        digits = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
        differing = sum(one != other for one, other in zip(digits, unlike, strict=False))
        if unlike and differing < LEAST_DIFFERENT:
            continue
        if not members.is_known(work, CredentialKind.PIN, digits.encode("ascii"), keyring):
            return digits


def _credential(holder: Holder, digits: str, *, duress: bool) -> NewCredential:
    canonical = digits.encode("ascii")
    return NewCredential(holder.id, CredentialKind.PIN, canonical, LABEL, site=holder.site, duress=duress)
