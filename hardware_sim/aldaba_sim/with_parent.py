"""Run a program that dies with the one who started it: `python -m aldaba_sim.with_parent PID PROGRAM …`.

Linux sends the signal (`prctl(PR_SET_PDEATHSIG)`) even when the parent was
killed and could clean up nothing. It survives exec, so the program itself need
not know.
"""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Ask for the signal, make sure the parent still lives, and become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(1)
    os.execvp(program[0], program)  # noqa: S606 - becoming the program is the point


if __name__ == "__main__":
    main()
