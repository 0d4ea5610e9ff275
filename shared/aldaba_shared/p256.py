"""P-256 keys for COSE whose signatures change form quickly.

COSE carries r and s as 32 bytes each (RFC 9053, section 2.1), the curve's own
code wants DER. The library converts byte by byte in Python, which takes as long
as half a verification and longer than a signature; `int` does the same at once.
Everything else is the library's.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cwt import VerifyError
from cwt.algs.ec2 import EC2Key

KID: Final = 2
ES256: Final = ec.ECDSA(hashes.SHA256())
HALF: Final = 32
"""Bytes of r, and of s."""


class SigningP256(EC2Key):
    """A private key that signs; its `kid` goes into what it signs."""

    def __init__(self, private: ec.EllipticCurvePrivateKey, kid: bytes) -> None:
        super().__init__(EC2Key.to_cose_key(private) | {KID: kid})
        self._own = private
        self.point = point_of(private.public_key())

    def sign(self, msg: bytes) -> bytes:
        """The signature of a message, as COSE carries it."""
        r, s = decode_dss_signature(self._own.sign(msg, ES256))
        return r.to_bytes(HALF, "big") + s.to_bytes(HALF, "big")


class VerifyingP256(EC2Key):
    """A public key that verifies."""

    def __init__(self, public: ec.EllipticCurvePublicKey, kid: bytes) -> None:
        self.point = point_of(public)
        super().__init__(EC2Key.to_cose_key(public) | {KID: kid})
        self._own = public

    def verify(self, msg: bytes, sig: bytes) -> None:
        """Return when the signature holds.

        Raises:
            VerifyError: it does not, or is none.
        """
        if len(sig) != 2 * HALF:
            raise VerifyError("A signature of P-256 has 64 bytes.")
        try:
            der = encode_dss_signature(int.from_bytes(sig[:HALF], "big"), int.from_bytes(sig[HALF:], "big"))
            self._own.verify(der, msg, ES256)
        except (InvalidSignature, ValueError) as error:
            raise VerifyError("The signature does not hold.") from error


def point_of(public: ec.EllipticCurvePublicKey) -> bytes:
    """The public point, as x and y one after the other: what makes a key this key, whatever it is called."""
    numbers = public.public_numbers()
    return numbers.x.to_bytes(HALF, "big") + numbers.y.to_bytes(HALF, "big")
