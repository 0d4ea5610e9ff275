"""What an unknown card said of itself, sealed so that only the cloud can read it.

The desk wants to give a card to a member after it was tapped anywhere, and a door
may keep no card number. So the door seals it at once, with the public key its
signed rules name, as HPKE (RFC 9180, base mode: X25519, HKDF-SHA256,
AES-256-GCM) does: the door that wrote it cannot open it again, nor can whoever
takes its disk or its journal. The controller and the kind are bound in, so that
a number moved to another line opens no more.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from aldaba_shared.ids import ControllerId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.wire import Malformed

SETTING: Final = "number_key"
"""The name of the `setting` row with the cloud's public key."""
KEY_BYTES: Final = 32
LONGEST: Final = 256
"""Of the sealed bytes: a PKOC key of 65 bytes with all that is put around it is shorter."""

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def seal_number(public_key: bytes, controller: ControllerId, kind: CredentialKind, canonical: bytes) -> bytes:
    """Seal canonical card bytes for whoever has the private half of a raw X25519 key (32 bytes)."""
    return _SUITE.encrypt(canonical, X25519PublicKey.from_public_bytes(public_key), _info(controller, kind))


def open_number(private_key: bytes, controller: ControllerId, kind: CredentialKind, sealed: bytes) -> bytes:
    """The canonical bytes a controller sealed.

    Raises:
        Malformed: it was sealed for another key, by another controller, for another kind, or not at all.
    """
    try:
        return _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private_key), _info(controller, kind))
    except (InvalidTag, ValueError) as error:
        raise Malformed("sealed number", "it does not open with this key") from error


def public_half(private_key: bytes) -> bytes:
    """The raw public key of a raw private one, 32 bytes each."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def checked_key(body: bytes) -> bytes:
    """The public key a `setting` row holds.

    Raises:
        Malformed: it is of another length.
    """
    if len(body) != KEY_BYTES:
        raise Malformed("number key", f"it has {len(body)} bytes, and X25519 wants {KEY_BYTES}")
    return body


def _info(controller: ControllerId, kind: CredentialKind) -> bytes:
    return b"aldaba unknown card 1\x00" + controller.encode() + b"\x00" + kind.value.encode()
