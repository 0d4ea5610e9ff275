"""What the machine itself knows of the time: whether the kernel's clock is disciplined, and the battery clock.

Nothing here sets a clock, so no privilege is needed. The kernel answers
adjtimex(2) with TIME_ERROR while nobody disciplines its clock (NTP, PTP or GPS
do); where a sandbox forbids that call, the mark that systemd-timesyncd leaves
under /run says the same. A real-time clock that lost its power refuses to be
read (the DS3231's oscillator-stop flag) or shows 1970 (a Pi 5 without battery).
"""

import ctypes
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""
TIMEX_BYTES: Final = 512
"""More than `struct timex` has on any machine; zeroed, it asks and changes nothing."""
SYNCED: Final = Path("run/systemd/timesync/synchronized")
CLOCKS: Final = Path("sys/class/rtc")


class MachineTime(Protocol):
    """The machine's own word on the time."""

    def synchronised(self) -> bool:
        """Whether somebody disciplines the kernel's clock."""

    def rtc(self) -> datetime | None:
        """What the battery clock shows, to the second; None where there is none that keeps time."""


class KernelTime:
    """A Linux machine; `root` is `/` but for tests."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def synchronised(self) -> bool:
        """As the kernel says, or the mark of systemd-timesyncd."""
        return _disciplined() or (self._root / SYNCED).exists()

    def rtc(self) -> datetime | None:
        """The first clock that can be read."""
        for clock in sorted((self._root / CLOCKS).glob("rtc*")):
            try:
                seconds = int((clock / "since_epoch").read_text("ascii"))
            except (OSError, ValueError):
                continue
            return datetime.fromtimestamp(seconds, UTC)
        return None


def _disciplined() -> bool:
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    return 0 <= state < TIME_ERROR
