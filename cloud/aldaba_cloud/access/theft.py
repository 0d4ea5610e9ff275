"""What a stolen controller gives away, person by person and key set by key set (ADR 26)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from aldaba_cloud.access import store
from aldaba_cloud.access.publish import Published, publish
from aldaba_cloud.access.service import taps_of
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import key_sets
from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.fleet import store as fleet_store
from aldaba_cloud.fleet.card_keys import change_digest_key, controller_keys, in_use, versions_at
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import IssuedCredential
from aldaba_cloud.places import store as places
from aldaba_shared.ids import ControllerId, CredentialId, HolderId
from aldaba_shared.keys import GUESSABLE, MADE, CredentialKind


class Remedy(StrEnum):
    """What takes the worth out of what was stolen."""

    GIVE_ANOTHER_CARD = "give_another_card"
    CHANGE_PIN = "change_pin"
    MAKE_NEW_CODES = "make_new_codes"
    MAKE_NEW_KEYS = "make_new_keys"
    TAP_ONCE = "tap_once"


REMEDIES: Final = {
    CredentialKind.UID: Remedy.GIVE_ANOTHER_CARD,
    CredentialKind.WIEGAND: Remedy.GIVE_ANOTHER_CARD,
    CredentialKind.PIN: Remedy.CHANGE_PIN,
    CredentialKind.EMERGENCY: Remedy.MAKE_NEW_CODES,
}
"""One for each kind of `GUESSABLE`."""


@dataclass(frozen=True, slots=True)
class AtRisk:
    """One thing that a thief of a controller may use, and what to do about it; a key set is nobody's."""

    what: str
    remedy: Remedy
    holder: HolderId | None = None
    name: str = ""
    credential: CredentialId | None = None
    label: str = ""


def at_risk(work: Work, controller: ControllerId) -> list[AtRisk]:
    """What a controller's rules and keys give away: short numbers, and the keys of the site's own cards.

    Raises:
        Missing: no such controller within the caller's sight.
    """
    found = fleet_store.find_controller(work, controller)
    if found is None:
        raise Missing("controller", controller)
    sets = versions_at(key_sets.every_set(work), found.site)
    return [
        *(AtRisk(f"card keys, set {version}", Remedy.MAKE_NEW_KEYS) for version in sets),
        *sorted(_short_numbers(work, controller), key=lambda one: (one.name, one.label)),
    ]


def _short_numbers(work: Work, controller: ControllerId) -> Iterator[AtRisk]:
    """Credentials whose digests can be tried out, of those the controller was last told of."""
    guessable = {kind.value: kind for kind in GUESSABLE}
    rows = (row.decoded() for row in store.published(work, controller))
    known = {row.values[1]: row.values[3] for row in rows if row.table == "credential" and row.values[3] in guessable}
    holders = members.holders_by_id(work, None)
    for one, _ in members.credentials_of(work, None):
        if one.id in known and one.enabled:
            name = holders[one.holder].name if one.holder in holders else ""
            yield AtRisk(known[one.id], REMEDIES[one.kind], one.holder, name, one.id, one.label)


def retire(work: Work, controller: ControllerId, keyring: Keyring) -> list[AtRisk]:
    """Believe nothing more of a controller, have its peers forget it, and say what it knew.

    Raises:
        Missing: no such controller in use within the caller's sight.
    """
    known = at_risk(work, controller)
    fleet.retire(work, controller)
    found = fleet_store.find_controller(work, controller)
    if found is not None:
        publish(work, found.site, keyring, controller_keys(work, keyring), whom=())
    return known


@dataclass(frozen=True, slots=True)
class Waiting:
    """A card made with an older set, that no door has brought to the newest one."""

    credential: IssuedCredential
    name: str
    remedy: Remedy


def waiting(work: Work, version: int) -> list[Waiting]:
    """The cards that dropping a set would shut out, as far as the books of connected doors tell.

    A DESFire card that was let in since a newer set came has been brought to it
    by the door; a tag cannot be, and neither can a card nobody tapped.

    Raises:
        Missing: no such set in use within the caller's sight.
    """
    sets = {one.version: one for one in in_use(work)}
    if version not in sets:
        raise Missing("key set", str(version))
    newer = [one.made_at for one in sets.values() if one.version > version and one.site == sets[version].site]
    moved = _tapped_since(work, min(newer)) if newer else frozenset()
    holders = members.holders_by_id(work, None)
    found = (
        Waiting(one, holders[one.holder].name if one.holder in holders else "", _to_move(one.kind))
        for one, _ in members.credentials_of(work, None)
        if one.enabled and one.kind in MADE and one.id not in moved and not any(one.issued_at >= at for at in newer)
    )
    return sorted(found, key=lambda one: (one.name, one.credential.label))


def _to_move(kind: CredentialKind) -> Remedy:
    return Remedy.TAP_ONCE if kind is CredentialKind.DESFIRE else Remedy.GIVE_ANOTHER_CARD


def _tapped_since(work: Work, moment: datetime) -> frozenset[CredentialId]:
    """The DESFire cards that were let in since."""
    taps = (one.event for site in places.list_sites(work) for one in taps_of(work, site.id, at=moment))
    return frozenset(
        one.facts.credential.id
        for one in taps
        if one.facts.credential is not None and one.shown.kind is CredentialKind.DESFIRE and one.decision.granted
    )


def rekey(work: Work, controller: ControllerId, keyring: Keyring) -> list[Published]:
    """Give a controller another key to know cards by, and rules under both; nobody has to tap for it.

    Raises:
        Missing: no such controller in use within the caller's sight, or it has no rules yet.
        Unusable: its last change of key is not confirmed yet.
    """
    newest = store.newest_generation(work, controller)
    found = fleet_store.find_controller(work, controller)
    if newest is None or found is None:
        raise Missing("controller with rules", controller)
    change_digest_key(work, controller, keyring, (newest.epoch, newest.version))
    return publish(work, found.site, keyring, controller_keys(work, keyring))
