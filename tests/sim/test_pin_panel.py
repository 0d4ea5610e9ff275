import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aldaba_sim.drivers import PanelMissing, SimulatedPins
from aldaba_sim.pin_panel import PinPanel

CONTROLLER = """
import sys
from aldaba_edge.drivers.registry import load_registry
registry = load_registry()
registry.use_pins("simulated", {"socket": sys.argv[1]})
lock = registry.lock("maglock-fail-safe", {"pin": 26, "fail_safe": True, "contact": "NO", "active_low": False})
contact = registry.contact("gpio-contact", {"pin": 4, "debounce_ms": 5})
contact.open(lambda opened: lock.release() if opened else lock.secure())
registry.indicator("gpio-indicator", {"green": 5, "active_low": False})  # its pin tells the test that all is open
sys.stdin.read()
"""


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[PinPanel]:
    simulated = PinPanel(tmp_path / "pins.sock")
    simulated.drive(4, level=False)
    yield simulated
    simulated.close()


@contextlib.contextmanager
def killed_at_the_end(tmp_path: Path) -> Iterator[None]:
    command = [sys.executable, "-c", CONTROLLER, str(tmp_path / "pins.sock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as running:
        try:
            yield
        finally:
            running.send_signal(signal.SIGKILL)


@pytest.mark.system
def test_a_killed_controller_is_seen_to_go_and_its_successor_finds_the_same_switches(
    panel: PinPanel, tmp_path: Path
) -> None:
    with killed_at_the_end(tmp_path):
        assert panel.wait_for(lambda seen: 5 in seen.outputs, 20)
        assert panel.outputs[26] is True, "the magnet holds from the first moment"
        panel.drive(4, level=True)
        assert panel.wait_for(lambda seen: seen.outputs[26] is False)
    assert panel.wait_for(lambda seen: not seen.connected)
    panel.drive(4, level=False)
    with killed_at_the_end(tmp_path):
        assert panel.wait_for(lambda seen: seen.outputs[26] is True, 20), "a release is not resumed"


def test_a_controller_without_a_panel_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PanelMissing, match="Start the simulator"):
        SimulatedPins(os.fspath(tmp_path / "nothing.sock"))


def test_a_panel_that_was_away_hears_all_levels_again(panel: PinPanel, tmp_path: Path) -> None:
    pins = SimulatedPins(str(tmp_path / "pins.sock"))
    pin = pins.pin("GPIO20")
    pin.output_with_state(1)
    assert panel.wait_for(lambda seen: seen.outputs.get(20) is True)
    panel.close()
    again = PinPanel(tmp_path / "pins.sock")
    assert again.wait_for(lambda seen: seen.outputs.get(20) is True)
    pins.close()
    again.close()


def test_an_output_wins_against_a_switch_and_an_input_obeys_it(panel: PinPanel, tmp_path: Path) -> None:
    pins = SimulatedPins(str(tmp_path / "pins.sock"))
    assert panel.wait_for(lambda seen: seen.connected)
    pin = pins.pin("GPIO21")
    pin.output_with_state(1)
    pin.hold(level=False, at=0.0)
    assert pin.state
    assert len(pin.states) <= 64
    pins.close()
