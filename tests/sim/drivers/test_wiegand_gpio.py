from collections.abc import Iterator
from pathlib import Path

import pytest

from aldaba_edge.codecs.wiegand import FORMATS, CardNumber
from aldaba_edge.drivers.registry import Kind, Registry, load_registry
from aldaba_edge.ports import KeyPressed, PinTyped, Unreadable
from aldaba_shared.keys import CredentialKind
from aldaba_sim.pin_panel import PinPanel
from aldaba_sim.wiegand_pins import WiegandSender
from tests.edge.readings import PostBox, plain_digest, seen

D0, D1 = 14, 15


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[PinPanel]:
    simulated = PinPanel(tmp_path / "pins.sock")
    yield simulated
    simulated.close()


@pytest.fixture
def sender(panel: PinPanel) -> WiegandSender:
    return WiegandSender(panel, D0, D1)


@pytest.fixture
def registry(panel: PinPanel, tmp_path: Path, sender: WiegandSender) -> Iterator[Registry]:
    assert isinstance(panel, PinPanel)
    assert isinstance(sender, WiegandSender)
    loaded = load_registry()
    loaded.use_pins("simulated", {"socket": str(tmp_path / "pins.sock")})
    yield loaded
    loaded.close()


@pytest.fixture
def posted(registry: Registry, panel: PinPanel) -> Iterator[PostBox]:
    box = PostBox()
    reader = registry.reader("wiegand", {"d0": D0, "d1": D1}, plain_digest)
    reader.open(box)
    assert panel.wait_for(lambda seen_: seen_.connected)
    yield box
    reader.close()
    reader.close()


@pytest.mark.parametrize("name", ["H10301", "W30", "H10306", "H10302"])
def test_cards_of_every_usual_length_are_seen(name: str, sender: WiegandSender, posted: PostBox) -> None:
    facility = None if name == "H10302" else 12
    sender.hold(CardNumber(name, facility, 3456), FORMATS[name])
    canonical = f"{name}:{'' if facility is None else facility}:3456".encode()
    assert posted.next() == seen(CredentialKind.WIEGAND, canonical)


@pytest.mark.parametrize("length", [4, 8])
def test_a_pin_typed_at_the_keypad_is_seen_and_every_key_is_felt_alike(
    length: int, sender: WiegandSender, posted: PostBox
) -> None:
    for key in (4, 7, 1, 1, 11):
        sender.press(key, length=length)
    assert [posted.next() for _ in range(5)] == [KeyPressed()] * 5
    assert posted.next() == PinTyped(plain_digest(CredentialKind.PIN, b"4711"))


def test_a_frame_with_wrong_parity_is_unreadable_and_the_next_card_is_seen(
    sender: WiegandSender, posted: PostBox
) -> None:
    sender.send("1" + "0" * 25)
    assert posted.next() == Unreadable("wiegand_parity")
    sender.hold(CardNumber("H10301", 1, 2), FORMATS["H10301"])
    assert posted.next() == seen(CredentialKind.WIEGAND, b"H10301:1:2")


def test_two_formats_of_one_length_are_refused_before_anyone_taps(registry: Registry) -> None:
    wrong = {"d0": D0, "d1": D1, "formats": ["H10302", "H10304"]}
    assert "one a length" in registry.check(Kind.READER, "wiegand", wrong)[0]
    assert "no Wiegand format" in registry.check(Kind.READER, "wiegand", {**wrong, "formats": ["W99"]})[0]
