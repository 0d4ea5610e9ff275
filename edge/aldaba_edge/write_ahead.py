"""The write-ahead logs of this controller: laid out before they are needed, and brought home while nobody waits.

Bringing a commit to the disk costs one write where the file has the bytes
already. Where it grows, the file system must note its new size in a journal of
its own, which on ext4 is a second write that waits for the first, for every tap.
So the log is filled with zeros once, at the start. SQLite takes zeros for the
end of the log: a frame counts only with the log's salt and its checksum
(https://sqlite.org/fileformat2.html#walformat), and after bringing a log home
it writes from its beginning again.

Bringing home takes milliseconds, on a card many. Left to itself SQLite does it
within the commit that makes the log 1,000 pages long; somebody stands at the
door of that one. The writer does it earlier, after a moment of rest.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from aldaba_edge.durable import sync

LOG_BYTES: Final = 1024 * 1024
"""Some 250 pages; a tap writes one, now and then three."""

PIECE: Final = 4096
"""A page of memory, and of the databases."""

COMMITS_AT_MOST: Final = 100
"""From so many on, the logs are brought home at the next rest: before they outgrow what was laid out."""

REST_SECONDS: Final = 0.2
"""So long without work is a rest: two people in a row are further apart."""


def connected(path: Path, synchronous: str, log_bytes: int) -> sqlite3.Connection:
    """A database opened to write, every statement a transaction by itself, its log as long as is wanted."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute(f"PRAGMA journal_size_limit = {log_bytes}")
    with suppress(OSError):  # a disk without room for zeros may still have some for a line
        _lay_out(path.with_name(path.name + "-wal"), log_bytes)
    return connection


def _lay_out(log: Path, size: int) -> None:
    """Fill up with zeros what the log lacks; what a crash left in it stays as it is.

    Piece by piece: Linux keeps what comes in one write as one large folio, and then counts
    the whole of it as written whenever a page of it is (proc(5), `write_bytes`).
    """
    there = log.stat().st_size if log.exists() else 0
    if there >= size:
        return
    file = os.open(log, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for at in range(there, size, PIECE):
            os.pwrite(file, bytes(min(PIECE, size - at)), at)
        os.fsync(file)
    finally:
        os.close(file)
    sync(log.parent)


def bring_home(connection: sqlite3.Connection) -> None:
    """Write what stands in the log into the file, as far as no reader needs the log still.

    Raises:
        sqlite3.Error: the disk takes no more; nothing is lost, the log is as it was.
    """
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
