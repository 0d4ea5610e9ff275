"""The PN532 simulator judged by code nobody here wrote: Debian's libnfc talks to it as to a real board."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aldaba_sim.cards import UidCard, phone_like
from aldaba_sim.desfire_card import DesfireCard
from aldaba_sim.pn532 import Pn532Board

pytestmark = pytest.mark.system


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Pn532Board]:
    simulated = Pn532Board(tmp_path / "reader")
    yield simulated
    simulated.close()


def nfc_list(link: Path) -> str:
    device = f"pn532_uart:{link.resolve()}"
    listed = subprocess.run(
        ["nfc-list", "-v"],
        env={**os.environ, "LIBNFC_DEVICE": device},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return listed.stdout + listed.stderr


def test_libnfc_finds_the_simulated_board_and_its_card(board: Pn532Board, tmp_path: Path) -> None:
    board.hold(UidCard(bytes.fromhex("deadbeef")))
    told = nfc_list(tmp_path / "reader")
    assert "opened" in told
    assert "UID (NFCID1): de  ad  be  ef" in told


def test_libnfc_reads_a_phone_with_its_ats(board: Pn532Board, tmp_path: Path) -> None:
    board.hold(phone_like(bytes.fromhex("08536b4a")))
    told = nfc_list(tmp_path / "reader")
    assert "UID (NFCID3): 08  53  6b  4a" in told
    assert "ATS" in told


def test_libfreefare_reads_the_simulated_desfire_card_as_a_real_one(board: Pn532Board, tmp_path: Path) -> None:
    board.hold(DesfireCard(bytes.fromhex("04112233445566")))
    link = tmp_path / "reader"
    told = subprocess.run(
        ["mifare-desfire-info"],
        env={**os.environ, "LIBNFC_DEVICE": f"pn532_uart:{link.resolve()}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert "UID:                      0x04112233445566" in told
    assert "(=4096 bytes)" in told
    assert "Free memory: 4096 bytes" in told
