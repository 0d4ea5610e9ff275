"""Fresh seeds: worlds nobody has lived yet, two at a time, for as long as there is time.

Time is what the worlds computed, not what the clock says: beside other work, as in
`make test`, and on a slow evening as many worlds are lived as on a machine of their own.
"""

import json
import resource
import secrets
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

MOST_SEED: Final = 1_000_000_000
AT_A_TIME: Final = 2


@dataclass(frozen=True, slots=True)
class Lived:
    """One seed: its exit code, the numbers it printed, and what it said beside them."""

    seed: int
    code: int
    numbers: dict[str, object]
    said: str


def live_fresh(seconds: float, shrink_seconds: float, say: Callable[[str], object]) -> list[Lived]:
    """Live fresh worlds of one day until they computed for `seconds` together.

    A world that has begun is lived to its end; the first that fails is the last that begins.
    """
    ends = _computed() + seconds
    found: list[Lived] = []

    def work() -> None:
        while _computed() < ends and all(one.code == 0 for one in found):
            lived = _live(secrets.randbelow(MOST_SEED), shrink_seconds)
            found.append(lived)
            say(f"seed {lived.seed}: {'holds' if lived.code == 0 else 'FAILS'}")

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for done in [pool.submit(work) for _ in range(AT_A_TIME)]:
            done.result()
    return found


def _computed() -> float:
    """Seconds of processor that the worlds that ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _live(seed: int, shrink_seconds: float) -> Lived:
    command = [sys.executable, "-m", "aldaba_sim.cli", "world", "--seed", str(seed), "--json"]
    command += ["--shrink-seconds", str(shrink_seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    numbers = json.loads(done.stdout) if done.stdout.strip() else {}
    return Lived(seed, done.returncode if numbers else done.returncode or 2, numbers, done.stderr)
