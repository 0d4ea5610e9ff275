"""The child process that reads a whole journal, so that the door's process does not.

`python -m aldaba_edge.journal_child verify PATH` checks the chain from the first
line kept; `... prunable PATH` with a search on standard input finds what may go.
It writes nothing and holds no key. It answers on standard output and ends with
0, or with 1 after saying what is broken.
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from aldaba_edge.journal_file import JournalBroken, JournalFile, Prunable
from aldaba_edge.pruning import Wanted, find
from aldaba_edge.snapshot_child import end_with_parent
from aldaba_shared.errors import AldabaError
from aldaba_shared.wire import Malformed

LONGEST_SECONDS: Final = 600
BROKEN: Final = 1


class NotLookedAt(AldabaError):
    """The child could not be started or died; the journal is as it was, and another time will do."""

    code = "not_looked_at"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} could not be looked at: {why}. Nothing was changed; it is tried again.")


def verified_in_child(path: Path) -> int:
    """Check the chain in a child and wait; answers how many lines hold.

    Raises:
        JournalBroken: the chain does not hold.
        NotLookedAt: the child died.
    """
    return int(_asked("verify", path, b""))


def found_in_child(path: Path, wanted: Wanted) -> Prunable | None:
    """Find what may go in a child and wait; the same errors."""
    return msgspec.json.decode(_asked("prunable", path, msgspec.json.encode(wanted)), type=Prunable | None)


def _asked(what: str, path: Path, told: bytes) -> bytes:
    command = [sys.executable, "-m", "aldaba_edge.journal_child", what, str(path)]
    try:
        child = subprocess.run(command, input=told, capture_output=True, timeout=LONGEST_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotLookedAt(path, str(error)) from error
    if child.returncode == BROKEN and child.stdout:
        raise JournalBroken(path, child.stdout.decode("utf-8", "replace").strip())
    if child.returncode != 0:
        raise NotLookedAt(path, f"the process ended with {child.returncode}")
    return child.stdout


def verify(path: Path) -> int:
    """The same check in this process."""
    with JournalFile(path) as file:
        return file.check_chain()


def main(what: str, path: Path) -> int:
    """Answer one question."""
    end_with_parent()
    with suppress(OSError):
        os.nice(10)
    try:
        if what == "verify":
            answer = str(verify(path)).encode()
        else:
            answer = msgspec.json.encode(find(path, msgspec.json.decode(sys.stdin.buffer.read(), type=Wanted)))
    except (JournalBroken, Malformed) as error:
        sys.stdout.write(error.why)
        return BROKEN
    sys.stdout.buffer.write(answer)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], Path(sys.argv[2])))
