"""The journal: the books of this controller, append-only, chained and durable.

A line has its sequence and its place in the chain the moment it is recorded; it
counts only once the writer has it on disk, and nothing is told to anyone before.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import structlog

from aldaba_edge.durable import sync
from aldaba_edge.journal_file import Checkpoint, JournalBroken, JournalFile, Opened, Prunable, Tail, suspect_mark
from aldaba_edge.ports import Clock, Use
from aldaba_edge.writer import JournalRow, Statement, WriteQueue
from aldaba_shared.envelope import KeyRing, SigningKey, seal, unseal
from aldaba_shared.events import UNHURRIED, AnyEvent, ClockSet, JournalOpened, Line, Unrecorded, chained, write_line
from aldaba_shared.messages import Kind

log = structlog.get_logger()

MOST_WAITING: Final = 10_000
"""Lines kept in memory while the disk takes none; what comes after is counted, not kept."""

JUMP: Final = timedelta(seconds=1)
"""A wall clock that moved this much against the monotonic one was set, and a new segment begins."""

Now: TypeAlias = tuple[datetime, float]
"""The wall clock, and the seconds since the machine started."""

KEPT: Final = timedelta(days=30)
PRUNED_AT_ONCE: Final = 200
DROPPED_AT_ONCE: Final = 500
"""Rows dropped in one commit; a tap that comes meanwhile waits for no more."""


class SqliteJournal:
    """Satisfies the `Journal` port over a file that was opened before.

    `spend` turns a use into the statement that keeps it.
    """

    def __init__(
        self,
        opened: Opened,
        queue: WriteQueue,
        clock: Clock,
        *,
        boot: str,
        spend: Callable[[Use], Statement],
    ) -> None:
        self.file = JournalFile(opened.path)
        self.id = opened.tail.journal
        self._queue = queue
        self._clock = clock
        self.boot = boot
        self._spend = spend
        self._sequence = opened.tail.sequence
        self._hash = opened.tail.hash
        self._durable = opened.tail
        self._urgent = opened.tail.sequence
        self._segment = opened.segment
        self._offset: datetime | None = None
        self._unrecorded = 0
        self._watchers: list[Callable[[], None]] = []
        self._counts: Counter[str] | None = None
        if opened.fresh:
            self._open_books(opened)

    def _open_books(self, opened: Opened) -> None:
        before = opened.previous
        if opened.put_aside is not None:
            log.error("journal_put_aside", file=str(opened.put_aside))
        if before is None:
            self.record(JournalOpened(self.id))
        else:
            self.record(JournalOpened(self.id, before.journal, before.sequence, before.hash))
        if opened.put_aside is not None:
            self.record(Unrecorded(0, "journal_broken"))

    @property
    def last(self) -> int:
        """The sequence of the last line recorded, durable or on its way."""
        return self._sequence

    @property
    def last_hash(self) -> bytes:
        """The hash of that line."""
        return self._hash

    @property
    def urgent(self) -> int:
        """The sequence of the last line somebody may wait for."""
        return self._urgent

    @property
    def durable(self) -> Tail:
        """The last line that is on the disk."""
        return self._durable

    @property
    def unrecorded(self) -> int:
        """Events no line could be kept of since the disk stopped taking any."""
        return self._unrecorded

    def watch(self, callback: Callable[[], None]) -> None:
        """Call back on the loop whenever lines have become durable."""
        self._watchers.append(callback)

    def record(self, event: AnyEvent, *, then: Callable[[int], None] | None = None, spend: Use | None = None) -> int:
        """Write an event as the next line; 0 when the disk and the memory for it are both full."""
        if self._queue.failing and self._queue.backlog >= MOST_WAITING:
            return self._count_unrecorded()
        now = self._read_clock()
        if self._unrecorded and not self._queue.failing:
            times, self._unrecorded = self._unrecorded, 0
            self._append(Unrecorded(times, "disk_full"), now)
        return self._append(event, now, then, spend)

    @property
    def segment(self) -> int:
        """The clock segment of this very moment; a clock that was set is written down first."""
        self._read_clock()
        return self._segment

    def _read_clock(self) -> Now:
        """Both clocks, once for a line; one that was set is written down before it."""
        now = (self._clock.now(), self._clock.monotonic())
        offset = now[0] - timedelta(seconds=now[1])
        before, self._offset = self._offset, offset
        if before is not None and abs(offset - before) > JUMP:
            self._segment += 1
            self._append(ClockSet(round((offset - before).total_seconds() * 1000)), now)
        return now

    def _append(
        self, event: AnyEvent, now: Now, then: Callable[[int], None] | None = None, spend: Use | None = None
    ) -> int:
        sequence = self._sequence + 1
        body = write_line(Line(sequence, now[0], self.boot, self._segment, int(now[1] * 1_000_000), event))
        self._sequence, self._hash = sequence, chained(self._hash, body)
        if not isinstance(event, UNHURRIED):
            self._urgent = sequence
        tail = Tail(self.id, sequence, self._hash)
        self._queue.add(
            line=(sequence, self._hash, body),
            state=self._spend(spend) if spend is not None else None,
            then=lambda: self._became_durable(tail, then),
        )
        return sequence

    def _became_durable(self, tail: Tail, then: Callable[[int], None] | None) -> None:
        self._durable = tail
        if then is not None:
            then(tail.sequence)
        for watcher in self._watchers:
            watcher()

    def _count_unrecorded(self) -> int:
        self._unrecorded += 1
        if self._unrecorded == 1:
            log.error("event_unrecorded", why="disk_full")
        return 0

    def rows(self, first: int, count: int) -> list[JournalRow]:
        """Up to `count` durable lines from a sequence on; none when the file turns out to be broken."""
        try:
            return self.file.lines(first, count)
        except sqlite3.DatabaseError as error:
            self.suspect(str(error))
            return []

    def hash_before(self, sequence: int) -> bytes | None:
        """The hash before a line, or None when the line before it is neither kept nor noted."""
        rows = self.file.lines(sequence - 1, 1)
        if rows and rows[0][0] == sequence - 1:
            return rows[0][1]
        start = self.file.start
        return start.hash if sequence - 1 == start.sequence else None

    def prune(self, acked: int, key: SigningKey, controller: str) -> int:
        """Drop some of the lines that the cloud has and that are old; answer how many.

        A signed checkpoint takes their place: verification starts there. Call it
        again while it answers more than none.
        """
        found = self.file.prunable(acked, self._clock.now() - KEPT, PRUNED_AT_ONCE)
        if found is None:
            return 0
        self.drop(found, key, controller)
        return sum(found.counts.values())

    def drop(self, found: Prunable, key: SigningKey, controller: str) -> None:
        """Drop these lines: first the signed checkpoint that stands for them, then the rows, a slice at a time."""
        if found.sequence <= self.file.start.sequence:
            return
        counts = self._pruned_counts(key, controller) + Counter(found.counts)
        point = Checkpoint(controller, self.id, found.sequence, found.hash, dict(counts))
        self._counts = counts
        meta = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        checkpoint: list[Statement] = [
            (meta, ("checkpoint", seal(Kind.CHECKPOINT, controller, point, key))),
            (meta, ("pruned_sequence", found.sequence.to_bytes(8, "big"))),
            (meta, ("pruned_hash", found.hash)),
        ]
        first = self.file.lines(0, 1)
        gone = first[0][0] - 1 if first else found.sequence
        self._queue.add(books=checkpoint, then=lambda: self._drop_slice(gone, found.sequence))

    def _drop_slice(self, gone: int, last: int) -> None:
        if gone >= last or self._queue.closed:
            return
        upto = min(gone + DROPPED_AT_ONCE, last)
        rows: Statement = ("DELETE FROM lines WHERE sequence <= ?", (upto,))
        self._queue.add(books=[rows], then=lambda: self._drop_slice(upto, last))

    def suspect(self, why: str) -> None:
        """A line of the file is broken: mark it, end, and let the next start put it aside and open a new one."""
        log.critical("journal_suspect", why=why)
        mark = suspect_mark(self.file.path)
        mark.touch(mode=0o600)
        sync(mark.parent)
        self._queue.broken(JournalBroken(self.file.path, why))

    def _pruned_counts(self, key: SigningKey, controller: str) -> Counter[str]:
        if self._counts is not None:
            return self._counts
        envelope = self.file.checkpoint
        if envelope is None:
            return Counter()
        ring = KeyRing([key.public(Kind.CHECKPOINT)])
        return Counter(unseal(Kind.CHECKPOINT, controller, envelope, ring, Checkpoint).counts)

    def close(self) -> None:
        """Let the reading side go; the writer closes its own."""
        self.file.close()
