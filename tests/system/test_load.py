"""Doors that were alone for hours come back at once: the command, its broker, its cloud and its controllers."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.system
SECONDS = 120


def loaded(*options: str) -> tuple[int, dict[str, object]]:
    """Run the command and read its numbers."""
    program = [sys.executable, "-m", "aldaba_sim.cli", "load", "--json", *options]
    said = subprocess.run(program, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert said.stdout, said.stderr[-2000:]
    return said.returncode, json.loads(said.stdout)


def test_a_dozen_doors_come_back_after_hours_alone_and_the_books_are_whole() -> None:
    status, numbers = loaded("--doors", "12", "--hours", "6", "--taps-per-day", "400")
    assert (numbers["lost"], numbers["duplicated"], numbers["in_order"], numbers["unacknowledged"]) == (0, 0, True, 0)
    assert numbers["doors"] == 12
    assert int(str(numbers["lines"])) >= 12 * 100  # every tap, and what each controller says of its own start
    assert status == 0
