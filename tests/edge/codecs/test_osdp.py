import pytest
from hypothesis import given
from hypothesis import strategies as st

from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.codecs.osdp import LONGEST, Answered, AnswerReader, SerialNumber, read_card, read_keys
from aldaba_edge.codecs.wiegand import FORMATS, CardNumber, build_bits

PLAIN_CARD = bytes.fromhex("538709000550000000")
"""Reader 7 says a card (50) without a security block; the checksum is the library's affair."""
FORMAT = FORMATS["H10301"]


@pytest.mark.parametrize(
    ("message", "answers"),
    [
        pytest.param("538709000550000000", [Answered(7, in_clear=True)], id="a card in clear"),
        pytest.param("53870d000d02154000000000", [], id="not whole yet"),
        pytest.param("53870c000d021540000000aa", [Answered(7, in_clear=False)], id="secured"),
        pytest.param("538709000541000000", [Answered(7, in_clear=False)], id="a NAK is always in clear"),
        pytest.param("530709000460000000", [], id="our own question"),
    ],
)
def test_it_is_seen_who_answered_and_whether_in_clear(message: str, answers: list[Answered]) -> None:
    assert AnswerReader().feed(bytes.fromhex(message)) == answers


@given(st.binary(max_size=40), st.lists(st.integers(1, 12), max_size=8))
def test_an_answer_after_any_junk_is_found_however_it_is_cut(junk: bytes, cuts: list[int]) -> None:
    reader, found = AnswerReader(), []
    stream = junk.replace(b"\x53", b"") + PLAIN_CARD
    for cut in cuts:
        found += reader.feed(stream[:cut])
        stream = stream[cut:]
    assert [*found, *reader.feed(stream)] == [Answered(7, in_clear=True)]


@given(st.binary(max_size=4 * LONGEST))
def test_any_bytes_keep_no_more_than_one_message(junk: bytes) -> None:
    reader = AnswerReader()
    reader.feed(junk)
    assert len(reader.feed(b"")) == 0


@given(st.integers(0, 255), st.integers(0, 65_535))
def test_a_card_of_a_format_is_its_numbers(facility: int, number: int) -> None:
    card = CardNumber("H10301", facility, number)
    packed = int(build_bits(card, FORMAT).ljust(32, "0"), 2).to_bytes(4)
    assert read_card(packed, 26, [FORMAT], serial_numbers=True) == card


def test_a_card_of_no_format_is_a_serial_number_or_nothing() -> None:
    assert read_card(b"\x04" * 7, 56, [FORMAT], serial_numbers=True) == SerialNumber(b"\x04" * 7)
    assert read_card(b"\x04" * 7, 56, [FORMAT], serial_numbers=False) == Malformed("wiegand_length")
    assert read_card(b"\x04", 26, [FORMAT], serial_numbers=True) == Malformed("osdp_card_bits")
    assert read_card(b"\x04", 4, [FORMAT], serial_numbers=True) == Malformed("osdp_card_bits")


def test_keys_come_in_the_codes_of_the_standard() -> None:
    assert read_keys(b"07\x7f\x0d*#x") == [0, 7, 10, 11, 10, 11]
