"""Fresh seeds: worlds nobody has lived yet, two at a time, for as long as there is time."""

import json
import secrets
import subprocess
import sys
import time
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
    """Live fresh worlds of one day for `seconds` of worlds, two at a time, so half of that on the clock.

    A world that has begun is lived to its end; the first that fails is the last that begins.
    """
    ends = time.monotonic() + seconds / AT_A_TIME
    found: list[Lived] = []

    def work() -> None:
        while time.monotonic() < ends and all(one.code == 0 for one in found):
            lived = _live(secrets.randbelow(MOST_SEED), shrink_seconds)
            found.append(lived)
            say(f"seed {lived.seed}: {'holds' if lived.code == 0 else 'FAILS'}")

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for done in [pool.submit(work) for _ in range(AT_A_TIME)]:
            done.result()
    return found


def _live(seed: int, shrink_seconds: float) -> Lived:
    command = [sys.executable, "-m", "aldaba_sim.cli", "world", "--seed", str(seed), "--json"]
    command += ["--shrink-seconds", str(shrink_seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    numbers = json.loads(done.stdout) if done.stdout.strip() else {}
    return Lived(seed, done.returncode if numbers else done.returncode or 2, numbers, done.stderr)
