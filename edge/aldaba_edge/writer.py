"""The one writer of this controller's disk: group commit, on a thread of its own or inline.

What the loop wants written waits in a queue; whatever queued while the last
commit ran goes into the next one. State is committed before the lines that
belong to it, so a pass use, a counter or a nonce is on disk before its tap is.
How the disk is spared a second write for each commit is told in `write_ahead`.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import structlog

from aldaba_edge.ports import Clock
from aldaba_edge.reserve import Reserve
from aldaba_edge.write_ahead import COMMITS_AT_MOST, REST_SECONDS, bring_home, connected

log = structlog.get_logger()

Value: TypeAlias = str | int | bytes | None
Statement: TypeAlias = tuple[str, tuple[Value, ...]]
JournalRow: TypeAlias = tuple[int, bytes, bytes]
"""Sequence, hash, body."""

INSERT_LINE: Final = "INSERT INTO lines (sequence, hash, body) VALUES (?, ?, ?)"
RETRY_SECONDS: Final = 1.0
MAKE_WAY_SECONDS: Final = 0.000_01
"""Asks the system for its shortest sleep, 0.06 ms on Linux: the writer gets the interpreter for the few steps to its
commit, which needs none. Else the loop keeps it for 0.13 ms more, for things that can be done during the commit."""
MENDABLE: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
"""What room or patience can mend; a database that is corrupt is another matter."""


@dataclass(slots=True)
class Work:
    """What goes to the disk in one go: `state` first, then `lines` and `books` in one transaction of the journal."""

    lines: list[JournalRow] = field(default_factory=list)
    state: list[Statement] = field(default_factory=list)
    books: list[Statement] = field(default_factory=list)
    tidy: bool = False
    """Also bring both write-ahead logs home."""

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.lines or self.state or self.books or self.tidy)


Done: TypeAlias = Callable[[sqlite3.Error | None], None]


class Writer(Protocol):
    """Writes one piece of work at a time."""

    def write(self, work: Work, done: Done) -> None:
        """Commit; `done` is called on the loop, with the error if there was one."""

    def close(self) -> None:
        """Finish what was given and let the files go; idempotent."""


class Disk:
    """The two databases, opened to write: WAL, and every commit on the platter before it returns.

    `log_bytes` is how much of their logs is laid out beforehand.
    """

    def __init__(
        self, journal: Path, state: Path, reserve: Reserve, *, synchronous: str = "FULL", log_bytes: int = 0
    ) -> None:
        self.journal = connected(journal, synchronous, log_bytes)
        self.state = connected(state, synchronous, log_bytes)
        self._reserve = reserve
        self._commits = 0

    @property
    def wants_rest(self) -> bool:
        """Whether enough stands in the logs that a moment without work should bring them home."""
        return self._commits >= COMMITS_AT_MOST

    def rest(self) -> None:
        """Bring both logs home. A disk that takes no more is the next commit's to tell."""
        self._commits = 0
        with suppress(sqlite3.Error):
            bring_home(self.state)
            bring_home(self.journal)

    def commit(self, work: Work) -> None:
        """Write the work, giving up the reserve if the disk is full.

        Raises:
            sqlite3.Error: it is not on the disk; what of it was committed has been taken out of `work`.
        """
        try:
            self._commit(work)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL or not self._reserve.spend():
                raise
            log.warning("reserve_spent")
            self._commit(work)

    def _commit(self, work: Work) -> None:
        if work.state:
            _transaction(self.state, work.state, ())
            work.state.clear()
        if work.lines or work.books:
            _transaction(self.journal, work.books, work.lines)
        self._commits += 1
        if work.tidy:
            self.rest()

    def close(self) -> None:
        """Close both files."""
        self.journal.close()
        self.state.close()


def _transaction(connection: sqlite3.Connection, statements: Sequence[Statement], lines: Sequence[JournalRow]) -> None:
    if len(statements) + len(lines) == 1:
        # One statement is a transaction by itself: a tap need not wait for a BEGIN and a COMMIT.
        connection.execute(*(statements[0] if statements else (INSERT_LINE, lines[0])))
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for sql, values in statements:
            connection.execute(sql, values)
        if lines:
            connection.executemany(INSERT_LINE, lines)
        connection.execute("COMMIT")
    except sqlite3.Error:
        # A full disk may have rolled back by itself already.
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


class WriterThread:
    """The writer of a running daemon; `post` brings its answers back to the loop."""

    def __init__(self, disk: Disk, post: Callable[[Callable[[], None]], None]) -> None:
        self._disk = disk
        self._post = post
        self._queue: queue.SimpleQueue[tuple[Work, Done] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def write(self, work: Work, done: Done) -> None:
        """Hand the work to the thread, and let it begin before the caller goes on."""
        self._queue.put((work, done))
        time.sleep(MAKE_WAY_SECONDS)

    def close(self) -> None:
        """Finish what was given, then end the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
            self._disk.close()

    def _run(self) -> None:
        while (item := self._wait()) is not None:
            work, done = item
            self._post(partial(done, _attempt(self._disk, work)))

    def _wait(self) -> tuple[Work, Done] | None:
        """The next work; the logs are brought home when there is none for a moment."""
        if self._disk.wants_rest:
            with suppress(queue.Empty):
                return self._queue.get(timeout=REST_SECONDS)
            self._disk.rest()
        return self._queue.get()


class InlineWriter:
    """The same work in the caller's thread, for tests and the simulated world.

    `delay` says how many seconds the disk takes; the commit happens at the end of
    them, so a power cut in between loses the work, as it does on a Pi.
    """

    def __init__(self, disk: Disk, clock: Clock, delay: Callable[[], float] = lambda: 0.0) -> None:
        self._disk = disk
        self._clock = clock
        self._delay = delay
        self._waiting: list[Callable[[], None]] = []

    def write(self, work: Work, done: Done) -> None:
        """Commit after the delay."""

        def commit() -> None:
            if commit in self._waiting:
                self._waiting.remove(commit)
                done(_attempt(self._disk, work))

        self._waiting.append(commit)
        self._clock.call_later(self._delay(), commit)

    def close(self) -> None:
        """Finish what was given and let the files go."""
        while self._waiting:
            self._waiting[0]()
        self._disk.close()

    def cut(self) -> None:
        """The power goes: what is not on the disk will never be."""
        self._waiting.clear()
        self._disk.close()


def _attempt(disk: Disk, work: Work) -> sqlite3.Error | None:
    try:
        disk.commit(work)
    except sqlite3.Error as error:
        return error
    return None


class WriteQueue:
    """The loop's side of the writer: gathers, sends one piece at a time, calls back what became durable.

    A full disk is tried again every second and nothing is called back meanwhile.
    An error that no room can mend goes to `on_broken`, once: the daemon ends, and
    the next start puts the broken file aside.
    """

    def __init__(self, writer: Writer, clock: Clock, on_broken: Callable[[Exception], None]) -> None:
        self._writer = writer
        self._clock = clock
        self._on_broken = on_broken
        self._next = Work()
        self._thens: list[Callable[[], None]] = []
        self._busy = False
        self.failing = False
        self.closed = False

    @property
    def backlog(self) -> int:
        """Lines that wait for the disk, those of the commit under way not counted."""
        return len(self._next.lines)

    def add(
        self,
        *,
        line: JournalRow | None = None,
        state: Statement | None = None,
        books: Sequence[Statement] = (),
        then: Callable[[], None] | None = None,
    ) -> None:
        """Have this written; `then` is called on the loop once all that was added up to here is durable."""
        if line is not None:
            self._next.lines.append(line)
        if state is not None:
            self._next.state.append(state)
        self._next.books.extend(books)
        if then is not None:
            self._thens.append(then)
        self._send()

    def tidy(self) -> None:
        """Have the write-ahead logs brought home after the next commit."""
        self._next.tidy = True
        self._send()

    def close(self) -> None:
        """Write the rest and stop."""
        self.closed = True
        while self._next and not self.failing:
            work, self._next = self._next, Work()
            self._writer.write(work, lambda _error: None)
        self._writer.close()

    def broken(self, error: Exception) -> None:
        """Something was read that no room can mend: the daemon ends, and the next start puts the file aside."""
        self._on_broken(error)

    def _send(self) -> None:
        if self._busy or not (self._next or self._thens):
            return
        self._busy = True
        work, self._next = self._next, Work()
        thens, self._thens = self._thens, []
        self._writer.write(work, lambda error: self._written(work, thens, error))

    def _written(self, work: Work, thens: list[Callable[[], None]], error: sqlite3.Error | None) -> None:
        if error is not None:
            self._failed(work, thens, error)
            return
        self._busy = False
        if self.failing:
            self.failing = False
            log.info("disk_writable_again")
        self._send()
        for then in thens:
            then()

    def _failed(self, work: Work, thens: list[Callable[[], None]], error: sqlite3.Error) -> None:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in MENDABLE:
            log.critical("disk_broken", why=str(error))
            self._on_broken(error)
            return
        if not self.failing:
            self.failing = True
            log.error("disk_not_writable", why=str(error))
        self._clock.call_later(
            RETRY_SECONDS, lambda: self._writer.write(work, lambda again: self._written(work, thens, again))
        )
