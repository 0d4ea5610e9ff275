"""A phone's code at a door: read, looked up among its kind and proven, beside one P-256 verification by the library.

The phone is known already, as it is from its second visit on; its key is then
kept ready. performance.md allows 1.5 times the one verification.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from aldaba_shared import phone
from aldaba_shared.ids import SiteId
from aldaba_sim.phone import HALF, SimulatedPhone
from bench.harness import Case, Samples, timed

SITE = SiteId("site")
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
TIMES = 2_000


def cases(_room: Path) -> Iterator[Case]:
    """One code, from the scanner's text to the proof."""
    shown = SimulatedPhone.fresh()
    text = shown.code(SITE, NOON)
    code = phone.read(text)
    assert code is not None
    signature = encode_dss_signature(*(int.from_bytes(code.signature[at : at + HALF]) for at in (0, HALF)))
    signed, key = phone.message(SITE, code.signed), ec.EllipticCurvePublicKey.from_encoded_point
    public, algorithm = key(ec.SECP256R1(), shown.public), ec.ECDSA(SHA256())

    def ours() -> Samples:
        return timed(lambda: _proven(text, shown.public), TIMES)

    def floor() -> Samples:
        return timed(lambda: public.verify(signature, signed, algorithm), TIMES)

    yield Case("phone code, read and proven", ours, floor, reach=1.5)


def _proven(text: bytes, public: bytes) -> None:
    code = phone.read(text)
    assert code is not None
    assert phone.proven(code, public, SITE)
