"""A serial device on a pseudo-terminal: the other end of a driver's cable, which can be pulled and put back."""

import os
import pty
import select
import termios
import threading
import tty
from collections.abc import Callable
from pathlib import Path

_SPEEDS = (0, 1200, 4800, 9600, 19200, 38400, 57600, 115200, 230400)
_BAUD = {getattr(termios, f"B{baud}"): baud for baud in _SPEEDS}


class SerialPty:
    """Serves `respond` on a pty behind a stable link, as udev's /dev/serial/by-id does for real adapters.

    `respond` gets what the host wrote and returns what the device says to it;
    it runs on this device's thread, under the same lock as `send`.
    """

    def __init__(self, link: Path, respond: Callable[[bytes], bytes]) -> None:
        self.link = link
        self._respond = respond
        self._lock = threading.RLock()
        self._master = self._slave = -1
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = os.pipe()

    @property
    def plugged(self) -> bool:
        """Whether the cable is in."""
        return self._thread is not None

    @property
    def host_baud(self) -> int:
        """The speed at which the host listens and speaks now, as its terminal is set; 0 when unplugged."""
        with self._lock:
            return _BAUD[termios.tcgetattr(self._slave)[4]] if self._slave >= 0 else 0

    def plug(self) -> None:
        """Put the cable in: a new terminal appears behind the same link; idempotent."""
        if self.plugged:
            return
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self._slave))
        self._thread = threading.Thread(target=self._serve, name=f"device {self.link.name}", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pull the cable: the host's next read fails as with a real adapter; idempotent."""
        if self._thread is None:
            return
        os.write(self._wake_write, b"!")
        self._thread.join()
        self._thread = None
        self.link.unlink(missing_ok=True)
        with self._lock:
            os.close(self._slave)
            os.close(self._master)
            self._master = self._slave = -1

    def send(self, spoken: bytes) -> None:
        """Say something unasked, such as a card in the field or a scanned code; lost when unplugged."""
        with self._lock:
            if self._master >= 0 and spoken:
                os.write(self._master, spoken)

    def close(self) -> None:
        """Pull the cable for good."""
        self.unplug()
        if self._wake_read >= 0:
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._wake_read = -1

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._wake_read], [], [])
            if self._wake_read in ready:
                os.read(self._wake_read, 1)
                return
            with self._lock:
                self.send(self._respond(os.read(self._master, 4096)))
