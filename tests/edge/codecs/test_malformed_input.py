"""Point 7: ten thousand random and mutated frames on every codec; nothing raises, nothing grows, nothing forged passes.

What a frame says is judged here a second time by a checker that shares no code
with the codec. Run with `-s` to see the distributions.
"""

import random

from aldaba_edge.codecs import apdu, pn532, scanner, wiegand
from aldaba_edge.codecs.malformed import Malformed
from tests.wounds import TIMES, mutated, tally

CARD = pn532.Target(1, b"\x00\x04", 0x08, bytes.fromhex("deadbeef"))
PHONE = pn532.Target(1, b"\x03\x44", 0x20, bytes.fromhex("04536b4a2f7080"), bytes.fromhex("067577810280"))
PN532_SEEDS = [
    pn532.build_frame(pn532.FROM_CHIP, pn532.build_targets((CARD,))),
    pn532.build_frame(pn532.FROM_CHIP, pn532.build_targets((CARD, PHONE))),
    pn532.build_frame(pn532.FROM_CHIP, bytes(range(255))),
    pn532.ACK_BYTES + pn532.build_frame(pn532.FROM_CHIP, bytes.fromhex("0332010607")),
    pn532.ERROR_BYTES + pn532.NACK_BYTES,
]
SCANNER_SEEDS = [scanner.GM65_ACK + b"NCFOXN%TS3DH\r", b"6BFOXN\r\n", b"A" * 1030 + b"\r", b"%69 VD92EX0\n"]
APDU_SEEDS = [
    bytes.fromhex(wire) for wire in ("00A4040008A00000089800000100", "FFCA000000", "FF0040D00405050301", "80500000")
]


def describe(item: object) -> str:
    return item.why if isinstance(item, Malformed) else type(item).__name__


def could_have_been_sent(stream: bytes, frame: pn532.Frame) -> bool:
    """Whether the stream holds, somewhere, this very frame with both of its checksums right: by brute force."""
    body = bytes([frame.direction]) + frame.data
    for at in range(len(stream) - len(body)):
        if stream[at : at + len(body)] == body and (sum(body) + stream[at + len(body)]) % 256 == 0:
            short, long = stream[max(0, at - 4) : at], stream[max(0, at - 7) : at]
            if short[:2] == b"\x00\xff" and short[2] == len(body) and sum(short[2:]) % 256 == 0:
                return True
            if long[:4] == b"\x00\xff\xff\xff" and long[4] * 256 + long[5] == len(body) and sum(long[4:]) % 256 == 0:
                return True
    return False


def test_pn532_lines_may_say_anything() -> None:
    rng, parser, outcomes, sent = random.Random(7), pn532.FrameParser(), [], b""
    for kind, wire in mutated(PN532_SEEDS, rng):
        sent = sent[-600:] + wire
        for item in parser.feed(wire):
            outcomes.append((kind, describe(item)))
            if isinstance(item, pn532.Frame):
                assert could_have_been_sent(sent, item)
                targets = pn532.read_targets(item.data)
                assert isinstance(targets, Malformed) or all(len(one.uid) in (4, 7, 10) for one in targets)
        assert parser.pending <= 2 + 5 + pn532.LONGEST_DATA + 1
    counted = tally("pn532", outcomes)
    assert len({one.split(": ")[1] for one in counted}) >= 8, "the mutants must reach every branch"


def test_a_wounded_card_is_never_another_card() -> None:
    """Without a forged checksum no wound of one byte survives: both checksums are sums, so one change always shows."""
    whole, outcomes = PN532_SEEDS[0], []
    for at in range(3, len(whole) - 1):
        for value in set(range(256)) - {whole[at]}:
            wounded = whole[:at] + bytes([value]) + whole[at + 1 :]
            parser = pn532.FrameParser()
            items = parser.feed(wounded) + parser.silence()
            outcomes += [("one byte", describe(item)) for item in items]
            assert not [item for item in items if isinstance(item, pn532.Frame)], wounded.hex()
    assert tally("pn532, one byte", outcomes).total() > 3000


def test_wiegand_lines_may_carry_anything() -> None:
    rng, formats, outcomes = random.Random(7), list(wiegand.FORMATS.values())[:4], []
    for _ in range(TIMES):
        known = rng.choice(formats)
        bits = wiegand.build_bits(wiegand.CardNumber(known.name, 5 if known.facility else None, 77), known)
        if rng.random() < 0.5:
            bits = "".join(rng.choice("01") for _ in range(rng.randrange(60)))
        else:
            at = rng.randrange(len(bits))
            bits = bits[:at] + "10"[int(bits[at])] + bits[at + 1 :]
            assert wiegand.read_bits(bits, formats) == Malformed("wiegand_parity")
        read = wiegand.read_bits(bits, formats)
        outcomes.append(("bits", describe(read)))
        if isinstance(read, wiegand.CardNumber):
            assert wiegand.build_bits(read, wiegand.FORMATS[read.format]) == bits
    tally("wiegand bits", outcomes)


def test_wiegand_pulses_may_come_at_any_time() -> None:
    rng, reader, now, outcomes = random.Random(7), wiegand.PulseReader(), 0.0, []
    for _ in range(TIMES * 4):
        now += rng.choice((10e-6, 50e-6, 50e-6, 50e-6, 1.95e-3, 1.95e-3, 30e-3, 60e-3))
        frames = reader.edge(rng.randrange(2), rng.random() < 0.5, now)
        outcomes += [("edges", frame.why if isinstance(frame, Malformed) else f"{len(frame)} bits") for frame in frames]
    tally("wiegand edges", outcomes)
    now += 1.0
    for _ in range(TIMES):  # a line that never falls silent must not fill the memory
        reader.edge(0, level=False, at=now)
        reader.edge(0, level=True, at=now + 50e-6)
        now += 2e-3
    assert reader.look(now + 1.0) == [Malformed("wiegand_too_long")]


def test_scanners_may_say_anything() -> None:
    rng, reader, outcomes = random.Random(7), scanner.CodeReader(), []
    for kind, wire in mutated(SCANNER_SEEDS, rng):
        items = reader.feed(wire) + (reader.silence() if rng.random() < 0.2 else [])
        outcomes += [(kind, describe(item)) for item in items]
        assert reader.pending <= scanner.LONGEST_CODE
        assert all(
            0 < len(item.text) <= 1024 and scanner.GM65_ACK not in item.text and min(item.text) >= 0x20
            for item in items
            if isinstance(item, scanner.CodeSeen)
        )
    tally("scanner", outcomes)


def test_apdus_may_be_anything() -> None:
    outcomes, rebuilt = [], 0
    readers = [apdu.read_command, apdu.read_answer]
    for kind, wire in mutated(APDU_SEEDS, random.Random(7)):
        for read in readers:
            found = read(wire)
            outcomes.append((kind, describe(found)))
            if isinstance(found, apdu.Command):
                rebuilt += apdu.build_command(found) == wire
    counted = tally("apdu", outcomes)
    commands = sum(times for what, times in counted.items() if what.endswith(": Command"))
    assert rebuilt == commands > 1000, "what is read as a command is exactly what was sent"
