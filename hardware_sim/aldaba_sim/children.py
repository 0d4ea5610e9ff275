"""The processes of a demo: started together, stopped in order, and never left behind."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from aldaba_shared.errors import AldabaError

STOP_SECONDS = 6.0
TAIL_LINES = 12


class ChildDied(AldabaError):
    """A part of the demo ended although nobody asked it to."""

    code = "child_died"

    def __init__(self, name: str, status: int, said: str) -> None:
        super().__init__(f"{name} ended with status {status}. Its last words were:\n{said}")
        self.name = name


class Children:
    """Programs in sessions of their own, so that Ctrl-C reaches us alone and we stop them in order."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, program: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
        """Start a program, its output going to a file of its name; the answer is its process id."""
        command = [sys.executable, "-m", "aldaba_sim.with_parent", str(os.getpid()), *program]
        with (self._logs / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self._running[name] = child
        return child.pid

    def check(self) -> None:
        """Say so when one has ended by itself.

        Raises:
            ChildDied: the first one found, with the end of its log.
        """
        for name, child in self._running.items():
            status = child.poll()
            if status is not None:
                raise ChildDied(name, status, self.last_words(name))

    def last_words(self, name: str) -> str:
        """The end of a child's log."""
        text = (self._logs / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-TAIL_LINES:])

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask all to stop, last started first, and end those that do not within the time; idempotent."""
        for child in reversed(self._running.values()):
            if child.poll() is None:
                child.terminate()
        patience = time.monotonic() + seconds
        for child in self._running.values():
            try:
                child.wait(max(0.0, patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
