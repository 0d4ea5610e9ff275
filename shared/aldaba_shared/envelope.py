"""Signed envelopes: every body of the wire in a COSE_Sign1 (RFC 9052), ES256.

The signature covers the body, the key's `kid` and, as external data,
`aldaba/1/{kind}/{audience}`, so that a head for one door is no head for another
and a delta is no command. Who may sign what is in the key ring: a key is trusted
for the kinds it was given for and no other. A broker or a network that is owned
can delay what passes, and never forge it.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Self, TypeVar

from cbor2 import CBORTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)
from cwt import COSE

from aldaba_shared.errors import AldabaError
from aldaba_shared.messages import Kind, WorkingKey
from aldaba_shared.p256 import SigningP256, VerifyingP256
from aldaba_shared.wire import MAX_BODY_BYTES, decode, encode, loads

T = TypeVar("T")
SIGN1_TAG: Final = 18
KID_HEADER: Final = 4
HEADERS: Final = "signed header"
SHORT: Final = 128


class EnvelopeRefused(AldabaError):
    """A message that is not signed as it must be."""

    code = "envelope_refused"

    def __init__(self, kind: Kind, why: str) -> None:
        super().__init__(f"A {kind} was refused: {why}. Nothing of it was used; look at who can write to the broker.")
        self.kind = kind
        self.why = why


class SigningKey:
    """A P-256 private key with the `kid` its envelopes name."""

    def __init__(self, private: ec.EllipticCurvePrivateKey, kid: bytes) -> None:
        self._private = private
        self.kid = kid
        self.cose = SigningP256(private, kid)

    @classmethod
    def generate(cls, kid: bytes) -> Self:
        """A fresh key from the system's randomness."""
        return cls(ec.generate_private_key(ec.SECP256R1()), kid)

    def public(self, *signs: Kind) -> WorkingKey:
        """The public half, trusted for these kinds."""
        spki = self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return WorkingKey(self.kid, spki, tuple(signs))

    def private_bytes(self) -> bytes:
        """PKCS #8, DER, for the key file."""
        return self._private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


class KeyRing:
    """The public keys a receiver trusts, each for the kinds it may sign."""

    def __init__(self, keys: Iterable[WorkingKey] = ()) -> None:
        self._keys = {key.kid: (_verifier(key), frozenset(key.signs)) for key in keys}

    def knows(self, kid: bytes) -> bool:
        """Whether a key of this name is here, whatever it may sign."""
        return kid in self._keys

    def trusted(self, kid: bytes, kind: Kind) -> VerifyingP256:
        """The key of this `kid`.

        Raises:
            EnvelopeRefused: it is unknown, or not trusted for this kind.
        """
        known = self._keys.get(kid)
        if known is None:
            raise EnvelopeRefused(kind, "signed by a key this side does not know")
        key, signs = known
        if kind not in signs:
            raise EnvelopeRefused(kind, "signed by a key that may not sign this kind")
        return key


def seal(kind: Kind, audience: str, body: object, key: SigningKey) -> bytes:
    """Sign a body for one audience: a controller's id, a site's id for presence, or `cloud`."""
    cose = COSE.new(alg_auto_inclusion=True, kid_auto_inclusion=True)
    sealed: bytes = cose.encode(encode(body), key.cose, external_aad=_aad(kind, audience))
    return sealed


def unseal(kind: Kind, audience: str, data: bytes, ring: KeyRing, shape: type[T]) -> T:
    """The body of an envelope that a trusted key signed as this kind for this audience.

    Raises:
        EnvelopeRefused: unsigned, signed by another key, for another kind or another audience.
        Malformed: no envelope at all, or a well-signed body of another shape.
    """
    outer = _outer(kind, data)
    key = ring.trusted(_kid(kind, outer), kind)
    try:
        payload = COSE.new().decode(outer, key, external_aad=_aad(kind, audience))
    except Exception as error:
        # The library lets the errors of four layers through; to us they all mean the same.
        raise EnvelopeRefused(kind, f"the signature does not hold ({type(error).__name__})") from error
    return decode(payload, shape)


def kid_of(kind: Kind, data: bytes) -> bytes:
    """The `kid` an envelope claims, before anything of it is believed.

    Raises:
        EnvelopeRefused: it is no COSE_Sign1 or names no key.
    """
    return _kid(kind, _outer(kind, data))


def _outer(kind: Kind, data: bytes) -> CBORTag:
    outer = loads(data, kind, limit=MAX_BODY_BYTES)
    if not isinstance(outer, CBORTag) or outer.tag != SIGN1_TAG or not isinstance(outer.value, list) or not outer.value:
        raise EnvelopeRefused(kind, "it is no COSE_Sign1")
    return outer


def _kid(kind: Kind, outer: CBORTag) -> bytes:
    value = outer.value
    signed = _named_in(value[0]) if isinstance(value[0], bytes) and value[0] else None
    kid = signed if signed is not None else _kid_among(value[1] if len(value) > 1 else {})
    if kid is None:
        raise EnvelopeRefused(kind, "it names no key")
    return kid


def _named_in(protected: bytes) -> bytes | None:
    """The `kid` in signed headers; those of our own keys are short, and nobody shall fill our memory with others."""
    return _named_briefly(protected) if len(protected) <= SHORT else _kid_among(loads(protected, HEADERS))


@lru_cache(maxsize=256)
def _named_briefly(protected: bytes) -> bytes | None:
    """The same, kept: signed headers are the same bytes in every envelope of a key."""
    return _kid_among(loads(protected, HEADERS))


def _kid_among(headers: object) -> bytes | None:
    kid = headers.get(KID_HEADER) if isinstance(headers, dict) else None
    return kid if isinstance(kid, bytes) else None


def _verifier(key: WorkingKey) -> VerifyingP256:
    public = load_der_public_key(key.public_key)
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise EnvelopeRefused(Kind.KEYS, "it names a key that is none of P-256")
    return VerifyingP256(public, key.kid)


def _aad(kind: Kind, audience: str) -> bytes:
    return f"aldaba/1/{kind}/{audience}".encode()
