from collections.abc import Iterator

import pytest

from aldaba_edge.drivers.registry import load_registry
from aldaba_edge.ports import Reader, ReaderLost, Signal
from aldaba_shared.keys import CredentialKind
from aldaba_sim.cards import UidCard
from aldaba_sim.pcsc import VpcdSlot
from tests.edge.readings import PostBox, plain_digest, seen
from tests.system.pcscd import READER_NAME, virtual_reader

pytestmark = [pytest.mark.system]

ANA = UidCard(bytes.fromhex("deadbeef"))
BEA = UidCard(bytes.fromhex("04536b4a2f7080"))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with virtual_reader() as first_slot:
        yield first_slot


@pytest.fixture
def slot(port: int) -> Iterator[VpcdSlot]:
    held = VpcdSlot(port)
    yield held
    held.take()


@pytest.fixture
def reader(port: int) -> Iterator[Reader]:
    assert port
    opened = load_registry().reader("acr122u", {"reader": f"{READER_NAME} 00 00"}, plain_digest)
    yield opened
    opened.close()


def test_a_virtual_card_behind_a_real_pcscd_is_seen_once(slot: VpcdSlot, reader: Reader) -> None:
    posted = PostBox()
    reader.open(posted)
    slot.hold(ANA)
    assert posted.next() == seen(CredentialKind.UID, ANA.uid)
    slot.take()
    slot.hold(BEA)
    assert posted.next() == seen(CredentialKind.UID, BEA.uid)
    assert list(posted.rest()) == []


def test_the_readers_own_lamp_is_asked_to_show_the_answer(slot: VpcdSlot, reader: Reader) -> None:
    posted = PostBox()
    reader.open(posted)
    slot.hold(ANA)
    assert posted.next() == seen(CredentialKind.UID, ANA.uid)
    reader.show(Signal.GRANTED)
    assert slot.wait_shown() == bytes.fromhex("FF0040D00405050301")


def test_a_reader_that_is_not_there_is_lost_and_says_why(port: int) -> None:
    assert port
    posted = PostBox()
    missing = load_registry().reader("acr1252u", {"reader": "ACR1252"}, plain_digest)
    missing.open(posted)
    assert posted.next() == ReaderLost("pcsc_reader_not_found")
    missing.close()


def test_a_name_that_fits_two_readers_is_refused(port: int) -> None:
    assert port
    posted = PostBox()
    either = load_registry().reader("acr122u", {"reader": "ACR122U"}, plain_digest)
    either.open(posted)
    assert posted.next() == ReaderLost("pcsc_reader_ambiguous")
    either.close()
