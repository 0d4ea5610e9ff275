"""Pairing and snapshots over HTTP, the identity file, systemd's socket and the chores."""

import socket
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from aldaba_edge.clock import HandClock
from aldaba_edge.cloud_http import CloudUnreachable, HttpSnapshots
from aldaba_edge.health import Health, Systemd
from aldaba_edge.keyfile import Identity, IdentityUnusable, read_identity, write_identity
from aldaba_edge.pairing import PairingRefused, pair
from aldaba_edge.runner import InlineRunner
from aldaba_shared.messages import Kind, PairRequest
from tests.edge.places import FRONT, Keys
from tests.edge.web_cloud import Cloud, web_cloud


@pytest.fixture(name="cloud")
def _cloud() -> Iterator[Cloud]:
    with web_cloud() as cloud:
        yield cloud


@pytest.fixture(name="keys", scope="module")
def _keys() -> Keys:
    return Keys()


def fingerprint(keys: Keys) -> str:
    return sha256(keys.root.public(Kind.KEYS).public_key).hexdigest()


def test_a_code_becomes_an_identity_whose_private_key_was_never_sent(cloud: Cloud, keys: Keys, tmp_path: Path) -> None:
    cloud.body = msgspec.json.encode(keys.identity().answer)
    paired = pair(cloud.url, " 123456 ", fingerprint(keys), "test")
    path, body = cloud.asked[0]
    assert path == "/api/v1/pair"
    request = msgspec.json.decode(body, type=PairRequest)
    assert request.code == "123456"
    assert request.public_key == paired.identity.signing_key().public().public_key
    assert paired.vouched
    write_identity(tmp_path / "identity.json", paired.identity)
    assert read_identity(tmp_path / "identity.json") == paired.identity


def test_without_tls_and_without_a_fingerprint_a_person_has_to_compare_words(cloud: Cloud, keys: Keys) -> None:
    cloud.body = msgspec.json.encode(keys.identity().answer)
    paired = pair(cloud.url, "123456", None, "test")
    assert not paired.vouched
    assert paired.words == "four words are here"


def test_another_root_than_the_one_on_the_qr_is_refused(cloud: Cloud, keys: Keys) -> None:
    cloud.body = msgspec.json.encode(keys.identity().answer)
    with pytest.raises(PairingRefused, match="root key is another one"):
        pair(cloud.url, "123456", "00" * 32, "test")


def test_keys_the_root_did_not_sign_are_refused(cloud: Cloud, keys: Keys) -> None:
    cloud.body = msgspec.json.encode(replace(keys.identity().answer, keys=Keys().key_list()))
    with pytest.raises(PairingRefused, match="not signed by its root"):
        pair(cloud.url, "123456", fingerprint(keys), "test")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(410, b"", PairingRefused), (500, b"", CloudUnreachable), (200, b"<html>", CloudUnreachable)],
)
def test_any_other_answer_is_an_error_a_person_understands(
    cloud: Cloud, status: int, body: bytes, error: type[Exception]
) -> None:
    cloud.status, cloud.body = status, body
    with pytest.raises(error):
        pair(cloud.url, "123456", None, "test")


def fetched(url: str, path: Path) -> bool:
    clock, answers = HandClock(), list[bool]()
    HttpSnapshots(url, InlineRunner(clock.post)).fetch(b"request", path, answers.append)
    clock.settle()
    return answers[0]


def test_a_snapshot_is_downloaded_into_its_file(cloud: Cloud, tmp_path: Path) -> None:
    cloud.body = b"x" * 700_000
    assert fetched(cloud.url, tmp_path / "in" / "rules.db")
    assert (tmp_path / "in" / "rules.db").read_bytes() == cloud.body
    assert cloud.asked == [("/api/v1/snapshot", b"request")]


def test_a_cloud_that_is_not_there_is_no_crash(cloud: Cloud, tmp_path: Path) -> None:
    cloud.status = 503
    assert not fetched(cloud.url, tmp_path / "rules.db")
    assert not fetched("ftp://nowhere", tmp_path / "rules.db")


def spoil_mode(path: Path) -> None:
    path.chmod(0o640)


def spoil_body(path: Path) -> None:
    path.write_bytes(b"{}")


def spoil_key(path: Path) -> None:
    identity = msgspec.json.decode(path.read_bytes(), type=Identity)
    path.write_bytes(msgspec.json.encode(replace(identity, private_key=b"no key")))


@pytest.mark.parametrize("spoil", [spoil_mode, spoil_body, spoil_key, Path.unlink])
def test_an_identity_others_can_read_or_that_is_damaged_is_not_used(
    keys: Keys, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "identity.json"
    write_identity(path, keys.identity())
    assert path.stat().st_mode & 0o777 == 0o600
    spoil(path)
    with pytest.raises(IdentityUnusable):
        read_identity(path)


def heard(receiver: socket.socket) -> list[str]:
    words: list[str] = []
    receiver.setblocking(False)  # noqa: FBT003 - the socket's own shape
    while True:
        try:
            words.append(receiver.recv(100).decode())
        except BlockingIOError:
            return words


def test_the_watchdog_is_fed_only_while_every_door_beats(tmp_path: Path) -> None:
    clock = HandClock()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        health = Health(clock, Systemd(str(tmp_path / "notify")), [FRONT])
        health.start()
        assert heard(receiver) == ["READY=1", "WATCHDOG=1"]
        clock.advance(4)
        assert heard(receiver) == ["WATCHDOG=1"] * 2
        clock.advance(10)
        assert health.silent == (FRONT,)
        assert heard(receiver) == []
        health.beat(FRONT)
        clock.advance(2)
        assert heard(receiver) == ["WATCHDOG=1"]
    Systemd(str(tmp_path / "notify")).say("READY=1")
    Systemd(None).say("READY=1")
