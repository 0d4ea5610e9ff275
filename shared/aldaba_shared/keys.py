"""Keyed digests: how a controller knows a card without holding its number.

A credential is looked up by `HMAC-SHA256(controller key, kind ‖ 0x00 ‖ canonical
bytes)`. Each controller has a key of its own, so the digests of two doors cannot
be joined, and a dump of one door's rules is no list of cards. What this does not
do is stated plainly: whoever steals a controller has its key too and can try all
short numbers (Wiegand, 4-byte UIDs, PINs), hence `retire` and the list of whom
to re-card.
"""

import hmac
from enum import StrEnum

from aldaba_shared.ids import CredentialKey


class CredentialKind(StrEnum):
    """How a credential is told apart on the wire; part of what its key digests."""

    UID = "uid"
    WIEGAND = "wiegand"
    PASS = "pass"  # noqa: S105 - a kind of credential, not a secret
    PIN = "pin"
    PKOC = "pkoc"
    PHONE = "phone"
    EMERGENCY = "emergency"
    """A sealed one-time code, typed at a keypad."""


def credential_key(controller_key: bytes, kind: CredentialKind, canonical: bytes) -> CredentialKey:
    """Digest canonical card bytes under a controller's 32-byte key (RFC 2104, FIPS 180-4).

    Canonical bytes: a UID as read, first byte first; a Wiegand card as
    `format ‖ ":" ‖ facility ‖ ":" ‖ number` in ASCII decimals; a pass as its `cti`;
    an emergency code as its ASCII digits.
    """
    message = kind.value.encode() + b"\x00" + canonical
    return CredentialKey(hmac.digest(controller_key, message, "sha256"))


def wiegand_canonical(wire_format: str, facility: int | None, number: int) -> bytes:
    """The canonical bytes of a Wiegand card; a format without a facility code leaves its place empty.

    >>> wiegand_canonical("H10301", 123, 4567), wiegand_canonical("H10302", None, 4567)
    (b'H10301:123:4567', b'H10302::4567')
    """
    return f"{wire_format}:{'' if facility is None else facility}:{number}".encode("ascii")
