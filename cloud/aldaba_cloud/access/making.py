"""Making a blank card a site's own: what the desk is given for one card, and its enrolment (ADR 27)."""

from dataclasses import dataclass, field

from aldaba_cloud import audit
from aldaba_cloud.access.service import issue_credential
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.fleet.card_keys import newest_for
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import Holder, IssuedCredential
from aldaba_cloud.members.service import NewCredential
from aldaba_shared.card_keys import UID_BYTES, card_number, key_set, making_keys
from aldaba_shared.ids import HolderId
from aldaba_shared.keys import MADE, CredentialKind


@dataclass(frozen=True, slots=True)
class CardToMake:
    """What the desk needs for one card, and nothing that would make another: all keys but one are this card's own.

    `keys` are key 0, then key 1 and, on a tag, key 2; a tag's key 1 is shared by
    the tags of the set. `number` is empty for a tag, which has its UID.
    """

    kind: CredentialKind
    version: int
    keys: tuple[bytes, ...] = field(repr=False)
    number: bytes = field(repr=False)


def card_to_make(work: Work, holder: HolderId, kind: CredentialKind, uid: bytes, keyring: Keyring) -> CardToMake:
    """The keys with which the desk makes a card; asking again gives the same ones.

    Raises:
        Missing: no such holder within the caller's sight.
        Unusable: the site has no card keys, or cards of this kind are not made.
    """
    found = _holder(work, holder, kind, uid)
    root, version = newest_for(work, found.site, keyring)
    making, reading = making_keys(root, version), key_set(root, version)
    audit.note(work, found.site, "card_keys_given", holder, kind=kind, version=str(version))
    if kind is CredentialKind.DESFIRE:
        keys = (making.desfire(uid), reading.desfire(uid))
        return CardToMake(kind, version, keys, card_number(root, version, uid))
    return CardToMake(kind, version, (making.ntag(uid), reading.sun_meta, reading.sun(uid)), b"")


def enrol_made(
    work: Work, holder: HolderId, made: tuple[CredentialKind, bytes], label: str, keyring: Keyring
) -> IssuedCredential:
    """Enrol a card that was just made, by its kind and UID, and have the doors learn it.

    Raises:
        Missing: no such holder within the caller's sight.
        Unusable: as `card_to_make`.
        CardTaken: it is somebody's already.
    """
    kind, uid = made
    found = _holder(work, holder, kind, uid)
    root, version = newest_for(work, found.site, keyring)
    canonical = card_number(root, version, uid) if kind is CredentialKind.DESFIRE else uid
    return issue_credential(work, NewCredential(holder, kind, canonical, label), keyring)


def _holder(work: Work, holder: HolderId, kind: CredentialKind, uid: bytes) -> Holder:
    if kind not in MADE:
        raise Unusable(f"Cards of the kind {kind} are not made at the desk: enrol them as they are.")
    if len(uid) != UID_BYTES:
        raise Unusable("The card hides its UID. Take a card that was delivered without a random one.")
    found = members.find_holder(work, holder)
    if found is None:
        raise Missing("holder", holder)
    return found
