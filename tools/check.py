"""Everything `make test` runs, in the order in which a mistake is cheapest to see.

Every step runs even when an earlier one failed, so that one run tells all there
is to mend; the table at the end times each of them. A step that finds nothing
to check fails: pytest's exit code 5 is an error here, and so is a skipped test.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TWO_AT_A_TIME = ("-n", "2", "--dist", "loadgroup")
"""Two processes share the tests; a file that starts services stays in one (`tests/conftest.py`)."""
FRESH_SECONDS = os.environ.get("ALDABA_FRESH_SECONDS", "180")
"""Three minutes of worlds nobody has lived, two at a time: ninety seconds on the clock, and a world at most beyond."""

MEMORY = Path("/dev/shm")  # noqa: S108 - a place with room, not a file anyone could have put there
MUCH_BYTES = 2 * 1024**3
"""The unit tests leave 200 MB behind in each of the runs that pytest keeps; containers often have 64 in all."""


@dataclass(frozen=True, slots=True)
class Step:
    """One program of the check; `tier` is `lint` for what needs no running service."""

    name: str
    tier: str
    command: tuple[str, ...]
    in_memory: bool = False
    """Nothing it tests is about what a power cut leaves, so its files need not wait for a disk."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step; a code other than 0 is a failure."""

    step: Step
    code: int
    seconds: float


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _pytest(marks: str, *how: str) -> tuple[str, ...]:
    return _python("pytest", "-q", "-p", "tools.no_skips", "--durations=5", *how, "-m", marks)


STEPS = (
    Step("ruff check", "lint", _python("ruff", "check", "--quiet", ".")),
    Step("ruff format", "lint", _python("ruff", "format", "--quiet", "--check", ".")),
    Step("import contracts", "lint", ("lint-imports",)),
    Step("sizes", "lint", _python("tools.sizes")),
    Step("types", "lint", _python("mypy")),
    Step("unit tests", "test", _pytest("not system and not world", *TWO_AT_A_TIME), in_memory=True),
    Step("system tests", "test", _pytest("system and not world", *TWO_AT_A_TIME)),
    Step("world tests", "test", _pytest("world", *TWO_AT_A_TIME)),
    Step("fresh worlds", "test", _python("aldaba_sim.cli", "world", "--fresh-seconds", FRESH_SECONDS)),
    Step("generated docs", "lint", _python("tools.docs", "--check")),
    Step("features", "lint", _python("tools.features", "--brief")),
)


def environment(step: Step) -> dict[str, str]:
    """What a step runs with.

    The tools of this environment come first on PATH. Byte code is kept whatever
    the machine says of it, and outside the tree: the system tests start hundreds
    of processes, and each would compile a second's worth of libraries anew.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), str(ROOT / ".tools" / "bin"), os.environ["PATH"]])
    kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(ROOT / ".tools" / "byte-code")}
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MUCH_BYTES
    scratch = {"TMPDIR": str(MEMORY)} if step.in_memory and roomy else {}
    return {**os.environ, **kept, **scratch, "PATH": path}


def run(step: Step) -> Outcome:
    """Run one step."""
    print(f"\n--- {step.name}", flush=True)
    began = time.monotonic()
    code = subprocess.run(step.command, cwd=ROOT, env=environment(step), check=False).returncode
    seconds = time.monotonic() - began
    print(f"--- {step.name}: {'ok' if code == 0 else f'FAILED ({code})'} in {seconds:.1f} s", flush=True)
    return Outcome(step, code, seconds)


def table(outcomes: list[Outcome]) -> str:
    """One line a step and the total, for the end of the log."""
    lines = [f"{o.seconds:7.1f} s  {'ok    ' if o.code == 0 else 'FAILED'}  {o.step.name}" for o in outcomes]
    total = sum(o.seconds for o in outcomes)
    return "\n".join([*lines, f"{total:7.1f} s  in all"])


def main(arguments: list[str]) -> int:
    """Run the steps of the tier named, or all; 0 only when every one passed."""
    wanted = set(arguments)
    outcomes = [run(step) for step in STEPS if not wanted or step.tier in wanted]
    print("\n" + table(outcomes))
    failed = [o.step.name for o in outcomes if o.code != 0]
    if failed or not outcomes:
        print(f"failed: {', '.join(failed) or 'nothing was run; the tiers are lint and test'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
