import pytest

from aldaba_edge.codecs import apdu
from aldaba_edge.codecs.apdu import Answer, Command
from aldaba_edge.codecs.malformed import Malformed

# SELECT and AUTHENTICATE of PKOC, GET DATA of PC/SC and a bare command: the four cases of ISO 7816-4.
CASES = {
    "00A4040008A00000089800000100": Command(0x00, 0xA4, 4, 0, bytes.fromhex("a000000898000001"), 256),
    "FFCA000000": apdu.READ_UID,
    "FF00520000": Command(0xFF, 0x00, 0x52, 0x00, expected=256),
    "FF0040D00405050301": Command(0xFF, 0x00, 0x40, 0xD0, bytes.fromhex("05050301")),
    "80500000": Command(0x80, 0x50, 0, 0),
}


@pytest.mark.parametrize("wire", CASES)
def test_all_four_cases_are_built_and_read(wire: str) -> None:
    assert apdu.build_command(CASES[wire]).hex().upper() == wire
    assert apdu.read_command(bytes.fromhex(wire)) == CASES[wire]


@pytest.mark.parametrize("wire", ["", "00A404", "00A4040008A0", "00A40400000102", "00A404000101FFFF"])
def test_a_command_that_lies_about_its_length_is_malformed(wire: str) -> None:
    assert isinstance(apdu.read_command(bytes.fromhex(wire)), Malformed)


def test_an_answer_carries_its_status_and_says_it_in_words() -> None:
    answer = apdu.read_answer(bytes.fromhex("deadbeef9000"))
    assert answer == Answer(bytes.fromhex("deadbeef"), 0x9000)
    assert answer.ok
    assert apdu.build_answer(answer) == bytes.fromhex("deadbeef9000")
    assert Answer(b"", 0x6A82).meaning == "no such file or application"
    assert Answer(b"", 0x1234).meaning == "status 1234"


def test_an_answer_without_a_status_is_malformed() -> None:
    assert apdu.read_answer(b"\x90") == Malformed("apdu_answer_length")
    assert apdu.read_answer(bytes(259)) == Malformed("apdu_answer_length")
