"""Commissioning a simulated door with the real program: somebody taps, opens, shuts and presses when told to."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.controller import CONFIG, CONTACT_PIN, EXIT_PIN, LOCK_PIN, SimulatedController

STRIKE = 'lock = {{ profile = "strike-fail-secure", pin = 17, fail_safe = false, max_on_ms = 30000 }}'
MAGNET = 'emergency_release = "hardware"\nfire_relay = "hardware"\n' + STRIKE.replace(
    "strike-fail-secure", "maglock-fail-safe"
).replace("fail_safe = false, max_on_ms = 30000", "fail_safe = true").replace("max_on_ms = 30000", "")
FEEDBACK_PIN = 19
FEEDBACK = (
    f'lock_feedback = {{{{ profile = "gpio-contact", options = '
    f"{{{{ pin = {FEEDBACK_PIN}, active_when_closed = true, debounce_ms = 5 }}}} }}}}"
)
WELL_WIRED = {"front lock holds": True, "front lock clicks": True, "front lock frees": True}

pytestmark = pytest.mark.system


def somebody(controller: SimulatedController) -> dict[str, Callable[[], None]]:
    """What the person beside the door does at each task."""
    drive = controller.panel.drive
    return {
        "front reader in": controller.tap,
        "front contact on": lambda: drive(CONTACT_PIN, level=True),
        "front contact off": lambda: drive(CONTACT_PIN, level=False),
        "front exit_button on": lambda: drive(EXIT_PIN, level=False),
        "front exit_button off": lambda: drive(EXIT_PIN, level=True),
    }


def commission(
    controller: SimulatedController, answers: dict[str, bool], *more: str, lazy: str = ""
) -> tuple[int, str]:
    """Run the doctor and do what it says, except the task that somebody is too lazy for."""
    written = controller.folder / "answers.json"
    written.write_text(json.dumps(answers))
    command = [sys.executable, "-m", "aldaba_edge.cli", "doctor", str(controller.config), "--commission", "--json"]
    told = [*command, "--answers", str(written), *more]
    tasks = somebody(controller)
    with subprocess.Popen(told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert running.stdout is not None
        for line in running.stderr:
            name = line.partition(":")[0]
            if name in tasks and name != lazy:
                tasks[name]()
        said = running.stdout.read()
    return running.returncode, said


@pytest.fixture
def controller(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SimulatedController]:
    lock = getattr(request, "param", f"{STRIKE}\n{FEEDBACK}")
    made = SimulatedController(tmp_path, text=CONFIG.replace(STRIKE, lock), follows={LOCK_PIN: FEEDBACK_PIN})
    yield made
    made.close()


def test_a_well_wired_door_is_commissioned_and_the_report_says_so(controller: SimulatedController) -> None:
    report = controller.folder / "report.md"
    code, said = commission(controller, WELL_WIRED, "--report", str(report))
    told = json.loads(said)
    assert (code, told["commissioned"]) == (0, True), said
    parts = {one["what"] for one in told["findings"]}
    assert parts >= {f"door front, {part}" for part in ("lock", "lock feedback", "reader in", "contact", "exit button")}
    assert [level for pin, level in controller.changes if pin == LOCK_PIN][-2:] == [True, False]
    text = report.read_text("utf-8")
    assert "All is well." in text
    assert "| front | strike-fail-secure | False | NO |" in text
    assert "04536b4a2f7080" not in text + said, "whose card was held is nobody's business"


def test_what_was_not_done_and_what_did_the_opposite_are_not_well(controller: SimulatedController) -> None:
    answers = {**WELL_WIRED, "front lock holds": False, "front lock frees": False}
    code, said = commission(controller, answers, "--patience", "1", lazy="front exit_button on")
    wrong = {one["what"]: one["told"] for one in json.loads(said)["findings"] if not one["well"]}
    assert code == 1
    assert set(wrong) == {"door front, lock", "door front, exit button"}
    assert "round" in wrong["door front, lock"]


@pytest.mark.parametrize("controller", [MAGNET], indirect=True)
def test_a_magnet_is_not_commissioned_until_both_its_safeguards_freed_the_door(controller: SimulatedController) -> None:
    pressed = {f"front {one}{reset}": True for one in ("emergency_release", "fire_relay") for reset in ("", " reset")}
    code, said = commission(controller, WELL_WIRED | pressed)
    assert code == 0, said
    code, said = commission(controller, WELL_WIRED | pressed | {"front fire_relay": False})
    wrong = [one["what"] for one in json.loads(said)["findings"] if not one["well"]]
    assert (code, wrong) == (1, ["door front, fire relay"])


@pytest.mark.feature(95)
def test_a_lock_that_does_not_follow_its_relay_is_not_commissioned(tmp_path: Path) -> None:
    text = CONFIG.replace(STRIKE, f"{STRIKE}\n{FEEDBACK}")
    controller = SimulatedController(tmp_path, text=text, follows={LOCK_PIN + 1: FEEDBACK_PIN})
    code, said = commission(controller, WELL_WIRED)
    controller.close()
    wrong = {one["what"]: one["told"] for one in json.loads(said)["findings"] if not one["well"]}
    assert (code, list(wrong)) == (1, ["door front, lock feedback"]), said
    assert "never said released" in wrong["door front, lock feedback"]


def test_nobody_drives_pins_that_the_daemon_drives(controller: SimulatedController) -> None:
    controller.start()
    done = controller.program("doctor", str(controller.config), "--click-test")
    assert (done.returncode, "stop aldaba-edge" in done.stderr) == (2, True)
