"""What a stolen controller gives away, person by person and key set by key set (ADR 26)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from aldaba_cloud.access import store
from aldaba_cloud.access.publish import Published, publish
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import key_sets
from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.fleet import store as fleet_store
from aldaba_cloud.fleet.card_keys import change_digest_key, controller_keys, versions_at
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import store as members
from aldaba_shared.ids import ControllerId, CredentialId, HolderId
from aldaba_shared.keys import GUESSABLE


class Remedy(StrEnum):
    """What takes the worth out of what was stolen."""

    GIVE_ANOTHER_CARD = "give_another_card"
    CHANGE_PIN = "change_pin"
    MAKE_NEW_KEYS = "make_new_keys"


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
            remedy = Remedy.CHANGE_PIN if known[one.id] == "pin" else Remedy.GIVE_ANOTHER_CARD
            name = holders[one.holder].name if one.holder in holders else ""
            yield AtRisk(known[one.id], remedy, one.holder, name, one.id, one.label)


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
