"""One process that is many: what the simulated world does once for all of its machines, and without chance.

Eight controllers and a cloud live in one process here, so whoever verifies an
envelope does so beside whoever signed it. What came out of a key holds under
that key: an envelope that arrives byte for byte as it was sealed, for the same
audience, is not computed a second time, and the news of a peer, which seven
machines read, is read once. Whether a receiver trusts the key is asked of each;
an envelope that differs in one byte, kind, audience or key goes the whole way
through the library. Nonces, ids and keys come from the seed, so that a message
that was tampered with breaks at the same byte when the world is lived again.
"""

import secrets
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Any, Final, TypeVar
from unittest.mock import patch

from cbor2 import CBORTag, loads
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cwt import COSE

from aldaba_edge import presences
from aldaba_shared import envelope, p256
from aldaba_shared.envelope import KeyRing, SigningKey, kid_of, unseal
from aldaba_shared.messages import Kind
from aldaba_shared.p256 import SigningP256, VerifyingP256

T = TypeVar("T")
DETERMINISTIC: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
"""RFC 6979."""
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""FIPS 186-4, D.1.2.3."""
MOST_KEPT: Final = 4096
"""What is on its way arrives within minutes; whatever comes later is verified like a stranger's."""
NEWS_KEPT: Final = 256
"""News is heard by all within seconds."""


class KnownEnvelopes:
    """Stands where the envelope's code makes its COSE codec: the library's own, and a memory of what it signed."""

    def __init__(self) -> None:
        self._sealed: OrderedDict[bytes, tuple[list[Any], bytes, bytes]] = OrderedDict()
        self._signs = COSE.new(alg_auto_inclusion=True, kid_auto_inclusion=True)
        self._reads = COSE.new()

    def new(self, **_as_the_library_takes_them: bool) -> "KnownEnvelopes":
        """This codec, for either direction."""
        return self

    def encode(self, payload: bytes, key: SigningP256, *, external_aad: bytes) -> bytes:
        """Seal, and remember what was sealed for whom."""
        sealed: bytes = self._signs.encode(payload, key, external_aad=external_aad)
        parts = loads(sealed).value
        self._sealed[parts[-1]] = (parts, external_aad, key.point)
        if len(self._sealed) > MOST_KEPT:
            self._sealed.popitem(last=False)
        return sealed

    def decode(self, outer: CBORTag, key: VerifyingP256, *, external_aad: bytes) -> bytes:
        """The payload of an envelope: at once when it is exactly what was sealed, or as the library reads it."""
        signature = outer.value[-1]
        known = self._sealed.get(signature) if isinstance(signature, bytes) else None
        if known == (outer.value, external_aad, key.point):
            payload: bytes = outer.value[2]
            return payload
        read: bytes = self._reads.decode(outer, key, external_aad=external_aad)
        return read


class Certainty:
    """What a world knows for certain: its dice instead of chance, and the news that was verified."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._envelopes = KnownEnvelopes()
        self._news: OrderedDict[tuple[object, ...], object] = OrderedDict()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Nothing is left to chance, and no news verified twice, for as long as the block lasts."""
        dice = self._dice
        with ExitStack() as stack:
            for name, certain in {
                "token_bytes": lambda size=32: dice.randbytes(size),
                "token_hex": lambda size=32: dice.randbytes(size).hex(),
                "token_urlsafe": lambda size=32: dice.randbytes(size).hex(),
                "randbelow": dice.randrange,
            }.items():
                stack.enter_context(patch.object(secrets, name, certain))
            stack.enter_context(patch.object(p256, "ES256", DETERMINISTIC))
            stack.enter_context(patch.object(envelope, "COSE", self._envelopes))
            stack.enter_context(patch.object(presences, "unseal", self._unseal_once))
            yield

    def key(self, kid: bytes) -> SigningKey:
        """A key of this world."""
        return SigningKey(ec.derive_private_key(self._dice.randrange(1, P256_ORDER), ec.SECP256R1()), kid)

    def _unseal_once(self, kind: Kind, audience: str, data: bytes, ring: KeyRing, shape: type[T]) -> T:
        key = ring.trusted(kid_of(kind, data), kind)
        place = (kind, audience, data, key.point)
        found = self._news.get(place)
        if isinstance(found, shape):
            return found
        body = unseal(kind, audience, data, ring, shape)
        self._news[place] = body
        if len(self._news) > NEWS_KEPT:
            self._news.popitem(last=False)
        return body
