from aldaba_edge.codecs import pn532
from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.codecs.pn532 import Ack, ChipError, Frame, FrameParser, Nack, Target

# Frames that libnfc 1.8.0 wrote to a pty, and what they carry (captured in November 2026).
LIBNFC_SAID = {
    "0000ff03fdd414011700": "1401",
    "0000ff09f7d400006c69626e6663be00": "00006c69626e6663",
    "0000ff02fed4022a00": "02",
    "0000ff0cf4d40663026303630d6338633db000": "0663026303630d6338633d",
    "0000ff06fad43205fffffff800": "3205ffffff",
    "0000ff04fcd44a0100e100": "4a0100",
    "0000ff0cf4d44a01008804536b4a2f70802e00": "4a01008804536b4a2f7080",
    "0000ff0af6d4400190640000010000f600": "400190640000010000",
    "0000ff03fdd416f02600": "16f0",
}


def test_frames_of_libnfc_are_read_and_built_byte_for_byte() -> None:
    for wire, data in LIBNFC_SAID.items():
        assert FrameParser().feed(bytes.fromhex(wire)) == [Frame(pn532.TO_CHIP, bytes.fromhex(data))]
        assert pn532.build_frame(pn532.TO_CHIP, bytes.fromhex(data)) == bytes.fromhex(wire)


def test_a_wake_up_before_a_frame_is_no_noise() -> None:
    wire = bytes.fromhex("555500000000000000000000000000000000ff03fdd414011700")
    assert FrameParser().feed(wire) == [Frame(pn532.TO_CHIP, pn532.SAM_CONFIGURATION)]


def test_a_firmware_answer_may_come_one_byte_at_a_time() -> None:
    parser = FrameParser()
    wire = pn532.ACK_BYTES + bytes.fromhex("0000FF06FAD50332010607E800")
    items = [item for byte in wire for item in parser.feed(bytes([byte]))]
    assert items == [Ack(), Frame(pn532.FROM_CHIP, bytes.fromhex("0332010607"))]
    assert parser.pending <= 1


def test_short_frames_are_told_apart() -> None:
    wire = pn532.ACK_BYTES + pn532.NACK_BYTES + pn532.ERROR_BYTES
    assert FrameParser().feed(wire) == [Ack(), Nack(), ChipError()]


def test_long_data_travels_in_an_extended_frame() -> None:
    data = bytes(range(255))
    wire = pn532.build_frame(pn532.FROM_CHIP, data)
    assert wire[3:5] == b"\xff\xff"
    assert FrameParser().feed(wire) == [Frame(pn532.FROM_CHIP, data)]
    assert pn532.build_frame(pn532.FROM_CHIP, data[:254])[3:5] == b"\xff\x01"


def test_a_broken_checksum_is_said_and_the_next_frame_still_read() -> None:
    good = pn532.build_frame(pn532.FROM_CHIP, b"\x03\x32")
    broken = good[:-3] + bytes([good[-3] ^ 1]) + good[-2:]
    items = FrameParser().feed(broken + good)
    assert Malformed("pn532_data_checksum") in items
    assert items[-1] == Frame(pn532.FROM_CHIP, b"\x03\x32")


def test_a_frame_swallowed_by_a_false_length_is_found_after_silence() -> None:
    good = pn532.build_frame(pn532.FROM_CHIP, b"\x03\x32")
    parser = FrameParser()
    assert parser.feed(b"\x00\xff\xf0\x10" + good) == []
    assert parser.silence() == [Malformed("pn532_cut"), Malformed("pn532_noise"), Frame(pn532.FROM_CHIP, b"\x03\x32")]
    assert parser.silence() == []


def test_cards_of_all_uid_lengths_are_listed() -> None:
    cards = (
        Target(1, b"\x00\x04", 0x08, bytes.fromhex("deadbeef")),
        Target(2, b"\x03\x44", 0x20, bytes.fromhex("04536b4a2f7080"), bytes.fromhex("0675778102" + "80")),
    )
    assert pn532.read_targets(pn532.build_targets(cards)) == cards
    assert pn532.read_targets(pn532.build_targets(())) == ()


def test_a_list_that_lies_about_its_lengths_is_malformed() -> None:
    answer = pn532.build_targets((Target(1, b"\x00\x04", 0x08, bytes.fromhex("deadbeef")),))
    for lie in (answer[:-1], answer + b"\x00", answer[:6] + b"\x05" + answer[7:], b"\x4b", b"\x4b\x02" + answer[2:]):
        assert isinstance(pn532.read_targets(lie), Malformed), lie.hex()
