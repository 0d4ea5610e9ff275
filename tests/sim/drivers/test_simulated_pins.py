import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from aldaba_edge.drivers.gpio import GpioIndicator
from aldaba_edge.drivers.options import GpioIndicatorOptions
from aldaba_edge.drivers.patterns import USUAL
from aldaba_edge.drivers.registry import Registry, load_registry
from aldaba_edge.ports import Signal
from aldaba_sim.drivers import SimulatedPins
from aldaba_sim.pin_panel import PinPanel

STRIKE = {"pin": 26, "fail_safe": False, "contact": "NO", "active_low": True}


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[PinPanel]:
    simulated = PinPanel(tmp_path / "pins.sock")
    yield simulated
    simulated.close()


@pytest.fixture
def registry(panel: PinPanel, tmp_path: Path) -> Iterator[Registry]:
    assert not panel.connected
    loaded = load_registry()
    loaded.use_pins("simulated", {"socket": str(tmp_path / "pins.sock")})
    yield loaded
    loaded.close()


def test_a_production_lock_on_simulated_pins_is_seen_on_the_panel(registry: Registry, panel: PinPanel) -> None:
    lock = registry.lock("strike-fail-secure", STRIKE)
    assert panel.wait_for(lambda seen: seen.outputs.get(26) is True), "active low: at rest is high"
    lock.release()
    assert panel.wait_for(lambda seen: seen.outputs[26] is False)
    lock.close()
    assert panel.wait_for(lambda seen: seen.outputs[26] is True)


def test_a_switch_on_the_panel_reaches_the_contact_and_survives_a_restart(
    registry: Registry, panel: PinPanel, tmp_path: Path
) -> None:
    reported: queue.Queue[bool] = queue.Queue()
    options = {"pin": 4, "pull": "up", "active_when_closed": True, "debounce_ms": 5}
    contact = registry.contact("gpio-contact", options)
    contact.open(reported.put)
    assert panel.wait_for(lambda seen: seen.connected)
    panel.drive(4, level=False)
    assert reported.get(timeout=5) is True
    contact.close()
    registry.close()
    again = load_registry()
    again.use_pins("simulated", {"socket": str(tmp_path / "pins.sock")})
    after = again.contact("gpio-contact", options)
    after.open(reported.put)
    assert after.active or reported.get(timeout=5) is True
    after.close()
    again.close()


@pytest.mark.parametrize("signal", list(Signal))
def test_an_indicator_lights_exactly_the_lamps_of_its_pattern(tmp_path: Path, signal: Signal) -> None:
    wired, lit = {"green": 5, "red": 6, "buzzer": 13}, set()
    panel = PinPanel(tmp_path / "pins.sock", lambda pin, level: None if level else lit.add(pin))
    pins = SimulatedPins(str(tmp_path / "pins.sock"))
    indicator = GpioIndicator(GpioIndicatorOptions(green=5, red=6, buzzer=13, active_low=True), pins)
    expected = {wired[name] for name in USUAL[signal]}
    assert panel.wait_for(lambda seen: set(seen.outputs) == set(wired.values()))
    assert lit == set(), "an active-low lamp at rest is high"
    indicator.show(signal)
    assert panel.wait_for(lambda _: lit >= expected)
    indicator.show(Signal.READY)
    indicator.close()
    indicator.close()
    assert panel.wait_for(lambda seen: all(seen.outputs.values()))
    pins.close()
    panel.close()
    assert lit == expected
