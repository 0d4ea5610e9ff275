import subprocess
import sys

import pytest

from aldaba_edge.drivers.registry import DriverMisconfigured, DriverNotFound, Kind, load_registry
from tests.edge.readings import plain_digest

STRIKE = {"pin": 26, "fail_safe": False, "contact": "NO", "active_low": True}


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


@pytest.mark.feature(95)
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
