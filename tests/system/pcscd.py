"""A private pcscd with vsmartcard's virtual reader of two slots, for tests; one at a time on a machine."""

import contextlib
import fcntl
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from smartcard import scard

READER_NAME = "ACS ACR122U PICC Interface (virtual)"
DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
COMMUNICATION_SOCKET = Path("/run/pcscd/pcscd.comm")
START_SECONDS = 60.0


class Pcscd:
    """A running daemon that can be ended and started again, as an update of the package does."""

    def __init__(self, folder: str, port: int) -> None:
        self.port = port
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until programs and cards can reach it."""
        COMMUNICATION_SOCKET.parent.mkdir(exist_ok=True)
        command = ["pcscd", "--foreground", "--error", "-c", self._folder]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _wait_for(self.port)

    def stop(self) -> None:
        """End it; idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(timeout=10)


@contextlib.contextmanager
def private_pcscd() -> Iterator[Pcscd]:
    """A daemon with the virtual reader. pcscd has one socket a machine, so others wait for their turn."""
    with Path(tempfile.gettempdir(), "aldaba-pcscd.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        with tempfile.TemporaryDirectory() as folder:
            port = _two_free_ports()
            told = f'FRIENDLYNAME "{READER_NAME}"\nDEVICENAME /dev/null:0x{port:04X}\n'
            (Path(folder) / "vpcd").write_text(f"{told}LIBPATH {DRIVER}\nCHANNELID 0x{port:04X}\n")
            pcscd = Pcscd(folder, port)
            try:
                pcscd.start()
                yield pcscd
            finally:
                pcscd.stop()


@contextlib.contextmanager
def virtual_reader() -> Iterator[int]:
    """The port of the first slot; the second is the next one."""
    with private_pcscd() as pcscd:
        yield pcscd.port


def _two_free_ports() -> int:
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port


def _wait_for(port: int) -> None:
    """Until pcscd listens to programs and vpcd to cards."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if COMMUNICATION_SOCKET.exists() and _listens(port):
            return
        time.sleep(0.02)  # a process of the system's; nothing of ours can tell us
    message = f"pcscd with {DRIVER} did not start. Is another one running? Are pcscd and vsmartcard-vpcd installed?"
    raise TimeoutError(message)


def _listens(port: int) -> bool:
    """Whether somebody listens on the port: looked up, since a connection would already be a card."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return any(one[1].endswith(f":{port:04X}") and one[3] == "0A" for one in sockets[1:])


def wait_empty(name: str = f"{READER_NAME} 00 00") -> None:
    """Until pcscd has noticed that no card is there: between two of its polls a card could be swapped unseen."""
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    state = scard.SCARD_STATE_UNAWARE
    while not state & scard.SCARD_STATE_EMPTY:
        result, states = scard.SCardGetStatusChange(context, 5000, [(name, state)])
        assert result == scard.SCARD_S_SUCCESS, f"{name} is not there"
        state = states[0][1]
    scard.SCardReleaseContext(context)
