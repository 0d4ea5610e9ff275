"""Sealed one-time codes for the night when everything is down.

A code is a credential of its own kind that belongs to nobody by name: eight
digits, printed once, kept in an envelope. Controllers hold its keyed digest in
their signed rules, so it opens without network, cloud or card reader, once. The
digits are sealed like a card's number and are never shown again.

Eight digits and a keypad that freezes (30 s after three wrong ones, doubling to
15 min) leave a guesser about one chance in 200,000 a week and code.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from aldaba_cloud import audit
from aldaba_cloud.access import store
from aldaba_cloud.access.models import ALWAYS, AccessLevel, Target
from aldaba_cloud.access.service import publish_everywhere
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members.models import Holder, HolderKind, IssuedCredential
from aldaba_cloud.members.service import NewCredential
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Site
from aldaba_shared.ids import CredentialId, HolderId, SiteId
from aldaba_shared.keys import CredentialKind

DIGITS: Final = 8
LONGEST: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class SealedCode:
    """What goes into one envelope; this is the only time its digits are seen."""

    number: int
    credential: CredentialId
    digits: str = field(repr=False)
    valid_until: datetime


def seal_codes(work: Work, site: SiteId, count: int, days: int, keyring: Keyring) -> list[SealedCode]:
    """Make the codes of a new sheet for every door of a site, void those of the sheet before, and tell the doors.

    Raises:
        Missing: there is no such site.
    """
    found = places.find_site(work, site)
    if found is None:
        raise Missing("site", site)
    holder = _holder(work, found)
    for known, _ in members_store.credentials_of(work, [holder]):
        if known.kind is CredentialKind.EMERGENCY and known.enabled:
            members.revoke(work, known.id, "a new sheet was printed")
    until = work.now + min(timedelta(days=days), LONGEST)
    codes = [_sealed(work, holder, number, until, keyring) for number in range(1, count + 1)]
    audit.note(work, site, "emergency_codes_sealed", holder, count=str(count), until=until.isoformat())
    publish_everywhere(work, keyring, [holder])
    return codes


def sheet_in_force(work: Work, site: SiteId) -> list[IssuedCredential]:
    """The codes of a site that would open a door now, without their digits; a used one is among them until the end."""
    carried = members_store.credentials_of(work, [_name(site)])
    codes = [one for one, _sealed in carried if one.kind is CredentialKind.EMERGENCY and one.enabled]
    return [one for one in codes if one.valid_until is None or one.valid_until > work.now]


def _name(site: SiteId) -> HolderId:
    return HolderId(f"emergency-{site}")


def _holder(work: Work, site: Site) -> HolderId:
    """The holder behind a site's codes, essential and with a right at every door there is now."""
    holder = level = _name(site.id)
    doors = tuple(Target(ALWAYS, door=door) for door in sorted(places.load_place(work, site).doors))
    bundle = AccessLevel(level, site.id, "Emergency codes", doors)
    if members_store.find_holder(work, holder) is None:
        kept = Holder(holder, HolderKind.EMERGENCY_KEY, "Emergency codes", site=site.id, essential=True)
        members.welcome(work, [kept])
        store.add_level(work, bundle)
        store.link_holder(work, holder, bundle)
    else:
        store.save_level(work, bundle)
    return holder


def _sealed(work: Work, holder: HolderId, number: int, until: datetime, keyring: Keyring) -> SealedCode:
    while True:
        digits = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        wanted = NewCredential(
            holder, CredentialKind.EMERGENCY, digits.encode("ascii"), f"Envelope {number}", valid_until=until
        )
        try:
            issued = members.issue(work, wanted, keyring)
        except members.CardTaken:
            continue  # somebody's PIN, or a code of an earlier sheet
        return SealedCode(number, issued.id, digits, until)
