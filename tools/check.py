"""Everything `make test` runs, in the order in which a mistake is cheapest to see.

Every step runs even when an earlier one failed, so that one run tells all there
is to mend; the table at the end times each of them. A step that finds nothing
to check fails: pytest's exit code 5 is an error here, and so is a skipped test.

The system tests wait more than they compute. What only computes, the types and
the fresh worlds, runs beside them at the lowest priority and takes what they leave;
what it says is printed when it is done. The simulated days run among the system tests
for the same reason, and three processes share both, more than most machines have cores.
"""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TWO_AT_A_TIME = ("-n", "2", "--dist", "loadfile")
"""Two processes share the tests; a file that starts services stays in one (`tests/conftest.py`)."""
THREE_AT_A_TIME = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
"""In the order of `tests/conftest.py`, which has the longest first, so that none is left over at the end."""
UNREAD = ("--ignore=tests/system",)
"""No unit test stands here, and what these import takes seconds."""
FRESH_SECONDS = os.environ.get("ALDABA_FRESH_SECONDS", "180")
"""Three minutes of worlds nobody has lived, in seconds of processor."""
LOWEST_PRIORITY = ("nice", "-n", "19")

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
    beside: bool = False
    """It computes and waits for nothing: it runs beside the others, at the lowest priority."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step; a code other than 0 is a failure."""

    step: Step
    code: int
    seconds: float
    said: str = ""
    """What a step that ran beside others printed."""


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _pytest(marks: str, *how: str) -> tuple[str, ...]:
    return _python("pytest", "-q", "-p", "tools.no_skips", "--durations=5", *how, "-m", marks)


STEPS = (
    Step("ruff check", "lint", _python("ruff", "check", "--quiet", ".")),
    Step("ruff format", "lint", _python("ruff", "format", "--quiet", "--check", ".")),
    Step("import contracts", "lint", ("lint-imports",)),
    Step("sizes", "lint", _python("tools.sizes")),
    Step("generated docs", "lint", _python("tools.docs", "--check")),
    Step("features", "lint", _python("tools.features", "--brief")),
    Step("types", "lint", _python("mypy"), beside=True),
    Step("fresh worlds", "test", _python("aldaba_sim.cli", "world", "--fresh-seconds", FRESH_SECONDS), beside=True),
    Step("unit tests", "test", _pytest("not system and not world", *TWO_AT_A_TIME, *UNREAD), in_memory=True),
    Step("system and world tests", "test", _pytest("system or world", *THREE_AT_A_TIME)),
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
    return ended(Outcome(step, code, time.monotonic() - began))


def run_beside(step: Step) -> Outcome:
    """Run one step and print nothing: others are printing."""
    began = time.monotonic()
    command, env = (*LOWEST_PRIORITY, *step.command), environment(step)
    done = subprocess.run(
        command, cwd=ROOT, env=env, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return Outcome(step, done.returncode, time.monotonic() - began, done.stdout)


def ended(outcome: Outcome) -> Outcome:
    """Say how a step ended."""
    verdict = "ok" if outcome.code == 0 else f"FAILED ({outcome.code})"
    print(f"--- {outcome.step.name}: {verdict} in {outcome.seconds:.1f} s", flush=True)
    return outcome


def run_all(steps: list[Step]) -> list[Outcome]:
    """Run the steps in their order, with those that run beside them; an interrupt begins no more of these."""
    lane = ThreadPoolExecutor(max_workers=1)
    waiting = [lane.submit(run_beside, step) for step in steps if step.beside]
    try:
        outcomes = [run(step) for step in steps if not step.beside]
        for each in waiting:
            outcome = each.result()
            print(f"\n--- {outcome.step.name}\n{outcome.said}", end="")
            outcomes.append(ended(outcome))
    finally:
        lane.shutdown(cancel_futures=True)
    return outcomes


def table(outcomes: list[Outcome], seconds: float) -> str:
    """One line a step and the time on the clock, for the end of the log."""
    lines = [f"{o.seconds:7.1f} s  {'ok    ' if o.code == 0 else 'FAILED'}  {told(o.step)}" for o in outcomes]
    return "\n".join([*lines, f"{seconds:7.1f} s  in all"])


def told(step: Step) -> str:
    """A step's name in the table."""
    return f"{step.name} (beside the others)" if step.beside else step.name


def main(arguments: list[str]) -> int:
    """Run the steps of the tier named, or all; 0 only when every one passed."""
    began, wanted = time.monotonic(), set(arguments)
    outcomes = run_all([step for step in STEPS if not wanted or step.tier in wanted])
    print("\n" + table(outcomes, time.monotonic() - began))
    failed = [o.step.name for o in outcomes if o.code != 0]
    if failed or not outcomes:
        print(f"failed: {', '.join(failed) or 'nothing was run; the tiers are lint and test'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
