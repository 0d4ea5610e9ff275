"""A durable journal line, alone and in a burst.

Floor: the same bytes in a bare SQLite commit, WAL and synchronous FULL, nothing
else. Ours writes the event, chains it, hands it to the writer and is called back
once the line is durable. Both stand on the same disk, in turns.
"""

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from aldaba_edge.books import Books, open_books, threaded
from aldaba_edge.clock import HandClock
from aldaba_edge.write_ahead import LOG_BYTES
from aldaba_shared.events import Line, chained, write_line
from bench.harness import Case, Samples, timed
from bench.visits import granted_visit

LINES = 200
BURST = 2_000


class SystemTime(HandClock):
    """Real time for the lines and promises nobody waits for: the bench is its own loop."""

    def now(self) -> datetime:
        """The wall clock."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class OwnLoop:
    """The writer's answers, taken by the bench itself; it waits without spinning, as an event loop does."""

    def __init__(self) -> None:
        self.posted: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def until(self, done: Callable[[], bool]) -> None:
        """Take answers until this holds."""
        while not done():
            self.posted.get()()


def cases(room: Path) -> Iterator[Case]:
    """One line at a time, then many at once."""
    loop, clock = OwnLoop(), SystemTime()
    books = open_books(
        room / "ours", clock, threaded(loop.posted.put), boot="bench", on_broken=_broken, log_bytes=LOG_BYTES
    )
    event = granted_visit()
    numbers = itertools.count(1)
    bare = sqlite3.connect(room / "bare.db", isolation_level=None)
    bare.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE lines (n INTEGER PRIMARY KEY, b)"
    )
    body = write_line(Line(1, clock.now(), "bench", 0, 0, event))

    def line() -> None:
        durable: list[int] = []
        wanted = books.journal.record(event, then=durable.append)
        loop.until(lambda: bool(durable))
        assert durable == [wanted]

    yield Case(
        "journal line, durable",
        lambda: timed(line, LINES),
        lambda: timed(lambda: bare.execute("INSERT INTO lines VALUES (?, ?)", (next(numbers), body)), LINES),
        reach=1.3,
    )
    yield Case("journal line, in a burst of 2,000", lambda: _burst(room, numbers, body, clock), at_most=20e-6)
    _check_chain(books)
    books.close()


def _burst(room: Path, rows: Iterator[int], body: bytes, clock: HandClock) -> Samples:
    """The disk's side of a burst: rows that are written and chained already, to the last of them durable."""
    loop = OwnLoop()
    folder = room / f"burst-{next(rows)}"
    books = open_books(folder, clock, threaded(loop.posted.put), boot="bench", on_broken=_broken)
    durable: list[int] = []
    loop.until(lambda: books.journal.durable.sequence >= books.journal.last)
    first, previous = books.journal.last + 1, books.journal.last_hash
    start = time.perf_counter()
    for number in range(first, first + BURST):
        previous = chained(previous, body)
        books.queue.add(line=(number, previous, body), state=None, then=partial(durable.append, number))
    loop.until(lambda: len(durable) == BURST)
    seconds = time.perf_counter() - start
    assert durable == list(range(first, first + BURST))
    books.close()
    return [seconds / BURST]


def _check_chain(books: Books) -> None:
    before = bytes(32)
    for _, hash_, body in books.journal.file.lines(1, books.journal.last):
        assert chained(before, body) == hash_
        before = hash_


def _broken(error: Exception) -> None:
    raise error
