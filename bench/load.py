"""200 doors that come back at once after 60 hours alone, until the cloud's signed ack of the last line of the last one.

What `aldaba-sim load` does, in a process of its own: a real broker, the cloud over
SQLite, 200 controllers with paho, sync and journals on the disk of this machine,
which share its cores with the cloud, as no site's do. Every line is in the books
once and in order, or the case fails. One round: filling the journals takes longer
than the return. Neither floor nor peer.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.harness import Case, Samples

DOORS = 200
HOURS = 60
SECONDS = 60.0


def cases(_room: Path) -> Iterator[Case]:
    """One return, timed by the command itself."""
    yield Case(f"{DOORS} doors back after {HOURS} h", _returned, at_most=SECONDS, unit="s", rounds=1)


def _returned() -> Samples:
    program = [sys.executable, "-m", "aldaba_sim.cli", "load", "--json", "--doors", str(DOORS), "--hours", str(HOURS)]
    said = subprocess.run(program, stdout=subprocess.PIPE, check=False)
    numbers = json.loads(said.stdout)
    whole = (numbers["lost"], numbers["duplicated"], numbers["unacknowledged"], numbers["in_order"])
    assert whole == (0, 0, 0, True), numbers
    return [float(numbers["seconds"])]
