import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aldaba_edge.drivers.registry import DriverMisconfigured, DriverNotFound, Kind, Registry, load_registry
from aldaba_sim.pin_panel import PinPanel
from tests.edge.readings import plain_digest

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


def test_an_unknown_reader_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(DriverNotFound, match="pn532-hsu"):
        load_registry().reader("pn533", {}, plain_digest)


def test_a_lock_is_no_reader() -> None:
    with pytest.raises(DriverNotFound):
        load_registry().reader("strike-fail-secure", STRIKE, plain_digest)


def test_all_mistakes_of_a_device_are_told_at_once() -> None:
    mistakes = load_registry().check(Kind.LOCK, "strike-fail-secure", {"pin": 99, "contact": "XX", "colour": "red"})
    told = "\n".join(mistakes)
    assert len(mistakes) == 5
    assert all(word in told for word in ("pin", "contact", "colour", "fail_safe is missing", "active_low is missing"))


@pytest.mark.parametrize("fact", ["fail_safe", "contact", "active_low"])
def test_no_lock_is_built_before_the_installer_has_said_all_three_facts(fact: str) -> None:
    unsaid = {name: value for name, value in STRIKE.items() if name != fact}
    for profile in ("strike-fail-secure", "maglock-fail-safe"):
        with pytest.raises(DriverMisconfigured, match=f"{fact} is missing"):
            load_registry().lock(profile, unsaid)


def test_every_profile_with_a_driver_can_be_built_from_its_own_options() -> None:
    registry = load_registry()
    needed = {"path": "/dev/ttyAMA0"}
    for name in registry.names(Kind.READER):
        missing = [mistake for mistake in registry.check(Kind.READER, name, needed) if "is missing" not in mistake]
        unwanted = [mistake for mistake in missing if "path is not known" not in mistake]
        assert unwanted == [], name


def test_the_registry_imports_no_hardware_library() -> None:
    program = (
        "import sys; from aldaba_edge.drivers.registry import load_registry; import aldaba_edge.drivers.builtin;"
        "print([name for name in ('gpiozero', 'serial', 'smartcard') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


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
