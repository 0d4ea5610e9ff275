"""The reserve: disk space kept back so that a full disk does not silence the journal at once."""

import os
from pathlib import Path
from typing import Final

RESERVE_BYTES: Final = 16 * 1024 * 1024


class Reserve:
    """A file of 16 MiB that is deleted when the disk is full, and made again when there is room."""

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self._path = path
        self._size = size

    @property
    def held(self) -> bool:
        """Whether there still is something to give up."""
        return self._path.exists()

    def hold(self) -> bool:
        """Set the space aside; False when the disk has no room for it.

        Room for four times the reserve is asked for, so that making the reserve
        again never is what fills the disk.
        """
        if self.held:
            return True
        free = os.statvfs(self._path.parent)
        if free.f_bavail * free.f_frsize < 4 * self._size:
            return False
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(file, 0, self._size)
        except OSError:
            self._path.unlink()
            return False
        finally:
            os.close(file)
        return True

    def spend(self) -> bool:
        """Give the space back to whoever needs it now; False when it is spent already."""
        if not self.held:
            return False
        self._path.unlink()
        return True
