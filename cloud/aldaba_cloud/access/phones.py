"""Members' phones as keys: the public half is enrolled, the private one never leaves the phone."""

from typing import Final

from aldaba_cloud.access import service
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import IssuedCredential
from aldaba_cloud.members.service import NewCredential
from aldaba_shared import phone
from aldaba_shared.ids import HolderId
from aldaba_shared.keys import CredentialKind, phone_key_id

MOST_PHONES: Final = 5


class PhoneUnusable(Unusable):
    """A phone that cannot become a key."""

    code = "phone_unusable"


def enrol_phone(work: Work, holder: HolderId, raw: bytes, label: str, keyring: Keyring) -> IssuedCredential:
    """Make a phone a key of its holder and have the doors learn it; `raw` is the point its browser exported.

    Raises:
        PhoneUnusable: no point of the curve, or as many phones as one person may have.
        CardTaken: this very key is enrolled already.
        Missing: no such holder within the caller's sight.
    """
    try:
        point = phone.checked_key(raw)
    except phone.KeyRefused as error:
        raise PhoneUnusable(str(error)) from error
    if members.find_holder(work, holder) is None:
        raise Missing("holder", holder)
    if len(_phones(work, holder)) >= MOST_PHONES:
        raise PhoneUnusable(f"There are {MOST_PHONES} phones already. Block one that is no longer in use first.")
    return service.issue_credential(work, NewCredential(holder, CredentialKind.PHONE, point, label), keyring)


def key_ids(work: Work, holder: HolderId, keyring: Keyring) -> list[str]:
    """What the codes of a holder's phones name their keys by, in hexadecimal digits; blocked ones are left out."""
    return sorted(phone_key_id(keyring.unseal(sealed)).hex() for _one, sealed in _phones(work, holder))


def _phones(work: Work, holder: HolderId) -> list[tuple[IssuedCredential, bytes]]:
    carried = members.credentials_of(work, [holder])
    return [(one, sealed) for one, sealed in carried if one.kind is CredentialKind.PHONE and one.enabled]
