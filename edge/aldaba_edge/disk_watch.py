"""Watches the room on the disk, with an alarm when it is full, and what is written to it, which wears the card."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from aldaba_edge.reserve import Reserve
from aldaba_edge.writer import WriteQueue
from aldaba_shared.events import AnyEvent, DiskBack, DiskShort

log = structlog.get_logger()

IO: Final = Path("/proc/self/io")


class DiskWatch:
    """Says once when the reserve is gone, and once when it could be set aside again."""

    def __init__(self, folder: Path, reserve: Reserve, queue: WriteQueue, tell: Callable[[AnyEvent], object]) -> None:
        self._folder = folder
        self._reserve = reserve
        self._queue = queue
        self._tell = tell
        self.short = False

    def look(self) -> None:
        """Look now; while the disk is short the reserve is tried again each time."""
        if self.short:
            if not self._queue.failing and self._reserve.hold():
                self.short = False
                self._tell(DiskBack(self.free))
                log.info("disk_back", free_bytes=self.free)
        elif self._queue.failing or not self._reserve.held:
            self.short = True
            self._tell(DiskShort(self.free))
            log.error("disk_short", free_bytes=self.free)

    @property
    def free(self) -> int:
        """Bytes this account may still write."""
        room = os.statvfs(self._folder)
        return room.f_bavail * room.f_frsize


def written_bytes() -> int | None:
    """What this process had written to a disk since its start (proc(5), `write_bytes`); None where that is hidden."""
    try:
        told = dict(line.split(": ") for line in IO.read_text("ascii").splitlines())
        return int(told["write_bytes"])
    except (OSError, ValueError, KeyError):
        return None
