"""What the RFCs print comes out of, and goes into, the libraries as this program calls them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cwt import COSE

from aldaba_shared.envelope import EnvelopeRefused, KeyRing, kid_of, unseal
from aldaba_shared.messages import Kind, WorkingKey
from aldaba_shared.wire import encode, loads

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "rfc.json").read_text("utf-8"))
SIGN1, CWT = VECTORS["cose_sign1"], VECTORS["cwt"]

pytestmark = pytest.mark.feature(95)


def ring(kid: bytes, x: bytes, y: bytes) -> KeyRing:
    """A ring of the one key that an RFC prints."""
    key = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()).public_key()
    return KeyRing([WorkingKey(kid, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), (Kind.PASS,))])


def coordinate(text: str) -> bytes:
    return base64.urlsafe_b64decode(f"{text}=")


@pytest.mark.parametrize("vector", VECTORS["cbor"]["vectors"], ids=lambda vector: vector["hex"])
def test_bodies_are_the_deterministic_cbor_of_rfc_8949(vector: dict[str, Any]) -> None:
    assert encode(vector["value"]).hex() == vector["hex"]
    assert loads(bytes.fromhex(vector["hex"]), "vector") == vector["value"]


def test_the_order_of_keys_is_that_of_rfc_8949_however_they_were_written() -> None:
    assert encode({"z": 1, "aa": 2}) == encode({"aa": 2, "z": 1}) == bytes.fromhex("a2617a0162616102")


def test_a_signature_of_rfc_9052_holds_for_its_external_data_alone() -> None:
    sealed, kid = bytes.fromhex(SIGN1["cbor"]), SIGN1["kid"].encode()
    known = ring(kid, coordinate(SIGN1["x"]), coordinate(SIGN1["y"]))
    assert kid_of(Kind.PASS, sealed) == kid
    key = known.trusted(kid, Kind.PASS)
    payload = COSE.new().decode(sealed, key, external_aad=bytes.fromhex(SIGN1["external"]))
    assert payload == SIGN1["payload"].encode()
    with pytest.raises(EnvelopeRefused):
        unseal(Kind.PASS, "c1", sealed, known, str)  # the same signature, for what it was not made


def test_the_signed_cwt_of_rfc_8392_says_its_claims_and_one_changed_bit_says_nothing() -> None:
    sealed, kid = bytes.fromhex(CWT["cbor"]), bytes.fromhex(CWT["kid"])
    key = ring(kid, bytes.fromhex(CWT["x"]), bytes.fromhex(CWT["y"])).trusted(kid, Kind.PASS)
    claims = loads(COSE.new().decode(sealed, key), "cwt")
    assert {str(name): value for name, value in claims.items() if name != 7} == CWT["claims"]
    with pytest.raises(Exception, match="signature does not hold"):
        COSE.new().decode(sealed[:-1] + bytes([sealed[-1] ^ 1]), key)
