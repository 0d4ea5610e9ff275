"""Who still uses cards that can be copied, and when they last did."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aldaba_cloud.db import Work
from aldaba_cloud.fleet import books
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import Holder, IssuedCredential
from aldaba_shared.keys import CLONEABLE, CredentialKind, cloneable

LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
BETTER: Final = frozenset({CredentialKind.DESFIRE, CredentialKind.NTAG424, CredentialKind.PKOC, CredentialKind.PHONE})


@dataclass(frozen=True, slots=True)
class CopyableCard:
    """A card in use that anybody who comes near it can copy."""

    card: IssuedCredential
    holder: Holder
    last_used: datetime | None
    has_better: bool
    """Its holder also has a card or phone that cannot be copied: this one can be blocked."""


def copyable_cards(work: Work) -> list[CopyableCard]:
    """Every enabled card that can be copied, the one used last first; those never used stand at the end."""
    holders = {one.id: one for one in members.list_holders(work)}
    carried = [one for one, _sealed in members.credentials_of(work) if one.enabled]
    used = books.last_used(work, members.ids_of_kinds(work, CLONEABLE))
    better = {one.holder for one in carried if one.kind in BETTER}
    found = [
        CopyableCard(one, holders[one.holder], used.get(one.id), one.holder in better)
        for one in carried
        if cloneable(one.kind) and one.holder in holders
    ]
    return sorted(found, key=lambda one: (one.last_used or LONG_AGO, one.card.id), reverse=True)
