"""One process that is many: what the simulated world does once for all of its machines, and without chance.

Eight controllers and a cloud live in one process here, so the same news of a
peer is verified by seven of them. A signature that holds under a key holds for
everyone who has that key: it is computed once, and whether a receiver trusts the
key is asked of each. Nonces, ids and keys come from the seed, so that a message
that was tampered with breaks at the same byte when the world is lived again.
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Final, TypeVar
from unittest.mock import patch

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from aldaba_edge import presences
from aldaba_shared import p256
from aldaba_shared.envelope import KeyRing, SigningKey, kid_of, unseal
from aldaba_shared.messages import Kind

T = TypeVar("T")
DETERMINISTIC: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
"""RFC 6979."""
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""FIPS 186-4, D.1.2.3."""
MOST_KEPT: Final = 256
"""News is heard by all within seconds."""


class Certainty:
    """What a world knows for certain: its dice instead of chance, and the news that was verified."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._opened: dict[tuple[object, ...], object] = {}

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
            stack.enter_context(patch.object(presences, "unseal", self._unseal_once))
            yield

    def key(self, kid: bytes) -> SigningKey:
        """A key of this world."""
        return SigningKey(ec.derive_private_key(self._dice.randrange(1, P256_ORDER), ec.SECP256R1()), kid)

    def _unseal_once(self, kind: Kind, audience: str, data: bytes, ring: KeyRing, shape: type[T]) -> T:
        key = ring.trusted(kid_of(kind, data), kind)
        place = (kind, audience, data, key.point)
        found = self._opened.get(place)
        if isinstance(found, shape):
            return found
        body = unseal(kind, audience, data, ring, shape)
        self._opened[place] = body
        if len(self._opened) > MOST_KEPT:
            del self._opened[next(iter(self._opened))]
        return body
