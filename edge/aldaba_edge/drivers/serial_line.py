"""Serial ports as drivers want them: opened exclusively, read as soon as a byte is there, lost as one error."""

import os
import select
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from serial import Serial, SerialException

from aldaba_edge.drivers.supervised import DeviceLost

WAKE_EVERY_SECONDS = 0.1
"""How long a read waits before the driver looks whether it should stop."""


@contextmanager
def open_line(path: str, baud: int, wake_seconds: float = WAKE_EVERY_SECONDS) -> Iterator[Serial]:
    """A port at 8N1 that no other program shares; a read gives up after `wake_seconds`.

    Raises:
        DeviceLost: the path is missing, taken or not a terminal, now or while it is used.
    """
    try:
        with Serial(path, baud, timeout=wake_seconds, write_timeout=1.0, exclusive=True) as line:
            yield line
    except (SerialException, termios.error) as error:
        raise DeviceLost(path, "device_gone") from error


def read_some(line: Serial) -> bytes:
    """What has arrived, at least one byte if any comes within the line's `wake_seconds`, at most 4 KiB.

    Read past pyserial, which asks three times for what one call gives: somebody waits at the door.
    """
    port: int = line.fileno()
    if not select.select((port,), (), (), line.timeout)[0]:
        return b""
    received = os.read(port, 4096)
    if not received:
        raise SerialException("the device is ready and has nothing to say: it was unplugged")
    return received
