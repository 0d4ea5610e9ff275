"""The certificate for the broker, on the controller's side: kept whole, renewed in its last month, once."""

import ssl
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from aldaba_edge.certificate import (
    RENEW_BEFORE,
    Asker,
    CertificateUnusable,
    Renewal,
    draft,
    holds_until,
    write_certificate,
)
from aldaba_edge.clock import HandClock
from aldaba_edge.cloud_http import HttpSnapshots
from aldaba_edge.keyfile import CERTIFICATE
from aldaba_edge.runner import InlineRunner
from aldaba_shared.envelope import KeyRing, SigningKey, unseal
from aldaba_shared.ids import ControllerId
from aldaba_shared.messages import CertificateRequest, Kind
from tests.edge.web_cloud import Cloud, web_cloud

ME = ControllerId("ctl_1")
LIVES = timedelta(days=90)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a small authority")])


class SmallAuthority:
    """Signs whatever it is asked for, as the cloud's authority does."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())

    def sign(self, request: bytes, *, server: bool = False) -> bytes:
        """A certificate for the key of a request; a server's is for this machine."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(NAME)
            .public_key(x509.load_der_x509_csr(request).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._clock.now())
            .not_valid_after(self._clock.now() + LIVES)
        )
        if server:
            here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
            builder = builder.add_extension(here, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    @property
    def certificate(self) -> bytes:
        """Its own, signed by itself."""
        made = (
            x509.CertificateBuilder()
            .subject_name(NAME)
            .issuer_name(NAME)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(self._clock.now())
            .not_valid_after(self._clock.now() + LIVES)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(Encoding.PEM)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def authority(clock: HandClock) -> SmallAuthority:
    return SmallAuthority(clock)


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate(ME.encode())


@pytest.fixture
def cloud(authority: SmallAuthority, key: SigningKey) -> Iterator[Cloud]:
    """Answers a renewal that is signed by the controller, and nothing else."""

    def renewed(envelope: bytes) -> bytes:
        ring = KeyRing([key.public(Kind.CERTIFY)])
        return authority.sign(unseal(Kind.CERTIFY, "cloud", envelope, ring, CertificateRequest).request)

    with web_cloud() as serving:
        serving.answer = renewed
        yield serving


@pytest.fixture
def paired(tmp_path: Path, authority: SmallAuthority) -> Path:
    """The folder of a controller that got a certificate at pairing."""
    asked = draft()
    write_certificate(tmp_path, asked, authority.sign(asked.request))
    return tmp_path


@pytest.fixture
def shown() -> list[datetime]:
    """When the link was told to show another certificate."""
    return []


@pytest.fixture
def renewal(paired: Path, cloud: Cloud, key: SigningKey, clock: HandClock, shown: list[datetime]) -> Renewal:
    asker = Asker(ME, key, cloud.url + "/")
    return Renewal(paired, asker, InlineRunner(clock.post), clock, lambda: shown.append(clock.now()))


def test_key_and_certificate_are_one_file_that_nobody_else_reads(paired: Path, clock: HandClock) -> None:
    file = paired / CERTIFICATE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert holds_until(paired) == clock.now() + LIVES


def test_a_certificate_for_another_key_is_refused_and_the_old_one_stays(
    paired: Path, authority: SmallAuthority
) -> None:
    before = (paired / CERTIFICATE).read_bytes()
    with pytest.raises(CertificateUnusable, match="another key"):
        write_certificate(paired, draft(), authority.sign(draft().request))
    with pytest.raises(CertificateUnusable, match="no certificate"):
        write_certificate(paired, draft(), b"<html>")
    assert (paired / CERTIFICATE).read_bytes() == before


def test_nothing_is_asked_for_while_more_than_a_month_is_left(renewal: Renewal, cloud: Cloud, clock: HandClock) -> None:
    clock.advance((LIVES - RENEW_BEFORE).total_seconds() - 1)
    renewal.look()
    clock.settle()
    assert cloud.asked == []


def test_in_the_last_month_a_new_certificate_for_a_new_key_is_fetched_and_shown(
    renewal: Renewal, paired: Path, cloud: Cloud, clock: HandClock, shown: list[datetime]
) -> None:
    before = (paired / CERTIFICATE).read_bytes()
    clock.advance((LIVES - RENEW_BEFORE).total_seconds())
    renewal.look()
    renewal.look()
    clock.settle()
    assert [path for path, _ in cloud.asked] == ["/api/v1/certificate"]
    assert holds_until(paired) == renewal.until == clock.now() + LIVES
    assert (paired / CERTIFICATE).read_bytes().partition(b"-----END")[0] != before.partition(b"-----END")[0]
    assert shown == [clock.now()]


def test_a_certificate_that_ran_out_while_there_was_no_network_is_renewed_like_any_other(
    renewal: Renewal, paired: Path, cloud: Cloud, clock: HandClock
) -> None:
    clock.advance(LIVES.total_seconds() * 3)
    cloud.status = 503
    renewal.look()
    clock.settle()
    assert holds_until(paired) < clock.now()  # type: ignore[operator]  # there is one
    cloud.status = 200
    renewal.look()
    clock.settle()
    assert holds_until(paired) == clock.now() + LIVES


def test_a_controller_that_never_had_a_certificate_asks_for_none(
    tmp_path: Path, key: SigningKey, clock: HandClock, cloud: Cloud
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    renewal = Renewal(empty, Asker(ME, key, cloud.url), InlineRunner(clock.post), clock, lambda: None)
    clock.advance(LIVES.total_seconds())
    renewal.look()
    clock.settle()
    assert cloud.asked == []


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Cloud, SmallAuthority]]:
    """A web server over TLS that lets nobody near who has no certificate of the authority."""
    authority = SmallAuthority(HandClock(datetime.now(UTC) - timedelta(minutes=1)))
    asked = draft()
    server, trusted = tmp_path / "server.pem", tmp_path / "authority.pem"
    server.write_bytes(asked.key + authority.sign(asked.request, server=True))
    trusted.write_bytes(authority.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(trusted))
    context.load_cert_chain(server)
    context.verify_mode = ssl.CERT_REQUIRED
    with web_cloud(context) as cloud:
        cloud.body = b"rules"
        yield cloud, authority


def fetched(cloud: Cloud, into: Path, certificate: Path | None) -> bool:
    clock, answers = HandClock(), list[bool]()
    HttpSnapshots(cloud.url, InlineRunner(clock.post), certificate).fetch(b"request", into, answers.append)
    clock.settle()
    return answers[0]


def test_a_proxy_that_asks_for_the_controllers_certificate_is_shown_it(
    guarded: tuple[Cloud, SmallAuthority], tmp_path: Path
) -> None:
    cloud, authority = guarded
    asked = draft()
    write_certificate(tmp_path, asked, authority.sign(asked.request))
    assert fetched(cloud, tmp_path / "rules.db", tmp_path / CERTIFICATE)
    assert (tmp_path / "rules.db").read_bytes() == b"rules"


def test_a_proxy_that_asks_for_a_certificate_lets_nobody_near_without_one(
    guarded: tuple[Cloud, SmallAuthority], tmp_path: Path
) -> None:
    cloud, _authority = guarded
    assert not fetched(cloud, tmp_path / "rules.db", None)
    assert cloud.asked == []
