"""Key sets of a site's own cards, and the keys under which controllers know all cards (ADR 26).

A set is made, is accepted beside the older ones while cards move to it tap by
tap, and in the end the older ones are dropped. A controller's digest key is
changed in two steps without anyone tapping: rules under both keys until the
controller has confirmed them, then under the new one alone.
"""

import secrets
from collections.abc import Iterable

from aldaba_cloud import audit
from aldaba_cloud.db import ALL_SITES, Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.fleet import key_sets, store
from aldaba_cloud.fleet.key_sets import KeptDigest, KeptSet
from aldaba_cloud.fleet.models import ControllerKeys
from aldaba_cloud.keyring import NUMBERS, Keyring
from aldaba_shared.card_keys import ROOT_BYTES, VERSIONS, key_set
from aldaba_shared.ids import ControllerId, SiteId
from aldaba_shared.sealed_number import public_half


class NoKeySet(Unusable):
    """A card is to be made at a site that has no keys yet."""

    def __init__(self, site: SiteId) -> None:
        super().__init__(
            f"The site {site} has no card keys. Make them first: aldaba-cloud card-keys new --site {site}."
        )


def controller_keys(work: Work, keyring: Keyring) -> dict[ControllerId, ControllerKeys]:
    """The keys of each controller in use."""
    changed = key_sets.digests(work)
    sets = [(one.site, key_set(keyring.unseal(one.sealed_root), one.version)) for one in in_use(work)]
    found, numbers = {}, public_half(keyring.secret(NUMBERS))
    for one in store.list_controllers(work):
        if one.retired_at is None:
            paired = keyring.unseal(one.sealed_controller_key)
            digests = _digests(paired, changed.get(one.id), one.confirmed, keyring)
            accepted = tuple(known for site, known in sets if site in (one.site, ALL_SITES))
            found[one.id] = ControllerKeys(one.id, paired, digests, accepted, numbers)
    return found


def _digests(paired: bytes, kept: KeptDigest | None, confirmed: tuple[int, int], keyring: Keyring) -> tuple[bytes, ...]:
    """The newest key, and the one before it until the controller has said that it has rules with the newest."""
    if kept is None:
        return (paired,)
    newest = keyring.unseal(kept.sealed_key)
    return (newest,) if confirmed >= kept.generation else (newest, keyring.unseal(kept.sealed_before))


def in_use(work: Work) -> list[KeptSet]:
    """The sets that doors accept."""
    return [one for one in key_sets.every_set(work) if one.dropped_at is None]


def newest_for(work: Work, site: SiteId, keyring: Keyring) -> tuple[bytes, int]:
    """The root and version with which cards of a site are made now.

    Raises:
        NoKeySet: the site has none.
    """
    found = [one for one in in_use(work) if one.site in (site, ALL_SITES)]
    if not found:
        raise NoKeySet(site)
    return keyring.unseal(found[-1].sealed_root), found[-1].version


def make_set(work: Work, site: SiteId, keyring: Keyring) -> int:
    """Make a key set for a site or, with `ALL_SITES`, for the network; doors learn of it when rules are published.

    Raises:
        Unusable: every version there is has been given.
    """
    version = key_sets.last_version(work) + 1
    if version not in VERSIONS:
        raise Unusable(f"Key sets are numbered 1 to {VERSIONS[-1]}, and all were given. Ask the project for help.")
    key_sets.add_set(work, site, version, keyring.seal(secrets.token_bytes(ROOT_BYTES)))
    audit.note(work, site, "card_keys_made", str(version))
    return version


def drop_set(work: Work, version: int) -> None:
    """Accept a key set no longer: a card that was not tapped since a newer one came is made anew at the desk.

    Raises:
        Missing: no such set in use within the caller's sight.
    """
    known = {one.version: one for one in in_use(work)}
    if version not in known or not key_sets.drop_set(work, version):
        raise Missing("key set", str(version))
    audit.note(work, known[version].site, "card_keys_dropped", str(version))


def change_digest_key(work: Work, controller: ControllerId, keyring: Keyring, after: tuple[int, int]) -> None:
    """Give a controller another key to digest with; `after` is its newest rule set, and the next carries the key.

    Raises:
        Missing: no such controller in use within the caller's sight.
        Unusable: it has not confirmed the last change yet.
    """
    found = store.find_controller(work, controller)
    if found is None or found.retired_at is not None:
        raise Missing("controller", controller)
    kept = key_sets.digests(work).get(controller)
    if kept is not None and found.confirmed < kept.generation:
        raise Unusable(f"{controller} has not confirmed its last change of key. Wait until it has been online.")
    before = kept.sealed_key if kept is not None else found.sealed_controller_key
    epoch, version = after
    changed = KeptDigest(keyring.seal(secrets.token_bytes(32)), before, (epoch, version + 1))
    key_sets.keep_digest(work, found.site, controller, changed)
    audit.note(work, found.site, "digest_key_changed", controller)


def versions_at(sets: Iterable[KeptSet], site: SiteId) -> list[int]:
    """The versions whose keys a controller of this site holds."""
    return [one.version for one in sets if one.site in (site, ALL_SITES) and one.dropped_at is None]
