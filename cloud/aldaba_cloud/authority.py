"""The certificate authority of a space: it vouches for controllers to the broker, and for nobody else.

Public TLS says who a web server is; nothing public says that a controller is one
of ours. So the cloud keeps a small authority of its own (X.509, RFC 5280; P-256):
it signs the broker's server certificate, a client certificate for every
controller at pairing, and the list of those that are not believed any more. Its
key lies beside the cloud's other keys, never in the database.

A controller's certificate lives 90 days and is renewed from the sixtieth on. A
stolen controller is not waited for: its certificate goes on the revocation list
and its account leaves the broker at once (ADR 0040).
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aldaba_cloud.keyring import Keyring
from aldaba_shared.errors import AldabaError

AUTHORITY_LIVES: Final = timedelta(days=365 * 20)
SERVER_LIVES: Final = timedelta(days=397)
CONTROLLER_LIVES: Final = timedelta(days=90)
REVOCATIONS_LIVE: Final = timedelta(days=365)
"""OpenSSL refuses everybody once the list is out of date; the cloud writes it anew whenever it starts."""
CLOCKS_DIFFER: Final = timedelta(hours=1)
"""A door's clock may be behind ours: certificates hold from an hour before they are made."""

PublicKey = ec.EllipticCurvePublicKey


class RequestUnusable(AldabaError):
    """A certificate signing request is malformed, badly signed, or for a key of another kind."""

    code = "certificate_request_unusable"

    def __init__(self, why: str) -> None:
        super().__init__(f"No certificate was made: {why}. Send a PKCS #10 request for a P-256 key, in DER.")
        self.why = why


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate in PEM, its serial number, and until when it holds."""

    pem: bytes
    serial: int
    until: datetime


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """What a broker needs to show who it is: certificate and private key, both in PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs with the key in the key directory, which is made on first use."""

    def __init__(self, keyring: Keyring, now: datetime) -> None:
        pem = keyring.file("broker-authority.key", lambda: _private_pem(ec.generate_private_key(ec.SECP256R1())))
        self._key = _p256(load_pem_private_key(pem, None))
        self.certificate = keyring.file("broker-authority.crt", lambda: _own_certificate(self._key, now))
        """The authority's own certificate in PEM: what both sides check the other by."""
        self._issuer = x509.load_pem_x509_certificate(self.certificate)

    def controller(self, request: bytes, name: str, now: datetime, lives: timedelta = CONTROLLER_LIVES) -> Issued:
        """A client certificate for the key in a signing request (PKCS #10, DER); the subject is what we say.

        Raises:
            RequestUnusable: malformed, not signed by its own key, or no P-256 key.
        """
        builder = self._builder(name, _requested_key(request), now, lives)
        client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return self._signed(builder.add_extension(client, critical=True))

    def server(self, names: Sequence[str], now: datetime) -> ServerFiles:
        """A certificate and a new key for a broker that is reached by these names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(names[0], key.public_key(), now, SERVER_LIVES)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([_san(name) for name in names]), critical=False)
        return ServerFiles(self._signed(builder).pem, _private_pem(key))

    def revocations(self, revoked: Iterable[tuple[int, datetime]], now: datetime) -> bytes:
        """The list of certificates that are not believed any more, in PEM; serial number and since when of each."""
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=self._issuer.subject, last_update=now - CLOCKS_DIFFER, next_update=now + REVOCATIONS_LIVE
        )
        for serial, at in revoked:
            one = x509.RevokedCertificateBuilder(serial_number=serial, revocation_date=at.astimezone(UTC))
            builder = builder.add_revoked_certificate(one.build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def _builder(self, name: str, key: PublicKey, now: datetime, lives: timedelta) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(self._issuer.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCKS_DIFFER)
            .not_valid_after(now + lives)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> Issued:
        made = builder.sign(self._key, hashes.SHA256())
        return Issued(made.public_bytes(Encoding.PEM), made.serial_number, made.not_valid_after_utc)


def _own_certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    name = _named("Aldaba broker authority")
    uses = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + AUTHORITY_LIVES)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **uses), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def _requested_key(request: bytes) -> PublicKey:
    try:
        read = x509.load_der_x509_csr(request)
        key = read.public_key()
    except (ValueError, TypeError) as error:
        raise RequestUnusable("the request is malformed") from error
    if not isinstance(key, PublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RequestUnusable("its key is no P-256 key")
    if not read.is_signature_valid:
        raise RequestUnusable("its own key did not sign it")
    return key


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _p256(key: object) -> ec.EllipticCurvePrivateKey:
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(type(key))
    return key


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
