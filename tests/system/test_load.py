"""Doors that were alone for hours come back at once: the command, its broker, its cloud and its controllers."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aldaba_sim.load import Load, Returned
from aldaba_sim.load_cloud import Compared, LoadCloud
from aldaba_sim.load_doors import fill

pytestmark = pytest.mark.system
SECONDS = 120


def loaded(*options: str) -> tuple[int, dict[str, object]]:
    """Run the command and read its numbers."""
    program = [sys.executable, "-m", "aldaba_sim.cli", "load", "--json", *options]
    said = subprocess.run(program, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert said.stdout, said.stderr[-2000:]
    return said.returncode, json.loads(said.stdout)


def test_a_dozen_doors_come_back_after_hours_alone_and_the_books_are_whole() -> None:
    status, numbers = loaded("--doors", "12", "--sites", "3", "--hours", "6", "--taps-per-day", "400")
    assert (numbers["lost"], numbers["duplicated"], numbers["in_order"], numbers["unacknowledged"]) == (0, 0, True, 0)
    assert numbers["doors"] == 12
    assert int(str(numbers["lines"])) >= 12 * 100  # every tap, and what each controller says of its own start
    assert status == 0


def test_lines_that_never_came_are_called_lost(tmp_path: Path) -> None:
    cloud = LoadCloud(tmp_path, f"sqlite:///{tmp_path / 'cloud.db'}", 1883, "")
    ((name, answer),) = cloud.open_doors(1, 1, tmp_path / "doors").items()
    lines = fill(tmp_path / "doors" / name, answer.doors[0], hours=2, taps=30)
    compared = cloud.compare(tmp_path / "doors", [name])
    cloud.close()
    assert lines >= 30
    assert (compared.lines, compared.lost, compared.duplicated) == (lines, lines, 0)


@pytest.mark.parametrize("wrong", [{"lost": 1}, {"duplicated": 1}, {"in_order": False}, {"late": 1}, {"seconds": 61.0}])
def test_a_return_that_is_not_whole_or_not_in_time_does_not_hold(wrong: dict[str, float]) -> None:
    said = {"lost": 0, "duplicated": 0, "in_order": True, "late": 0, "seconds": 60.0} | wrong
    compared = Compared(10, int(said["lost"]), int(said["duplicated"]), in_order=bool(said["in_order"]))
    load = Load(doors=1, sites=1, hours=1, taps_per_day=10, within=60)
    returned = Returned(load, compared, said["seconds"], int(said["late"]), 1, "mosquitto")
    assert not returned.holds
    assert replace(returned, compared=Compared(10, 0, 0, in_order=True), late=0, seconds=60.0).holds
