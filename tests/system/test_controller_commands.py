"""The commands an installer types, against a running controller on simulated parts."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aldaba_shared.events import AccessDecided
from tests.system.controller import STRANGER, SimulatedController, as_json

pytestmark = pytest.mark.system


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[SimulatedController]:
    simulated = SimulatedController(tmp_path)
    yield simulated
    simulated.close()


def test_events_follow_shows_a_tap_as_it_happens_and_explain_gives_its_reason_again(
    controller: SimulatedController,
) -> None:
    controller.start()
    words = ["events", "--follow", "--json", "--tail", "1", "--config", str(controller.config)]
    following = subprocess.Popen([sys.executable, "-m", "aldaba_edge.cli", *words], stdout=subprocess.PIPE, text=True)
    assert following.stdout is not None
    try:
        following.stdout.readline()  # the last line of the books: from here on it follows
        controller.tap(STRANGER)
        said = next(line for line in map(json.loads, following.stdout) if line["event"] == "access_decided")
    finally:
        following.kill()
        following.stdout.close()
        following.wait(10)
    told = next(line for line in controller.lines() if isinstance(line.event, AccessDecided))
    assert said["sequence"] == told.sequence
    done = controller.cli("explain", str(told.sequence), "--json")
    assert done.returncode == 1, "a denial"
    assert isinstance(told.event, AccessDecided)
    assert as_json(done)["reason"] == told.event.decision.reason.value


def test_the_doctor_finds_a_good_controller_well(controller: SimulatedController) -> None:
    controller.start()
    done = controller.program("doctor", str(controller.config), "--json")
    findings: list[dict[str, Any]] = json.loads(done.stdout)
    wrong = [one for one in findings if not one["well"]]
    assert {one["what"] for one in findings} >= {"identity", "clock", "disk", "daemon"}
    assert wrong == [], wrong
    assert done.returncode == 0
