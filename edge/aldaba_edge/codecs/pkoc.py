"""PKOC, Public Key Open Credential (PSIA, PKOC NFC card specification 1.1): a card or phone proves a private key.

The card holds a P-256 key that never leaves it and signs what the reader made
up a moment ago. The door knows public keys alone, so a thief of a door takes
nothing with which a card could be made.
"""

from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from aldaba_edge.codecs.apdu import LONGEST_ANSWER, Command
from aldaba_edge.codecs.exchange import Exchange, NotSuch, Proven, Refused, Verdict, tell
from aldaba_edge.codecs.malformed import Malformed

AID: Final = bytes.fromhex("A000000898000001")
VERSION: Final = bytes.fromhex("0100")
TRANSACTION_BYTES: Final = 16
READER_ID_BYTES: Final = 32
"""16 bytes of the site and 16 of the reader's place."""

TAG_VERSION: Final = 0x5C
TAG_TRANSACTION: Final = 0x4C
TAG_READER: Final = 0x4D
TAG_PUBLIC_KEY: Final = 0x5A
TAG_SIGNATURE: Final = 0x9E

SELECT: Final = Command(0x00, 0xA4, 0x04, 0x00, AID, expected=LONGEST_ANSWER)

_UNCOMPRESSED: Final = 0x04
_PUBLIC_KEY_BYTES: Final = 65
_SIGNATURE_BYTES: Final = 64
_COORDINATE: Final = 32


def authenticate(transaction: bytes, reader_id: bytes) -> Exchange[Verdict]:
    """Ask a card to sign this transaction; `transaction` is 16 fresh random bytes, `reader_id` 32 of this reader.

    The proven canonical bytes are the card's uncompressed public key.
    """
    selected = yield from tell(SELECT)
    if isinstance(selected, Malformed) or not selected.ok:
        return NotSuch()
    versions = read_tlv(selected.data)
    if isinstance(versions, Malformed) or TAG_VERSION not in versions:
        return Refused("pkoc_select_malformed")
    if VERSION not in _pairs(versions[TAG_VERSION]):
        return Refused("pkoc_version_unknown")
    answer = yield from tell(authenticate_command(transaction, reader_id))
    if isinstance(answer, Malformed):
        return Refused("pkoc_answer_malformed")
    if not answer.ok:
        return Refused("pkoc_will_not_sign")
    return verified(answer.data, transaction)


def authenticate_command(transaction: bytes, reader_id: bytes) -> Command:
    """The AUTHENTICATE command (section 5.3)."""
    data = build_tlv({TAG_VERSION: VERSION, TAG_TRANSACTION: transaction, TAG_READER: reader_id})
    return Command(0x80, 0x80, 0x00, 0x01, data, expected=LONGEST_ANSWER)


def verified(data: bytes, transaction: bytes) -> Verdict:
    """The public key that signed the transaction, out of the answer to AUTHENTICATE."""
    parts = read_tlv(data)
    if isinstance(parts, Malformed):
        return Refused("pkoc_answer_malformed")
    public, signature = parts.get(TAG_PUBLIC_KEY, b""), parts.get(TAG_SIGNATURE, b"")
    if len(public) != _PUBLIC_KEY_BYTES or public[0] != _UNCOMPRESSED or len(signature) != _SIGNATURE_BYTES:
        return Refused("pkoc_answer_malformed")
    r, s = int.from_bytes(signature[:_COORDINATE]), int.from_bytes(signature[_COORDINATE:])
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(encode_dss_signature(r, s), transaction, ec.ECDSA(SHA256()))
    except ValueError:
        return Refused("pkoc_no_such_key")
    except InvalidSignature:
        return Refused("pkoc_signature_wrong")
    return Proven(public)


def build_tlv(parts: Mapping[int, bytes]) -> bytes:
    """Tags of one byte, lengths of one byte."""
    return b"".join(bytes([tag, len(value)]) + value for tag, value in parts.items())


def read_tlv(data: bytes) -> dict[int, bytes] | Malformed:
    """The parts by their tags, exact to the last byte, no tag twice."""
    parts: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        tag, value = data[at], data[at + 2 : at + 2 + data[at + 1]] if at + 1 < len(data) else b""
        if at + 1 >= len(data) or len(value) < data[at + 1] or tag in parts:
            return Malformed("tlv_malformed")
        parts[tag] = value
        at += 2 + len(value)
    return parts


def _pairs(listed: bytes) -> list[bytes]:
    """Versions are two bytes each."""
    return [listed[at : at + 2] for at in range(0, len(listed), 2)]
