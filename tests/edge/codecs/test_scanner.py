import json
from pathlib import Path

import pytest

from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.codecs.scanner import (
    GM65_ACK,
    LONGEST_CODE,
    SPEEDS,
    Acknowledged,
    CodeReader,
    CodeSeen,
    RepeatFilter,
    baud_of,
    build_command,
    command_is_sound,
    set_baud,
)

VECTORS = {
    one["name"]: one for one in json.loads((Path(__file__).parents[2] / "golden" / "gm65.json").read_text())["frames"]
}
COMMANDS = [one for name, one in VECTORS.items() if name != "ack OK"]


@pytest.mark.parametrize("vector", COMMANDS, ids=lambda vector: str(vector["name"]))
def test_commands_are_built_as_the_manual_prints_them(vector: dict[str, object]) -> None:
    wire = bytes.fromhex(str(vector["hex"]))
    kind, address, data = wire[2], int.from_bytes(wire[4:6]), wire[6:-2]
    built = build_command(kind, address, data, checked=bool(vector["crc_checked"]))
    assert (built[:3], built[4:]) == (wire[:3], wire[4:])
    assert command_is_sound(wire)


def test_a_speed_is_set_as_the_manual_prints_it() -> None:
    assert set_baud(9_600) == bytes.fromhex(str(VECTORS["set baud 9600"]["hex"]))
    assert set_baud(115_200)[6:8] == bytes.fromhex("1a00")
    assert [baud_of(set_baud(baud)) for baud in SPEEDS] == list(SPEEDS)
    assert baud_of(bytes.fromhex(str(VECTORS["stop"]["hex"]))) is None


def test_a_code_ends_with_cr_lf_both_or_silence() -> None:
    for ending in (b"\r", b"\n", b"\r\n"):
        assert CodeReader().feed(b"6BFOXN" + ending) == [CodeSeen(b"6BFOXN")]
    reader = CodeReader()
    assert reader.feed(b"6BF") == []
    assert reader.feed(b"OXN") == []
    assert reader.silence() == [CodeSeen(b"6BFOXN")]
    assert reader.silence() == []


def test_the_acknowledgement_before_a_code_is_no_part_of_it() -> None:
    assert CodeReader().feed(GM65_ACK + b"31 IS NO CRC\r") == [Acknowledged(), CodeSeen(b"31 IS NO CRC")]


@pytest.mark.parametrize("cut", range(len(GM65_ACK) + 1))
def test_an_acknowledgement_may_come_in_two_parts(cut: int) -> None:
    reader = CodeReader()
    stream = GM65_ACK + b"HELLO\r"
    assert reader.feed(stream[:cut]) + reader.feed(stream[cut:]) == [Acknowledged(), CodeSeen(b"HELLO")]


def test_an_acknowledgement_inside_a_code_is_taken_out() -> None:
    assert CodeReader().feed(b"HEL" + GM65_ACK + b"LO\r") == [Acknowledged(), CodeSeen(b"HELLO")]


def test_a_code_over_one_kibibyte_is_dropped_whole_and_never_kept() -> None:
    reader = CodeReader()
    assert reader.feed(b"A" * LONGEST_CODE) == []
    assert reader.feed(b"A") == []
    assert reader.pending == 0
    assert reader.feed(b"A" * 500 + b"\r") == [Malformed("scan_too_long")]
    assert reader.feed(b"NEXT\r") == [CodeSeen(b"NEXT")]
    assert reader.feed(b"A" * LONGEST_CODE + b"\r") == [CodeSeen(b"A" * LONGEST_CODE)]


def test_control_bytes_are_no_code() -> None:
    assert CodeReader().feed(b"\x02\x00\x07\r") == [Malformed("scan_control_bytes")]


def test_the_same_code_is_ignored_for_three_seconds_and_another_is_not() -> None:
    repeats = RepeatFilter(3.0)
    assert repeats.is_new(b"A", 10.0)
    assert not repeats.is_new(b"A", 12.9)
    assert repeats.is_new(b"B", 12.95)
    assert repeats.is_new(b"A", 13.0)
    assert repeats.is_new(b"A", 16.0)
