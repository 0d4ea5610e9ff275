from collections.abc import Iterator
from pathlib import Path

import pytest

from aldaba_edge.drivers.negotiation import Negotiation
from aldaba_edge.drivers.options import ALL_KINDS, Pn532Options
from aldaba_edge.drivers.pn532_serial import Pn532Reader
from aldaba_edge.ports import NO_CARD_KEYS, ReaderBack, ReaderLost, Unreadable
from aldaba_shared.keys import CredentialKind
from aldaba_sim.cards import UidCard
from aldaba_sim.pn532 import Pn532Board
from tests.edge.readings import PostBox, plain_digest, seen

ANA = UidCard(bytes.fromhex("deadbeef"))
FIRST = UidCard(bytes.fromhex("01020304"))
BEA = UidCard(bytes.fromhex("04536b4a2f7080"))


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Pn532Board]:
    simulated = Pn532Board(tmp_path / "reader")
    yield simulated
    simulated.close()


@pytest.fixture
def posted() -> PostBox:
    return PostBox()


@pytest.fixture
def reader(board: Pn532Board, tmp_path: Path, posted: PostBox) -> Iterator[Pn532Reader]:
    options = Pn532Options(path=str(tmp_path / "reader"), poll_ms=5, absent_ms=60, probe_ms=60, retry_ms=20)
    driver = Pn532Reader(options, Negotiation(ALL_KINDS, plain_digest, NO_CARD_KEYS))
    driver.open(posted)
    board.hold(FIRST)
    assert posted.next() == seen(CredentialKind.UID, FIRST.uid)
    board.take()
    yield driver
    driver.close()


@pytest.mark.usefixtures("reader")
def test_a_card_is_seen_once_until_it_leaves(board: Pn532Board, posted: PostBox) -> None:
    board.hold(ANA)
    assert posted.next() == seen(CredentialKind.UID, ANA.uid)
    board.take()
    board.hold(BEA)
    assert posted.next() == seen(CredentialKind.UID, BEA.uid)
    board.hold(ANA)
    assert posted.next() == seen(CredentialKind.UID, ANA.uid)
    assert list(posted.rest()) == []


@pytest.mark.usefixtures("reader")
def test_a_pulled_cable_is_said_once_and_reading_goes_on_when_it_is_back(board: Pn532Board, posted: PostBox) -> None:
    board.unplug()
    assert isinstance(posted.next(), ReaderLost)
    board.plug()
    assert posted.next() == ReaderBack()
    board.hold(ANA)
    assert posted.next() == seen(CredentialKind.UID, ANA.uid)


@pytest.mark.usefixtures("reader")
def test_a_board_that_died_idle_is_noticed_and_woken(board: Pn532Board, posted: PostBox) -> None:
    board.fall_silent()
    assert posted.next() == ReaderLost("pn532_no_ack")
    assert posted.next() == ReaderBack()
    board.hold(BEA)
    assert posted.next() == seen(CredentialKind.UID, BEA.uid)


@pytest.mark.usefixtures("reader")
def test_junk_on_the_line_is_said_and_the_next_card_still_read(board: Pn532Board, posted: PostBox) -> None:
    board.garble(b"\x13\x37")
    assert posted.next() == Unreadable("pn532_noise")
    board.garble(b"\x00\x00\xff\xf0\x10")
    board.hold(ANA)
    readings = [posted.next()]
    while isinstance(readings[-1], Unreadable):
        readings.append(posted.next())
    assert readings[-1] == seen(CredentialKind.UID, ANA.uid)


def test_a_reader_that_never_was_there_is_lost_and_can_be_closed(tmp_path: Path, posted: PostBox) -> None:
    driver = Pn532Reader(
        Pn532Options(path=str(tmp_path / "nothing")), Negotiation(ALL_KINDS, plain_digest, NO_CARD_KEYS)
    )
    driver.open(posted)
    assert posted.next() == ReaderLost("device_gone")
    driver.close()
    driver.close()
