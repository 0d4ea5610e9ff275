"""The order of effects on a real disk: the real writer, its thread and SQLite, on time turned by hand."""

import queue
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aldaba_edge.books import open_books, threaded
from aldaba_edge.clock import HandClock
from aldaba_edge.entry import PATIENCE_SECONDS
from aldaba_edge.journal_file import JournalFile
from aldaba_edge.ports import PassSeen
from aldaba_shared import passes
from aldaba_shared.decide import Side
from aldaba_shared.events import AccessDecided, RecordedLate
from tests.edge.door_fakes import MONDAY_NOON, PASS_KEY, Bench
from tests.edge.test_door_loop import VISIT


class OnDisk:
    """A door whose books are real; what the writer's thread posts waits until the test lets the loop have it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        clock = HandClock(MONDAY_NOON)
        self.books = open_books(folder, clock, threaded(self._posted.put), boot="b", on_broken=self._broken)
        self.bench = Bench(clock=clock, books=self.books)
        self.until(lambda: self.books.journal.durable.sequence == self.books.journal.last)

    def until(self, holds: Callable[[], bool]) -> None:
        """Let the loop have the writer's answers until it is so."""
        while not holds():
            self._posted.get(timeout=30)()
            self.bench.clock.settle()

    def kinds(self) -> list[str]:
        """The lines a second program finds on the disk now."""
        with JournalFile(self.folder / "journal.db") as journal:
            return [str(line.event.__struct_config__.tag) for line in journal.events()]

    def busy(self, name: str) -> sqlite3.Connection:
        """Keep a file's write lock, as a slow disk would."""
        other = sqlite3.connect(self.folder / name, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        return other

    def _broken(self, error: Exception) -> None:
        raise error


@pytest.fixture
def door(tmp_path: Path) -> Iterator[OnDisk]:
    opened = OnDisk(tmp_path / "data")
    yield opened
    opened.books.close()


def test_an_entry_is_on_the_disk_before_the_lock_moves(door: OnDisk) -> None:
    found: list[list[str]] = []
    door.bench.lock.before_release = lambda: found.append(door.kinds())
    door.bench.tap(wait=0)
    assert not door.bench.lock.released, "the loop has not heard of the disk yet"
    door.until(lambda: door.bench.lock.released)
    assert [kinds.count("access_decided") for kinds in found] == [1]


@pytest.mark.feature(91)
def test_nobody_waits_for_a_slow_disk_longer_than_patience_and_the_books_say_so(door: OnDisk) -> None:
    found: list[list[str]] = []
    door.bench.lock.before_release = lambda: found.append(door.kinds())
    slow = door.busy("journal.db")
    door.bench.tap(wait=PATIENCE_SECONDS - 0.001)
    assert not door.bench.lock.released
    door.bench.clock.advance(0.001)
    assert door.bench.lock.released
    assert "access_decided" not in found[0]
    door.bench.clock.advance(0.4)
    slow.rollback()
    slow.close()
    door.until(lambda: "recorded_late" in door.kinds())
    with JournalFile(door.folder / "journal.db") as journal:
        tapped, late = list(journal.events())[-2:]
    assert isinstance(tapped.event, AccessDecided)
    assert late.event == RecordedLate(tapped.sequence, round((PATIENCE_SECONDS + 0.4) * 1000))
    assert door.bench.lock.told.count("release") == 1


def test_a_pass_waits_for_the_disk_however_slow_it_is_and_its_use_is_there_first(door: OnDisk) -> None:
    slow = door.busy("state.db")
    door.bench.loop.read(Side.IN, PassSeen(passes.issue(VISIT, PASS_KEY).encode()))
    door.bench.clock.advance(2)
    assert not door.bench.lock.released
    uses: list[int] = []
    door.bench.lock.before_release = lambda: uses.append(_uses_on_disk(door.folder))
    slow.rollback()
    slow.close()
    door.until(lambda: door.bench.lock.released)
    assert uses == [1]


def test_a_way_out_never_waits_for_the_disk(door: OnDisk) -> None:
    slow = door.busy("journal.db")
    door.bench.tap(side=Side.EGRESS, wait=0)
    assert door.bench.lock.released
    slow.rollback()
    slow.close()
    door.until(lambda: "access_decided" in door.kinds())


def _uses_on_disk(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "state.db")) as state:
        counted: int = state.execute("SELECT sum(value) FROM used").fetchone()[0]
    return counted
