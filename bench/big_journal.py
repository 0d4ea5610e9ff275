"""A journal of a million lines: start, append, the last lines, a search for old ones; and what a tap costs the card.

Built once by plain SQL with the writer's own rows, so that it is the file a door
has after some five years. Nothing may depend on its length but the check of the
whole chain, which a child process makes.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aldaba_edge.books import Books, open_books, threaded
from aldaba_edge.journal import KEPT
from aldaba_edge.journal_child import found_in_child
from aldaba_edge.journal_file import JournalFile
from aldaba_edge.pruning import MOST, Wanted
from aldaba_shared.events import GENESIS, Line, chained, write_line
from bench.harness import Case, Samples, timed
from bench.journal import OwnLoop, SystemTime
from bench.visits import granted_visit

LINES = 1_000_000
TAPS = 50
PAGE = 4096


def cases(room: Path) -> Iterator[Case]:
    """Start, append, read and search over a million lines, and the bytes of a tap."""
    folder = room / "big"
    path = _filled(folder)
    yield Case("start on a journal of 1,000,000 lines", lambda: _started(folder), at_most=0.5, unit="ms")
    loop, clock = OwnLoop(), SystemTime()
    books = open_books(folder, clock, threaded(loop.posted.put), boot="bench", on_broken=_broken)
    small = open_books(room / "small", clock, threaded(loop.posted.put), boot="bench", on_broken=_broken)
    yield Case(
        "append to 1,000,000 lines (floor: to none)",
        lambda: timed(lambda: _append(books, loop), TAPS),
        lambda: timed(lambda: _append(small, loop), TAPS),
        reach=1.5,
    )
    yield Case("events --tail 50 of 1,000,000", lambda: timed(lambda: _tail(path), 5), at_most=0.05, unit="ms")
    yield Case("find 20,000 old lines, in a child", lambda: timed(lambda: _search(path), 1), at_most=10.0, unit="s")
    yield Case("bytes written for a tap", lambda: _written(small, loop), at_most=6 * PAGE, unit="B")
    books.close()
    small.close()


def _filled(folder: Path) -> Path:
    """A million lines of one visit, chained; the first ones older than the retention."""
    loop, clock = OwnLoop(), SystemTime()
    open_books(folder, clock, threaded(loop.posted.put), boot="old", on_broken=_broken).close()
    path = folder / "journal.db"
    before = GENESIS
    event, began = granted_visit(), datetime.now(UTC) - timedelta(days=100)

    def rows() -> Iterator[tuple[int, bytes, bytes]]:
        nonlocal before
        for number in range(1, LINES + 1):
            body = write_line(Line(number, began + timedelta(seconds=number), "old", 0, 0, event))
            before = chained(before, body)
            yield number, before, body

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute("DELETE FROM lines")
        connection.executemany("INSERT INTO lines VALUES (?, ?, ?)", rows())
        connection.execute("COMMIT")
    return path


def _started(folder: Path) -> Samples:
    """From nothing to books that can be written to."""
    loop, clock = OwnLoop(), SystemTime()
    start = time.perf_counter()
    books = open_books(folder, clock, threaded(loop.posted.put), boot="bench", on_broken=_broken)
    seconds = time.perf_counter() - start
    assert books.journal.last >= LINES
    books.close()
    return [seconds]


def _append(books: Books, loop: OwnLoop) -> None:
    durable: list[int] = []
    books.journal.record(granted_visit(), then=durable.append)
    loop.until(lambda: bool(durable))


def _tail(path: Path) -> None:
    with JournalFile(path) as file:
        assert len(file.lines_before(50)) == 50


def _search(path: Path) -> None:
    found = found_in_child(path, Wanted(LINES, datetime.now(UTC) - KEPT))
    assert found is not None
    assert sum(found.counts.values()) == MOST


def _written(books: Books, loop: OwnLoop) -> Samples:
    """What the log of the journal grows by, a tap at a time, and once more when it is brought home."""
    log, samples = books.journal.file.path.with_name("journal.db-wal"), []
    for _ in range(TAPS):
        before = log.stat().st_size
        _append(books, loop)
        grown = log.stat().st_size - before
        if grown > 0:
            # The page is written again when the log is brought home, at worst once for each time.
            samples.append(float(2 * grown))
    return samples


def _broken(error: Exception) -> None:
    raise error
