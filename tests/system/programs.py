"""Our own programs as processes, and waiting for what they do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from aldaba_cloud.config import Config

PATIENCE = 180.0
START_SECONDS = 60.0
"""A busy machine imports slowly; nothing is timed here."""


def wait_until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait for something another process does."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.02)  # other processes' work; nothing here can tell us


def as_environment(config: Config) -> dict[str, str]:
    said = {f"ALDABA_{name.upper()}": str(value) for name, value in config.model_dump(exclude_defaults=True).items()}
    return {**os.environ, **said}


@contextmanager
def run_program(program: str, words: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as said:
        process = subprocess.Popen(
            [Path(sys.executable).with_name(program), *words], env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=15)


def answers(port: int) -> bool:
    asked = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        asked.request("GET", "/healthz")
        return asked.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        asked.close()
