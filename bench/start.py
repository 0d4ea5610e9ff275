"""A controller's start, memory and imports, as a process of its own from its configuration file.

Start: `aldaba-edge run` until its socket says that it decides and its first line
is durable, with 1,000,000 credentials. Their hash is not what the head says: a
start does not wait for the child that recomputes it, and is over before. Floor:
a bare Python process that opens the same file and looks one card up. All three
run in an environment of their own with what a Pi installs and nothing else: some
libraries import what they happen to find (structlog finds rich here). Byte code is
kept as on a Pi, whatever this environment says of it. On a shared processor the
time a process stood in the queue is not its own and is left out, for both sides.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aldaba_edge.local import Asking, DaemonAway
from aldaba_sim.pn532 import Pn532Board
from bench.controllers import lay_out
from bench.harness import Case

MANY, USUAL = 1_000_000, 100_000
PATIENCE_SECONDS = 60.0
ROOT = Path(__file__).resolve().parent.parent
IMPORTED = "import aldaba_edge.cli, aldaba_edge.daemon, aldaba_edge.mqtt"
LOOK_UP = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
assert db.execute("SELECT holder FROM credential LIMIT 1").fetchone()
"""


@dataclass(frozen=True)
class Pi:
    """An environment with what a controller installs, from the lock."""

    python: Path
    environment: dict[str, str]

    @classmethod
    def installed(cls, room: Path) -> Self:
        """Install it, and import everything once, so that all byte code is there."""
        where, uv = room / "pi", shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
        plain = {
            name: told for name, told in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
        }
        command = [uv, "sync", "--quiet", "--frozen", "--package=aldaba-edge", "--no-default-groups"]
        filled = plain | {"UV_PROJECT_ENVIRONMENT": str(where)}
        subprocess.run([*command, f"--python={sys.executable}"], cwd=ROOT, env=filled, check=True)
        pi = cls(where / "bin" / "python", plain | {"PYTHONPYCACHEPREFIX": str(room / "byte-code")})
        pi.cpu(IMPORTED)
        return pi

    def ask(self, code: str, *arguments: str) -> str:
        """What a program says that runs there."""
        command = [str(self.python), "-c", code, *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, check=True, text=True).stdout

    def cpu(self, code: str) -> float:
        """The processor time a program takes from its start, in seconds."""
        told = f"{code}\nimport json, resource\nprint(json.dumps(resource.getrusage(resource.RUSAGE_SELF)[:2]))"
        return float(sum(json.loads(self.ask(told))))


def cases(room: Path) -> Iterator[Case]:
    """Start, memory and imports."""
    large, usual, pi = room / "large", room / "usual", Pi.installed(room)
    config = lay_out(large, MANY)
    rules = large / "data" / "rules" / "1-1" / "rules.db"
    yield Case(
        "start to deciding, 1,000,000",
        lambda: [_start(pi, large, config)],
        lambda: [_bare(pi, rules)],
        at_most=2.0,
        unit="ms",
    )
    small = lay_out(usual, USUAL)
    yield Case("memory of the daemon, 100,000", lambda: [_memory(pi, usual, small)], at_most=60e6, unit="MB")
    yield Case(
        "imports of the daemon, CPU",
        lambda: [pi.cpu(IMPORTED)],
        lambda: [pi.cpu("import asyncio, sqlite3")],
        at_most=0.45,
        unit="ms",
    )


def _start(pi: Pi, folder: Path, config: Path) -> float:
    with _running(pi, folder, config) as (_, seconds):
        return seconds


def _memory(pi: Pi, folder: Path, config: Path) -> float:
    with _running(pi, folder, config) as (process, _):
        status = Path(f"/proc/{process.pid}/status").read_text()
        return 1024.0 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


@contextmanager
def _running(pi: Pi, folder: Path, config: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    board = Pn532Board(folder / "reader")
    environment = pi.environment | {"GPIOZERO_PIN_FACTORY": "mock"}
    began = time.monotonic()
    command = [str(pi.python), "-m", "aldaba_edge.cli", "run", str(config)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        _until(lambda: _decides(folder / "run" / "edge.sock"), folder / "log")
        yield process, time.monotonic() - began - _queued(process.pid)
    finally:
        # An orderly end would wait for the child that recomputes the hash of a million rows.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        board.close()


def _decides(path: Path) -> bool:
    try:
        asking = Asking(path)
    except DaemonAway:
        return False
    answer = asking.ask(do="status")
    asking.close()
    return bool(answer["durable_sequence"] == answer["last_sequence"])


def _until(done: Callable[[], bool], log: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(log.read_text())
        time.sleep(0.005)


def _queued(pid: int) -> float:
    """Seconds a process was ready to run and had to wait for a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def _bare(pi: Pi, rules: Path) -> float:
    began = time.monotonic()
    queued = pi.ask(LOOK_UP + "print(open('/proc/self/schedstat').read().split()[1])", str(rules))
    return time.monotonic() - began - int(queued) / 1e9
