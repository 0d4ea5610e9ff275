"""An identity that is sealed to a computer: who reads it, and what is said to who cannot."""

from pathlib import Path

import pytest

from aldaba_edge.keyfile import CREDENTIAL, SEALED, IdentityUnusable, read_identity, write_identity
from tests.edge.places import Keys


@pytest.fixture
def unsealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What systemd hands to the daemon: the sealed file's content, in the folder of its credentials."""
    given = tmp_path / "credentials"
    write_identity(given / CREDENTIAL, Keys().identity())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    return given


def test_the_daemon_reads_what_systemd_unsealed_for_it(tmp_path: Path, unsealed: Path) -> None:
    (tmp_path / SEALED).write_bytes(b"nothing that anybody else can read")
    assert read_identity(tmp_path / "identity") == read_identity(unsealed / CREDENTIAL)


def test_a_pairing_anew_counts_more_than_what_was_sealed_before(tmp_path: Path, unsealed: Path) -> None:
    assert unsealed
    again = Keys().identity()
    write_identity(tmp_path / "identity", again)
    assert read_identity(tmp_path / "identity") == again


def test_elsewhere_a_sealed_identity_is_said_to_be_sealed(tmp_path: Path) -> None:
    (tmp_path / SEALED).write_bytes(b"sealed on another computer")
    with pytest.raises(IdentityUnusable, match="sealed to this computer"):
        read_identity(tmp_path / "identity")
