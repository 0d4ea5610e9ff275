"""The space's own certificate authority: what it signs, what it refuses, and the list of whom not to believe."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aldaba_cloud.authority import Authority, RequestUnusable
from aldaba_cloud.keyring import Keyring

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(Keyring(tmp_path / "keys"), NOW)


def request_for(key: ec.EllipticCurvePrivateKey, name: str = "somebody else") -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.DER)


def test_a_certificate_names_the_controller_whatever_the_request_says(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.controller(request_for(key, "ctl_other"), "ctl_1", NOW)
    made = x509.load_pem_x509_certificate(issued.pem)
    assert made.subject.rfc4514_string() == "CN=ctl_1"
    assert made.public_key() == key.public_key()
    made.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))


def test_a_controllers_certificate_is_for_clients_alone_and_ends_after_ninety_days(authority: Authority) -> None:
    issued = authority.controller(request_for(ec.generate_private_key(ec.SECP256R1())), "ctl_1", NOW)
    made = x509.load_pem_x509_certificate(issued.pem)
    uses = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert issued.until == made.not_valid_after_utc == NOW + timedelta(days=90)


def test_the_broker_is_known_by_each_of_its_names_and_addresses(authority: Authority) -> None:
    files = authority.server(["broker.example.org", "192.0.2.7"], NOW)
    made = x509.load_pem_x509_certificate(files.certificate)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example.org"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]


def test_the_same_key_directory_is_the_same_authority(tmp_path: Path) -> None:
    first, again = (Authority(Keyring(tmp_path / "keys"), NOW + timedelta(days=days)) for days in (0, 30))
    assert first.certificate == again.certificate


def test_the_list_of_the_revoked_names_them_and_holds_for_a_year(authority: Authority) -> None:
    issued = authority.controller(request_for(ec.generate_private_key(ec.SECP256R1())), "ctl_1", NOW)
    listed = x509.load_pem_x509_crl(authority.revocations([(issued.serial, NOW)], NOW))
    assert [one.serial_number for one in listed] == [issued.serial]
    assert listed.next_update_utc == NOW + timedelta(days=365)
    public = x509.load_pem_x509_certificate(authority.certificate).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert listed.is_signature_valid(public)


def broken(request: bytes) -> bytes:
    return request[:-1] + bytes([request[-1] ^ 1])


def of_another_kind() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    return (
        x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, None).public_bytes(Encoding.DER)
    )


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (b"", "malformed"),
        (b"\x30\x03\x02\x01", "malformed"),
        (broken(request_for(ec.generate_private_key(ec.SECP256R1()))), "its own key did not sign it"),
        (request_for(ec.generate_private_key(ec.SECP384R1())), "no P-256 key"),
        (of_another_kind(), "no P-256 key"),
    ],
    ids=["empty", "cut", "badly signed", "P-384", "Ed25519"],
)
def test_an_unusable_request_is_refused_and_says_why(authority: Authority, request_: bytes, why: str) -> None:
    with pytest.raises(RequestUnusable, match=why):
        authority.controller(request_, "ctl_1", NOW)
