"""The commands an installer types, against a running controller on simulated parts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aldaba_edge.local import Asking
from tests.system.controller import SimulatedController

pytestmark = pytest.mark.system


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[SimulatedController]:
    simulated = SimulatedController(tmp_path)
    yield simulated
    simulated.close()


def test_the_doctor_finds_a_good_controller_well(controller: SimulatedController) -> None:
    controller.start()
    done = controller.program("doctor", str(controller.config), "--json")
    findings: list[dict[str, Any]] = json.loads(done.stdout)
    wrong = [one for one in findings if not one["well"]]
    assert {one["what"] for one in findings} >= {"identity", "clock", "disk", "daemon"}
    assert wrong == [], wrong
    assert done.returncode == 0


def test_following_the_books_misses_no_line_between_the_last_one_shown_and_the_next(
    controller: SimulatedController,
) -> None:
    controller.start()
    told = Asking(controller.folder / "run" / "edge.sock")
    first = next(iter(told.follow(after=0)))
    told.close()
    assert first["sequence"] == 1
