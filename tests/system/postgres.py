"""A PostgreSQL of our own from Debian's binaries: in a directory of its own, on a socket in it, never as root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ORDINARY = "postgres"
"""Whom to run as when the tests are root: PostgreSQL refuses root."""


class PostgresMissing(Exception):
    """The binaries are not installed."""

    def __init__(self) -> None:
        super().__init__("PostgreSQL is not installed: apt install postgresql (make test does it).")


@contextmanager
def postgres() -> Iterator[str]:
    """Start a server, give its URL, and stop it and take its directory away again."""
    binaries = _binaries()
    user = ORDINARY if os.geteuid() == 0 else None
    directory = Path(tempfile.mkdtemp(prefix="aldaba-pg-"))
    if user:
        shutil.chown(directory, user)
    data = directory / "data"

    def call(program: str, *words: str) -> None:
        subprocess.run(
            [binaries / program, *words], check=True, user=user, cwd=directory, stdout=subprocess.DEVNULL, timeout=60
        )

    try:
        call("initdb", "-D", str(data), "-U", "aldaba", "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"-c listen_addresses='' -k {directory} -c fsync=off -c full_page_writes=off"
        call("pg_ctl", "-D", str(data), "-l", str(directory / "log"), "-o", options, "-w", "start")
        try:
            yield f"postgresql://aldaba@/postgres?host={directory}"
        finally:
            call("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(directory)


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise PostgresMissing
    return Path(on_path).parent
