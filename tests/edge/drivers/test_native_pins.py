"""The Pi's pins against a stand-in for lgpio that keeps a line's levels, since no test machine has a GPIO chip."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from aldaba_edge.drivers.registry import load_registry
from aldaba_shared.errors import AldabaError

STRIKE = {"pin": 26, "fail_safe": False, "contact": "NO", "active_low": True}


class Lines(ModuleType):
    """What lgpio does to lines, as its manual says: a claimed output has its level at once, low unless told."""

    BOTH_EDGES, RISING_EDGE, FALLING_EDGE, SET_PULL_NONE = 3, 1, 2, 128
    error = OSError

    def __init__(self) -> None:
        super().__init__("lgpio")
        self.levels: list[tuple[str, int]] = []

    def gpiochip_open(self, chip: int) -> int:
        return chip

    def gpiochip_close(self, handle: int) -> int:
        return handle

    def gpio_claim_input(self, _handle: int, _pin: int, _flags: int = 0) -> int:
        self.levels.append(("input", -1))
        return 0

    def gpio_claim_output(self, _handle: int, _pin: int, level: int = 0, _flags: int = 0) -> int:
        self.levels.append(("output", level))
        return 0

    def gpio_write(self, _handle: int, _pin: int, level: int) -> int:
        self.levels.append(("output", level))
        return 0

    def gpio_read(self, _handle: int, _pin: int) -> int:
        return self.levels[-1][1]

    def gpio_get_mode(self, _handle: int, _pin: int) -> int:
        return 2 if self.levels[-1][0] == "output" else 0

    def __getattr__(self, name: str) -> int:
        if name.startswith("__"):
            raise AttributeError(name)
        return 0


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    fake = Lines()
    monkeypatch.setitem(sys.modules, "lgpio", fake)
    for name in ("gpiozero.pins.lgpio", "aldaba_edge.drivers.native_pins"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    monkeypatch.setattr("gpiozero.pins.local.LocalPiFactory._get_revision", lambda _self: 0xA02082)
    yield fake
    for name in ("gpiozero.pins.lgpio", "aldaba_edge.drivers.native_pins"):
        sys.modules.pop(name, None)


def test_an_active_low_strike_never_sees_a_low_level_while_its_driver_opens_and_closes(lines: Lines) -> None:
    registry = load_registry()
    registry.use_pins("native", {})
    lock = registry.lock("strike-fail-secure", STRIKE)
    lock.close()
    registry.close()
    driven = [level for function, level in lines.levels if function == "output"]
    assert driven
    assert set(driven) == {1}


def test_a_release_is_the_only_thing_that_drives_the_other_level(lines: Lines) -> None:
    registry = load_registry()
    registry.use_pins("native", {})
    lock = registry.lock("strike-fail-secure", STRIKE)
    lock.release()
    lock.secure()
    lock.close()
    registry.close()
    driven = [level for function, level in lines.levels if function == "output"]
    assert driven.count(0) == 1


def test_gpiozeros_own_switch_is_honoured(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    registry = load_registry()
    registry.use_pins("native", {})
    registry.close()
    assert lines.levels == []


def test_a_computer_without_pins_is_told_so(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_chip: int) -> int:
        raise OSError("can not open gpiochip")

    monkeypatch.setattr(lines, "gpiochip_open", refuse)
    with pytest.raises(AldabaError, match="gpiochip"):
        load_registry().use_pins("native", {})
