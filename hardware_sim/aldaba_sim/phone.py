"""A member's phone: a key that makes the codes the member's page would show."""

from datetime import datetime
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aldaba_shared import phone
from aldaba_shared.ids import SiteId
from aldaba_shared.keys import phone_key_id

HALF: Final = phone.SIGNATURE_BYTES // 2


class SimulatedPhone:
    """A P-256 key, and the QR texts it signs."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.key_id = phone_key_id(self.public)

    @classmethod
    def fresh(cls) -> Self:
        """A phone with a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    def code(self, site: str, at: datetime) -> bytes:
        """The text of the code it shows at a moment."""
        signed = phone.payload(self.key_id, round(at.timestamp() * 1000), b"")
        der = self._private.sign(phone.message(SiteId(site), signed), ec.ECDSA(SHA256()))
        r, s = decode_dss_signature(der)
        return phone.text_of(signed + r.to_bytes(HALF) + s.to_bytes(HALF)).encode("ascii")
