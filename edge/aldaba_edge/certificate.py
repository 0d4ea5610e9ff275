"""The certificate by which the broker knows this controller: given at pairing, renewed long before it ends.

Its key is made here, is not the one that signs the journal, and changes with
every renewal. Who asks is proved by the signature under the request and not by
the old certificate, so a door that slept past the end of its certificate is
renewed like any other.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from aldaba_edge.cloud_http import post
from aldaba_edge.keyfile import CERTIFICATE, write_private
from aldaba_edge.ports import Clock
from aldaba_edge.runner import Runner
from aldaba_shared.envelope import SigningKey, seal
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ControllerId
from aldaba_shared.messages import CertificateRequest, Kind

log: Final = structlog.get_logger()

RENEW_BEFORE: Final = timedelta(days=30)
"""Of 90: a door may be without network for a month and still come back with a certificate that holds."""
MOST_ANSWER: Final = 16 * 1024
SPKI: Final = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class CertificateUnusable(AldabaError):
    """What the cloud sent is no certificate for the key it was asked for."""

    code = "certificate_unusable"

    def __init__(self, why: str) -> None:
        super().__init__(f"The certificate for the broker cannot be used: {why}. Pair the controller again.")
        self.why = why


@dataclass(frozen=True, slots=True)
class Draft:
    """A new private key in PEM, and the request (PKCS #10, DER) for its certificate."""

    key: bytes
    request: bytes
    public: bytes


def draft() -> Draft:
    """Make a key and ask for its certificate; the subject is the cloud's to say."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Draft(private, request.public_bytes(Encoding.DER), key.public_key().public_bytes(*SPKI))


def write_certificate(folder: Path, asked: Draft, answer: bytes) -> datetime:
    """Keep key and certificate in one file, as TLS wants them; answers until when it holds.

    Raises:
        CertificateUnusable: the answer is no certificate, or one for another key.
    """
    try:
        made = x509.load_pem_x509_certificate(answer)
        same = made.public_key().public_bytes(*SPKI) == asked.public
    except (ValueError, TypeError) as error:
        raise CertificateUnusable("the cloud's answer is no certificate") from error
    if not same:
        raise CertificateUnusable("it is for another key")
    write_private(folder / CERTIFICATE, asked.key + answer)
    return made.not_valid_after_utc


def holds_until(folder: Path) -> datetime | None:
    """The end of the certificate that is kept; None without one, or when the file is damaged."""
    try:
        return x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a renewal, and where."""

    controller: ControllerId
    key: SigningKey
    cloud_url: str


class Renewal:
    """Renews the certificate when its last month begins; call `look` now and then, from the loop.

    A failure is told once and tried again at the next look: there are hundreds
    of them in a month. `renewed` is called on the loop with the new file in place.
    """

    def __init__(self, folder: Path, asker: Asker, runner: Runner, clock: Clock, renewed: Callable[[], None]) -> None:
        self._folder = folder
        self._asker = asker
        self._runner = runner
        self._clock = clock
        self._renewed = renewed
        self._failing = False
        self._asking = False
        self.until = holds_until(folder)

    def look(self) -> None:
        """Ask for a new certificate if it is time; a controller that never had one needs none."""
        if self._asking or self.until is None or self.until - self._clock.now() > RENEW_BEFORE:
            return
        self._asking = True
        asked = draft()
        body = CertificateRequest(self._asker.controller, self._clock.now(), secrets.token_bytes(16), asked.request)
        envelope = seal(Kind.CERTIFY, "cloud", body, self._asker.key)
        self._runner.run(lambda: self._fetched(asked, envelope), self._done)

    def _fetched(self, asked: Draft, envelope: bytes) -> datetime:
        answer = bytearray()
        # The old certificate is not shown: a proxy would turn away one that has run out.
        url = f"{self._asker.cloud_url.rstrip('/')}/api/v1/certificate"
        post(url, envelope, "application/cose", answer.extend, MOST_ANSWER)
        return write_certificate(self._folder, asked, bytes(answer))

    def _done(self, result: datetime | AldabaError) -> None:
        self._asking = False
        if isinstance(result, AldabaError):
            if not self._failing:
                log.warning("certificate_not_renewed", why=str(result), holds_until=str(self.until))
            self._failing = True
            return
        self.until, self._failing = result, False
        log.info("certificate_renewed", holds_until=str(result))
        self._renewed()
