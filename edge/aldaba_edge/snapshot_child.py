"""The child process that checks a rule set from its first row to its last, so that the door's process does not.

Run as `python -m aldaba_edge.snapshot_child PATH`. It prints the set hash in
hexadecimal, or the code of what is wrong, and holds no key: the parent compares
the hash with the one the signed head names.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

from aldaba_edge.rules_file import RulesRefused, verified_hash

Verify: TypeAlias = Callable[[Path], bytes]
"""The set hash of a file whose format, schema and rows were found good; raises `RulesRefused`."""

LONGEST_SECONDS: Final = 600
PR_SET_PDEATHSIG: Final = 1
"""Linux: the signal for a process whose parent has gone (prctl(2))."""


def verified_in_child(path: Path) -> bytes:
    """Check a rule set in a child process and wait for it; call it from a thread that may wait.

    Raises:
        RulesRefused: as the child says, or because the child died.
    """
    command = [sys.executable, "-m", "aldaba_edge.snapshot_child", str(path)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise RulesRefused("not_checked", f"{path} could not be checked ({error})") from error
    word, _, rest = child.stdout.strip().partition(" ")
    if child.returncode == 0 and word == "ok":
        return bytes.fromhex(rest)
    if child.returncode == 1 and word:
        raise RulesRefused(word, rest)
    raise RulesRefused("not_checked", f"the process that checks {path} ended with {child.returncode}")


def main(path: str) -> int:
    """Print the set hash and answer 0, or print what is wrong and answer 1."""
    end_with_parent()
    with suppress(OSError):
        os.nice(10)
    try:
        print("ok", verified_hash(Path(path)).hex())  # noqa: T201 - its parent reads it
    except RulesRefused as error:
        print(error.why, str(error).replace("\n", " "))  # noqa: T201 - its parent reads it
        return 1
    return 0


def end_with_parent() -> None:
    """A check that nobody waits for any more ends too, even when the daemon was killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() == 1:
        raise SystemExit(1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
