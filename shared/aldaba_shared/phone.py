"""A member's phone: a QR code that proves possession of a key, and is worth nothing a moment later.

The phone's page holds a P-256 key that its browser does not give away; the
public half is in the rules. Every few seconds the page shows

    schema (1) ‖ key id (8) ‖ time in milliseconds (6) ‖ signature (64)

in Base45 (RFC 9285): 79 bytes, 119 characters, a QR code of version 5 in
alphanumeric mode with error correction M. The signature is ECDSA on P-256 with
SHA-256 in the plain form r ‖ s (IEEE P1363, as WebCrypto makes it) over
`aldaba/1/phone`, the site and the first 15 bytes, so that a code is good for one
site and nothing signed elsewhere is a code.

A code is believed for 15 seconds around its time, and only if it is newer than
the last one accepted of that phone. Stated limit: who holds the unlocked phone
can sign later moments in advance.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

import base45
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import SiteId
from aldaba_shared.keys import PHONE_KEY_ID_BYTES

SCHEMA: Final = 1
TIME_BYTES: Final = 6
SIGNED_BYTES: Final = 1 + PHONE_KEY_ID_BYTES + TIME_BYTES
SIGNATURE_BYTES: Final = 64
TEXT_LENGTH: Final = 119
"""Characters of every code of this schema; no visitor pass is so short."""

TOLERANCE: Final = timedelta(seconds=15)
KEYS_KEPT: Final = 256
POINT_BYTES: Final = 65
"""A public key as the rules carry it: an uncompressed point (SEC 1, section 2.3.3)."""

_ALGORITHM: Final = ec.ECDSA(SHA256())


class KeyRefused(AldabaError):
    """Bytes that are no public key of a phone."""

    code = "phone_key_refused"

    def __init__(self) -> None:
        super().__init__("This is no P-256 public key, so the phone was not enrolled. Reload the page and try again.")


class PhoneCode(Struct, frozen=True):
    """A code as it was read; nothing of it is believed before `proven`."""

    key_id: bytes
    moment: int
    """Milliseconds since 1970 by the phone's clock, as the cloud last corrected it."""
    signed: bytes
    signature: bytes

    def fits(self, at: datetime) -> bool:
        """Whether the door's time is close enough to the phone's."""
        return abs(at.timestamp() * 1000 - self.moment) <= TOLERANCE.total_seconds() * 1000


def read(text: bytes) -> PhoneCode | None:
    """The code in a QR code's text, or None when it is none of a phone; never raises, whatever the bytes are."""
    if len(text) != TEXT_LENGTH:
        return None
    try:
        payload: bytes = base45.b45decode(text.decode("ascii"))
    except ValueError:
        return None
    if len(payload) != SIGNED_BYTES + SIGNATURE_BYTES or payload[0] != SCHEMA:
        return None
    signed, signature = payload[:SIGNED_BYTES], payload[SIGNED_BYTES:]
    key_id, moment = signed[1 : 1 + PHONE_KEY_ID_BYTES], signed[1 + PHONE_KEY_ID_BYTES :]
    return PhoneCode(key_id, int.from_bytes(moment), signed, signature)


def proven(code: PhoneCode, public: bytes, site: SiteId) -> bool:
    """Whether the key's owner made this code for this site: one verification, the key's point kept ready."""
    half = SIGNATURE_BYTES // 2
    r, s = int.from_bytes(code.signature[:half]), int.from_bytes(code.signature[half:])
    try:
        _key(public).verify(encode_dss_signature(r, s), message(site, code.signed), _ALGORITHM)
    except (InvalidSignature, ValueError):
        return False
    return True


def message(site: SiteId, signed: bytes) -> bytes:
    """What a phone signs; the zero byte cannot stand in a site's name."""
    return b"aldaba/1/phone" + b"\x00" + site.encode() + b"\x00" + signed


def payload(key_id: bytes, moment: int, signature: bytes) -> bytes:
    """The bytes of a code, of which the first 15 are signed; `signature` may be empty to make those alone."""
    return bytes([SCHEMA]) + key_id + moment.to_bytes(TIME_BYTES) + signature


def text_of(whole: bytes) -> str:
    """The characters of the QR code."""
    encoded: bytes = base45.b45encode(whole)
    return encoded.decode("ascii")


def checked_key(raw: bytes) -> bytes:
    """A public key as a browser exports it (`raw`), found to be a point of the curve.

    Raises:
        KeyRefused: it is none.
    """
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError as error:
        raise KeyRefused from error
    return point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@lru_cache(maxsize=KEYS_KEPT)
def _key(public: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
