"""A simulated day of a building: eight real controllers and a real cloud, some 440 taps, and every kind of fault.

What is measured is the processor's time for a day, in a process of its own
(`aldaba-sim world`'s own way): a day in 4.3 s is 20,000 times real time. A day
in which an invariant broke, or a promised fault never struck, is no figure.
Three seeds of two days, so that a lucky one does not count; the start of the
world (its keys, its first rules) is part of the price. Neither floor nor peer.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from bench.harness import Case, Samples

DAY_SECONDS = 86_400.0
TIMES_REAL_TIME = 20_000
SEEDS = count(3)
DAYS = 2
LIVED = """
import json, sys, time
from aldaba_sim.shrink import live
from aldaba_sim.story import tell
story = tell(int(sys.argv[1]), int(sys.argv[2]))
since = time.process_time()
outcome = live(story)
took = time.process_time() - since
print(json.dumps({"seconds": took, "complaints": outcome.complaints(), "holds": outcome.holds}))
"""


def cases(_room: Path) -> Iterator[Case]:
    """A day, timed by the processor's clock: on shared cores the wall's would measure the others."""
    yield Case("simulated day, 8 doors", _lived, at_most=DAY_SECONDS / TIMES_REAL_TIME, unit="s", rounds=3)


def _lived() -> Samples:
    program = [sys.executable, "-c", LIVED, str(next(SEEDS)), str(DAYS)]
    said = subprocess.run(program, stdout=subprocess.PIPE, check=True)
    numbers = json.loads(said.stdout)
    assert numbers["holds"], numbers["complaints"]
    return [numbers["seconds"] / DAYS]
