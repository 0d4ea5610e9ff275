"""One controller whose devices are not all there: what is missing is said, and everything else works."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aldaba_shared.events import DeviceLost, ReaderLost
from tests.system.controller import ANA, CONFIG, SimulatedController, as_json, rules_for

pytestmark = pytest.mark.system

BACK_LOCK, BACK_EXIT = 27, 6

MORE = """
[[door]]
id = "back"
in_zone = "floor"
egress = true
handle = true
lock = {{ profile = "strike-fail-secure", pin = 27, fail_safe = false, max_on_ms = 30000 }}
relay = {{ contact = "NO" }}
board = {{ profile = "gpio-direct", active_low = false }}
exit_button = {{ profile = "gpio-contact", options = {{ pin = 6, active_when_closed = true, debounce_ms = 5 }} }}
tamper = {{ profile = "gpio-contact", options = {{ pin = 17, debounce_ms = 5 }} }}

[[door.readers]]
side = "in"
profile = "wiegand"
options = {{ d0 = 17, d1 = 4 }}

[[door]]
id = "shed"
in_zone = "floor"
egress = true
handle = true
lock = {{ profile = "strike-of-a-missing-plug-in", pin = 22, fail_safe = false, max_on_ms = 30000 }}
relay = {{ contact = "NO" }}
board = {{ profile = "gpio-direct", active_low = false }}

[[door.readers]]
side = "in"
profile = "pn532-hsu"
options = {{ path = "{folder}/nowhere" }}
"""
"""The reader and the tamper switch of `back` are wired to pins of `front`; nobody drives the lock of `shed`."""


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[SimulatedController]:
    simulated = SimulatedController(tmp_path, text=CONFIG + MORE, rows=lambda now: rules_for(ANA, now))
    simulated.panel.drive(BACK_EXIT, level=True)
    yield simulated
    simulated.close()


def test_a_missing_reader_or_lock_stops_no_other_door(controller: SimulatedController) -> None:
    controller.start()
    controller.tap()
    assert controller.panel.wait_for(lambda _: controller.released, 10)
    controller.panel.drive(BACK_EXIT, level=False)
    assert controller.panel.wait_for(lambda panel: panel.outputs[BACK_LOCK], 10), "the way out needs no reader"
    status: dict[str, Any] = as_json(controller.cli("status", "--json"))
    assert {one["id"]: (one["lost_readers"], one["lost_devices"]) for one in status["doors"]} == {
        "front": ([], []),
        "back": (["in"], ["tamper"]),
        "shed": (["in"], ["lock"]),
    }
    assert controller.stop() == 0
    lost = [line.event for line in controller.lines() if isinstance(line.event, DeviceLost | ReaderLost)]
    assert sorted((one.door, type(one).__name__) for one in lost) == [
        ("back", "DeviceLost"),
        ("back", "ReaderLost"),
        ("shed", "DeviceLost"),
        ("shed", "ReaderLost"),
    ]
