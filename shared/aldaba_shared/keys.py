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
from functools import lru_cache
from hashlib import sha256
from typing import Final

from aldaba_shared.ids import CredentialKey

PHONE_KEY_ID_BYTES: Final = 8


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
    DESFIRE = "desfire"
    NTAG424 = "ntag424"
    STICKER = "sticker"
    """A member asked on the page of a door's sticker; no reader can produce one."""


CLONEABLE: Final = frozenset({CredentialKind.UID, CredentialKind.WIEGAND})
"""What says its number to whoever asks: a device for twenty euros makes a second one."""


def cloneable(kind: CredentialKind) -> bool:
    """Whether anyone who comes near a credential of this kind can copy it.

    >>> cloneable(CredentialKind.UID), cloneable(CredentialKind.DESFIRE)
    (True, False)
    """
    return kind in CLONEABLE


MADE: Final = frozenset({CredentialKind.DESFIRE, CredentialKind.NTAG424})
"""Cards that a site makes its own, with keys of its own."""


GUESSABLE: Final = CLONEABLE | {CredentialKind.PIN, CredentialKind.EMERGENCY}
"""What is so short that a thief of a controller can try all of them against its digests."""


def digested_as(kind: CredentialKind) -> CredentialKind:
    """An emergency code is typed like a PIN, and the keypad cannot know which it is; the rules do."""
    return CredentialKind.PIN if kind is CredentialKind.EMERGENCY else kind


def credential_key(controller_key: bytes, kind: CredentialKind, canonical: bytes) -> CredentialKey:
    """Digest canonical card bytes under a controller's 32-byte key (RFC 2104, FIPS 180-4).

    Canonical bytes: a UID as read, first byte first; a Wiegand card as
    `format ‖ ":" ‖ facility ‖ ":" ‖ number` in ASCII decimals; a pass as its `cti`;
    a PIN and an emergency code as their ASCII digits; a phone as the id of its key;
    a PKOC card as its uncompressed public key (65 bytes, SEC 1 section 2.3.3); a DESFire card as the
    16 random bytes of its file; an NTAG 424 tag as its 7-byte UID; whoever asks by a
    door's sticker as their holder id.
    """
    keyed = _keyed(controller_key).copy()
    keyed.update(digested_as(kind).encode() + b"\x00" + canonical)
    return CredentialKey(keyed.digest())


@lru_cache(maxsize=4)
def _keyed(key: bytes) -> hmac.HMAC:
    """A digest that has taken in its key: finding SHA-256 in the library costs more than using it."""
    return hmac.new(key, digestmod="sha256")


def phone_key_id(public: bytes) -> bytes:
    """What a phone's code names its key by: the first 8 bytes of SHA-256 of the uncompressed point."""
    return sha256(public).digest()[:PHONE_KEY_ID_BYTES]


def looked_up_by(kind: CredentialKind, canonical: bytes) -> bytes:
    """The canonical bytes a door is shown: all of them, but of a phone's public key only the key's id."""
    return phone_key_id(canonical) if kind is CredentialKind.PHONE else canonical


def wiegand_canonical(wire_format: str, facility: int | None, number: int) -> bytes:
    """The canonical bytes of a Wiegand card; a format without a facility code leaves its place empty.

    >>> wiegand_canonical("H10301", 123, 4567), wiegand_canonical("H10302", None, 4567)
    (b'H10301:123:4567', b'H10302::4567')
    """
    return f"{wire_format}:{'' if facility is None else facility}:{number}".encode("ascii")
