"""What makes a file or a name outlive a power cut: fsync on the file, and on the folder its name stands in."""

import os
from collections.abc import Callable
from pathlib import Path


def sync(path: Path) -> None:
    """Bring a file's bytes, or the names in a folder, to the disk before going on (fsync(2))."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def born_whole(path: Path, make: Callable[[Path], None]) -> None:
    """Have a SQLite file made under another name and put in its place when it is complete.

    A power cut leaves no file or the whole one, so that what is half is damage and
    nothing else. A log that stands beside the place belonged to a file that is gone.
    """
    new = path.with_name(path.name + ".new")
    for name in (new.name, path.name):
        for suffix in ("-wal", "-shm", "-journal"):
            path.with_name(name + suffix).unlink(missing_ok=True)
    new.unlink(missing_ok=True)
    make(new)
    new.chmod(0o600)
    sync(new)
    new.rename(path)
    sync(path.parent)
