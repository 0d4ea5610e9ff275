import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_edge.codecs.keypad import PinEntry
from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.codecs.wiegand import (
    FORMATS,
    CardNumber,
    Key,
    Parity,
    PulseReader,
    WiegandFormat,
    build_bits,
    build_key,
    read_bits,
)
from aldaba_edge.drivers.registry import Kind, load_registry

VECTORS = json.loads((Path(__file__).parents[2] / "golden" / "wiegand.json").read_text())
D0, D1 = 0, 1


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['format']}-{case['card']}")
def test_vectors_are_read_and_built(case: dict[str, object]) -> None:
    known = FORMATS[str(case["format"])]
    card = CardNumber(known.name, case["facility"], case["card"])  # type: ignore[arg-type]  # JSON knows no types
    assert read_bits(str(case["wire_bits"]), [known]) == card
    assert build_bits(card, known) == case["wire_bits"]


def test_a_published_card_is_read() -> None:
    published = VECTORS["published"][1]
    assert read_bits(published["bits"], [FORMATS["H10301"]]) == CardNumber("H10301", 90, 324)


@given(data=st.data(), name=st.sampled_from(sorted(FORMATS)))
def test_any_single_wrong_bit_is_refused_by_parity(data: st.DataObject, name: str) -> None:
    known = FORMATS[name]
    number = data.draw(st.integers(0, 2 ** known.number[1] - 1))
    bits = list(build_bits(CardNumber(name, 0 if known.facility else None, number), known))
    wrong = data.draw(st.integers(0, known.bits - 1))
    bits[wrong] = "10"[int(bits[wrong])]
    event(f"{name}: bit {'inside' if 0 < wrong < known.bits - 1 else 'of parity'}")
    assert read_bits("".join(bits), [known]) == Malformed("wiegand_parity")


def test_a_length_nobody_configured_is_no_card() -> None:
    bits = build_bits(CardNumber("H10306", 1, 2), FORMATS["H10306"])
    assert read_bits(bits, [FORMATS["H10301"]]) == Malformed("wiegand_length")
    assert read_bits("", [FORMATS["H10301"]]) == Malformed("wiegand_length")


@pytest.mark.parametrize("length", [4, 8])
def test_keys_come_in_bursts_of_four_or_eight_bits(length: int) -> None:
    for value in range(12):
        assert read_bits(build_key(value, length=length), []) == Key(value)


def test_a_key_whose_complement_is_wrong_is_no_key() -> None:
    assert read_bits("00000101", []) == Malformed("wiegand_key_complement")
    assert read_bits("1111", []) == Malformed("wiegand_key")


def test_a_format_of_the_house_is_data() -> None:
    house = WiegandFormat(
        name="house-32",
        bits=32,
        facility=(1, 12),
        number=(13, 18),
        parities=(Parity(at=0, odd=True, start=1, length=31),),
    )
    card = CardNumber("house-32", 4095, 77)
    assert read_bits(build_bits(card, house), [house]) == card


EVEN = Parity(at=0, odd=False, start=1, length=15)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"number": (20, 30)}, "number (20, 30) is not within its 32 bits", id="beyond its frame"),
        pytest.param({"number": (-1, 8)}, "number (-1, 8) is not within", id="before its frame"),
        pytest.param({"number": (4, 0)}, "number (4, 0) is not within", id="an empty number"),
        pytest.param({"bits": 8, "number": (1, 3), "parities": ()}, "8 bits are a key", id="as long as a key"),
        pytest.param({"bits": 300}, "300 bits are not between", id="longer than any frame"),
        pytest.param({"facility": (10, 8)}, "number and facility share bits", id="overlapping numbers"),
        pytest.param({"number": (0, 20)}, "number and parity 1 share bits", id="a parity bit that is data"),
        pytest.param({"parities": (Parity(at=3, odd=True, start=1, length=9),)}, "covers itself", id="its own parity"),
        pytest.param(
            {"parities": (Parity(at=31, odd=True, start=0, length=31), EVEN)}, "covers parity 2", id="out of order"
        ),
        pytest.param({"name": "a:b"}, "its name is not", id="a name that would forge another number"),
    ],
)
def test_every_mistake_in_a_format_is_said(changed: dict[str, Any], said: str) -> None:
    sound: dict[str, Any] = {"name": "house", "bits": 32, "number": (13, 18), "parities": (EVEN,)}
    assert WiegandFormat(**sound)
    with pytest.raises(ValueError, match=re.escape(said)):
        WiegandFormat(**(sound | changed))


def test_all_mistakes_of_a_format_are_told_together_when_a_configuration_is_checked() -> None:
    bad = {"name": "house", "bits": 32, "number": [13, 30], "facility": [12, 4], "parity": []}
    wrong = load_registry().check(Kind.READER, "wiegand", {"d0": 5, "d1": 6, "formats": [], "custom_formats": [bad]})
    assert any("parity" in one for one in wrong), "a key nobody knows"
    del bad["parity"]
    wrong = load_registry().check(Kind.READER, "wiegand", {"d0": 5, "d1": 6, "formats": [], "custom_formats": [bad]})
    assert "is not within its 32 bits" in wrong[0]
    assert "share bits" in wrong[0]
    taken = {"name": "H10301", "bits": 27, "number": [1, 20]}
    wrong = load_registry().check(Kind.READER, "wiegand", {"d0": 5, "d1": 6, "formats": [], "custom_formats": [taken]})
    assert "a name of its own" in wrong[0]


@st.composite
def formats(draw: st.DrawFn) -> WiegandFormat:
    """A format of anybody's: a number, perhaps a facility, and parities over any bits but their own."""
    inner = draw(st.integers(8, 60))
    split = draw(st.integers(0, inner - 2))
    facility = (1, split) if split else None
    first, last = draw(st.integers(1, inner)), draw(st.booleans())
    parities = [Parity(at=0, odd=draw(st.booleans()), start=1, length=first)]
    if last:
        parities.append(Parity(at=inner + 1, odd=draw(st.booleans()), start=draw(st.integers(0, inner)), length=1))
    return WiegandFormat(
        name="drawn",
        bits=inner + 1 + last,
        number=(1 + split, inner - split),
        facility=facility,
        parities=tuple(parities),
    )


@given(data=st.data(), known=formats())
def test_whatever_a_format_says_its_cards_come_back_and_a_wrong_bit_under_parity_does_not(
    data: st.DataObject, known: WiegandFormat
) -> None:
    number = data.draw(st.integers(0, 2 ** known.number[1] - 1))
    facility = data.draw(st.integers(0, 2 ** known.facility[1] - 1)) if known.facility else None
    card = CardNumber(known.name, facility, number)
    bits = build_bits(card, known)
    assert read_bits(bits, [known]) == card
    covered = {parity.at for parity in known.parities} | {
        at for parity in known.parities for at in range(parity.start, parity.start + parity.length)
    }
    event(f"{len(known.parities)} parities, {'all' if len(covered) == known.bits else 'some'} bits covered")
    for at in covered:
        flipped = bits[:at] + "10"[int(bits[at])] + bits[at + 1 :]
        assert read_bits(flipped, [known]) == Malformed("wiegand_parity")


def pulses_of(bits: str) -> list[tuple[int, bool, float]]:
    """Each bit pulls its line low for 50 µs, one every 2 ms."""
    edges: list[tuple[int, bool, float]] = []
    for position, bit in enumerate(bits):
        edges += [(int(bit), False, position * 2e-3), (int(bit), True, position * 2e-3 + 50e-6)]
    return edges


def frames_of(edges: list[tuple[int, bool, float]]) -> list[str | Malformed]:
    reader = PulseReader()
    frames = [frame for edge in edges for frame in reader.edge(*edge)]
    return frames + reader.look(1e6)


BITS = VECTORS["cases"][3]["wire_bits"]


def test_clean_pulses_become_bits_and_two_cards_two_frames() -> None:
    later = [(line, level, at + 1.0) for line, level, at in pulses_of(BITS)]
    assert frames_of(pulses_of(BITS)) == [BITS]
    assert frames_of(pulses_of(BITS) + later) == [BITS, BITS]


@pytest.mark.parametrize(
    ("spoiled", "why"),
    [
        pytest.param(lambda at, n: at + 60e-6 * (n == 9), "wiegand_pulse", id="one pulse is too long"),
        pytest.param(lambda at, n: at - 45e-6 * (n == 9), "wiegand_pulse", id="one pulse is too short"),
        pytest.param(lambda at, n: at - 1.9e-3 * (n >= 10), "wiegand_interval", id="two pulses are too close"),
        pytest.param(lambda at, n: at + 30e-3 * (n >= 10), "wiegand_interval", id="a pause within the frame"),
    ],
)
def test_unclean_pulses_refuse_the_whole_frame(spoiled: Callable[[float, int], float], why: str) -> None:
    edges = [(line, level, spoiled(at, n)) for n, (line, level, at) in enumerate(pulses_of(BITS))]
    assert frames_of(edges) == [Malformed(why)]


def test_a_lost_edge_or_both_lines_low_refuse_the_frame() -> None:
    edges = pulses_of(BITS)
    assert isinstance(frames_of(edges[:9] + edges[10:])[0], Malformed)
    assert isinstance(frames_of(edges[:8] + edges[9:])[0], Malformed)
    both = [(D0, False, 0.0), (D1, False, 10e-6), (D0, True, 50e-6), (D1, True, 60e-6)]
    assert frames_of(both) == [Malformed("wiegand_both_lines")]


def test_a_pin_is_told_by_enter_alone_and_forgotten_by_clear_or_a_pause() -> None:
    def typed(keys: str, *, pause_before: int = 0) -> bytes | None:
        entry, at, told = PinEntry(), 0.0, None
        for position, key in enumerate(keys):
            at += 60.0 if pause_before and position == pause_before else 0.5
            told = entry.press("0123456789*#".index(key), at)
        return told

    assert typed("1234#") == b"1234"
    assert typed("1234") is None
    assert typed("99*1234#") == b"1234"
    assert typed("991234#", pause_before=2) == b"1234"
    assert typed("#") is None
    assert typed("1" * 12 + "#") == b"1" * 12
    assert typed("1" * 13 + "#") is None
    assert typed("1" * 40 + "#") is None
