"""Pruning drops what the cloud has and what is old, never anything else, and leaves a chain that can be verified."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from aldaba_edge.books import Books
from aldaba_edge.clock import HandClock
from aldaba_edge.journal import KEPT
from aldaba_edge.journal_file import JournalFile, Prunable
from aldaba_edge.pruning import Pruner, Wanted, find
from aldaba_edge.runner import InlineRunner
from aldaba_shared.envelope import KeyRing, SigningKey
from aldaba_shared.events import DoorOpened, Line, chained, write_line
from aldaba_shared.messages import Kind
from tests.edge.places import FRONT, ME, START, books_in

KEY = SigningKey.generate(b"me")
RING = KeyRing([KEY.public(Kind.CHECKPOINT)])
HOUR = timedelta(hours=1)


@pytest.fixture(name="empty", scope="module")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a journal without a line: made once, filled by each example."""
    folder = tmp_path_factory.mktemp("empty")
    books = books_in(folder, HandClock(START))
    books.close()
    connection = sqlite3.connect(folder / "journal.db", isolation_level=None)
    connection.execute("DELETE FROM lines")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return folder / "journal.db"


def filled(path: Path, empty: Path, ages: list[int]) -> None:
    """A journal whose lines are so many hours old."""
    path.write_bytes(empty.read_bytes())
    before = bytes(32)
    rows = []
    for sequence, age in enumerate(ages, start=1):
        body = write_line(Line(sequence, START - age * HOUR, "b", 0, 0, DoorOpened(FRONT)))
        before = chained(before, body)
        rows.append((sequence, before, body))
    with sqlite3.connect(path) as connection:
        connection.executemany("INSERT INTO lines VALUES (?, ?, ?)", rows)


@settings(max_examples=60, deadline=None)
@given(
    ages=st.lists(st.integers(0, 1500), min_size=1, max_size=40),
    acked=st.integers(0, 45),
    in_order=st.booleans(),
)
def test_no_line_that_is_young_or_not_acked_may_go(
    tmp_path_factory: pytest.TempPathFactory, empty: Path, ages: list[int], acked: int, in_order: bool
) -> None:
    ages = sorted(ages, reverse=True) if in_order else ages
    path = tmp_path_factory.getbasetemp() / "pruned.db"
    filled(path, empty, ages)
    found = find(path, Wanted(acked, START - KEPT))
    gone = found.sequence if found is not None else 0
    event(
        f"{'none' if not gone else 'all' if gone == len(ages) else 'some'} go, {'in' if in_order else 'out of'} order"
    )
    assert gone <= acked
    assert all(age * HOUR >= KEPT for age in ages[:gone])
    assert gone == len(ages) or gone == acked or ages[gone] * HOUR < KEPT, "what may go goes"
    assert found is None or sum(found.counts.values()) == gone


@pytest.mark.feature(39)
def test_the_pruner_drops_in_slices_behind_a_signed_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldaba_edge.journal.DROPPED_AT_ONCE", 100)
    clock = HandClock(START)
    books = books_in(tmp_path, clock)
    for _ in range(1000):
        books.journal.record(DoorOpened(FRONT))
    clock.settle()
    pruner = Pruner(books.journal, clock, InlineRunner(clock.post), find, key=KEY, controller=ME)
    pruner.look(acked=700)
    clock.settle()
    assert books.journal.file.start.sequence == 0, "nothing is old"
    clock.jump((KEPT + HOUR).total_seconds())
    pruner.look(acked=700)
    clock.settle()
    assert books.journal.file.start.sequence == 700
    assert books.journal.file.lines(0, 1)[0][0] == 701
    assert books.journal.file.verify(RING, ME).total() == books.journal.last
    books.close()


def test_a_cut_between_checkpoint_and_rows_is_no_damage_and_is_tidied_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HandClock(START)
    books = books_in(tmp_path, clock)
    for _ in range(30):
        books.journal.record(DoorOpened(FRONT))
    clock.settle()
    journal = books.journal.id
    clock.jump((KEPT + 2 * HOUR).total_seconds())
    monkeypatch.setattr("aldaba_edge.journal.SqliteJournal._drop_slice", lambda *_: None)
    assert books.journal.prune(20, KEY, ME) == 20
    clock.settle()
    books.close()
    monkeypatch.undo()
    again = books_in(tmp_path, clock)
    assert again.journal.id == journal, "rows below the checkpoint look like no damage"
    assert again.journal.prune(25, KEY, ME) == 5
    clock.settle()
    assert again.journal.file.lines(0, 1)[0][0] == 26
    assert again.journal.file.verify(RING, ME).total() == again.journal.last
    again.close()


def test_a_broken_line_among_the_old_ones_is_kept_and_said(tmp_path: Path) -> None:
    clock = HandClock(START)
    broken: list[Exception] = []
    books = books_in(tmp_path, clock)
    monitored(books, broken)
    for _ in range(300):
        books.journal.record(DoorOpened(FRONT))
    clock.settle()
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("UPDATE lines SET body = replace(body, 'front', 'frond') WHERE sequence = 7")
    clock.jump((KEPT + 2 * HOUR).total_seconds())
    Pruner(books.journal, clock, InlineRunner(clock.post), find, key=KEY, controller=ME).look(acked=300)
    clock.settle()
    assert len(broken) == 1
    assert books.journal.file.start.sequence == 0
    journal = books.journal.id
    books.close()
    again = books_in(tmp_path, clock)
    assert again.journal.id != journal
    again.close()


def monitored(books: Books, broken: list[Exception]) -> None:
    """Have the end of the daemon noted instead of happening."""
    books.queue._on_broken = broken.append  # noqa: SLF001 - the daemon's own end, which a test cannot take


def test_what_may_go_is_named_by_its_last_line_and_counted_by_kind(tmp_path: Path, empty: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path, empty, [900, 800, 10])
    wanted = Wanted(9, START - KEPT)
    with JournalFile(path) as file:
        assert file.check_chain() == 3
        second = file.lines(2, 1)[0][1]
    assert find(path, wanted) == Prunable(2, second, {"door_opened": 2})
