import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from aldaba_edge.books import open_books
from aldaba_edge.clock import HandClock
from aldaba_edge.journal import MOST_WAITING
from aldaba_edge.journal_file import JournalBroken, reading
from aldaba_edge.ports import Use
from aldaba_edge.writer import Disk, InlineWriter, Work
from aldaba_shared.envelope import KeyRing, SigningKey
from aldaba_shared.events import ClockSet, DoorOpened, JournalOpened, Unrecorded, read_line
from aldaba_shared.ids import DoorId
from aldaba_shared.messages import Kind
from tests.edge.places import ME, START, Keys, books_in, no_break

OPENED = DoorOpened(DoorId("front"))
NOBODY = KeyRing()


def test_a_new_journal_opens_with_a_line_that_names_it(tmp_path: Path) -> None:
    clock = HandClock()
    books = books_in(tmp_path, clock)
    clock.settle()
    first = next(books.journal.file.events())
    assert first.event == JournalOpened(books.journal.id)
    assert first.sequence == 1
    books.close()


def test_a_line_is_told_of_only_once_it_is_on_the_disk(tmp_path: Path) -> None:
    clock = HandClock()
    books = books_in(tmp_path, clock)
    told: list[int] = []
    sequence = books.journal.record(OPENED, then=told.append)
    assert told == []
    clock.settle()
    assert told == [sequence] == [books.journal.file.lines_before(1)[0][0]]
    books.close()


def test_a_power_cut_loses_only_what_nobody_was_told_of(tmp_path: Path) -> None:
    clock = HandClock()
    told: list[int] = []
    disks: list[InlineWriter] = []

    def slow(disk: Disk) -> InlineWriter:
        disks.append(InlineWriter(disk, clock, lambda: 0.010))
        return disks[0]

    books = open_books(tmp_path, clock, slow, boot="b1", on_broken=no_break, reserve_bytes=4096)
    books.journal.record(OPENED, then=told.append)
    clock.advance(0.025)
    books.journal.record(OPENED, then=told.append)
    clock.advance(0.005)
    disks[0].cut()
    books.journal.close()
    again = books_in(tmp_path, clock)
    assert told == [2]
    assert not again.clean
    assert again.journal.last == 2
    assert again.journal.file.verify(NOBODY, ME).total() == 2
    again.close()


def test_a_restart_goes_on_where_the_journal_ended(tmp_path: Path) -> None:
    clock = HandClock()
    books = books_in(tmp_path, clock)
    books.journal.record(OPENED)
    books.close()
    again = books_in(tmp_path, clock)
    assert again.clean
    assert again.journal.record(OPENED) == 3
    clock.settle()
    lines = list(again.journal.file.events())
    assert [line.sequence for line in lines] == [1, 2, 3]
    assert lines[2].segment == lines[1].segment + 1
    assert again.journal.file.verify(NOBODY, ME) == {"journal_opened": 1, "door_opened": 2}
    again.close()


def test_a_clock_that_jumps_begins_a_new_segment_with_a_line_that_says_so(tmp_path: Path) -> None:
    clock = HandClock()
    books = books_in(tmp_path, clock)
    clock.advance(10)
    clock.jump(-3600)
    books.journal.record(OPENED)
    clock.settle()
    _, jump, after = books.journal.file.events()
    assert jump.event == ClockSet(-3_600_000)
    assert (jump.segment, after.segment) == (1, 1)
    assert after.at == START + timedelta(seconds=10 - 3600)
    books.close()


@pytest.mark.parametrize("spoil", ["UPDATE lines SET body = body || x'00' WHERE sequence = 2", "garbage"])
def test_a_broken_journal_is_put_aside_and_the_new_one_names_it(tmp_path: Path, spoil: str) -> None:
    clock = HandClock()
    books = books_in(tmp_path, clock)
    books.journal.record(OPENED)
    books.close()
    broken, path = books.journal, tmp_path / "journal.db"
    if spoil == "garbage":
        path.write_bytes(b"no database at all" * 1000)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute(spoil)
        connection.close()
    again = books_in(tmp_path, clock)
    clock.settle()
    opened, alarm = (line.event for line in again.journal.file.events())
    assert isinstance(opened, JournalOpened)
    assert again.journal.id != broken.id
    assert (opened.previous_journal, opened.previous_sequence) == (broken.id, 2)
    assert opened.previous_hash == broken.last_hash
    assert isinstance(alarm, Unrecorded)
    assert len(list(tmp_path.glob("journal.broken-*.db"))) == 1
    again.close()


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param("DELETE FROM lines WHERE sequence = 3", id="a line is taken out"),
        pytest.param("UPDATE lines SET hash = zeroblob(32) WHERE sequence = 3", id="a hash is changed"),
        pytest.param("UPDATE lines SET body = 'text' WHERE sequence = 3", id="body"),
        pytest.param("UPDATE meta SET value = 'x' WHERE name = 'checkpoint'", id="the checkpoint is forged"),
    ],
)
def test_whatever_is_changed_in_the_books_is_found(tmp_path: Path, tamper: str) -> None:
    clock = HandClock()
    books = books_in(tmp_path, clock)
    key = Keys().me
    for _ in range(5):
        books.journal.record(OPENED)
    clock.settle()
    if "checkpoint" in tamper:
        clock.advance(31 * 86_400)
        books.journal.prune(3, key, ME)
        clock.settle()
    books.close()
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute(tamper)
    connection.close()
    with reading(tmp_path / "journal.db") as file, pytest.raises(JournalBroken):
        file.verify(KeyRing([key.public(Kind.CHECKPOINT)]), ME)


def test_only_old_lines_that_the_cloud_has_are_pruned_and_a_checkpoint_stands_for_them(tmp_path: Path) -> None:
    clock = HandClock()
    books = books_in(tmp_path, clock)
    key = SigningKey.generate(b"c1")
    ring = KeyRing([key.public(Kind.CHECKPOINT)])
    for _ in range(9):
        books.journal.record(OPENED)
    clock.settle()
    assert books.journal.prune(10, key, ME) == 0, "nothing is thirty days old"
    clock.advance(31 * 86_400)
    assert books.journal.prune(4, key, ME) == 4
    clock.settle()
    books.journal.record(OPENED)
    clock.settle()
    assert books.journal.prune(7, key, ME) == 3
    clock.settle()
    assert books.journal.file.lines(1, 1)[0][0] == 8
    assert books.journal.file.verify(ring, ME) == {"journal_opened": 1, "door_opened": 10}
    assert books.journal.hash_before(8) is not None
    assert books.journal.hash_before(5) is None
    with pytest.raises(JournalBroken):
        books.journal.file.verify(KeyRing([SigningKey.generate(b"c1").public(Kind.CHECKPOINT)]), ME)
    books.close()
    again = books_in(tmp_path, clock)
    assert again.journal.last == 11
    again.close()


def test_a_use_of_a_pass_is_on_the_disk_with_its_tap_and_counted_after_a_restart(tmp_path: Path) -> None:
    clock = HandClock()
    books = books_in(tmp_path, clock)
    end = clock.now() + timedelta(hours=1)
    books.journal.record(OPENED, spend=Use("pass", 1, end))
    assert books.uses.own("pass") == 1
    books.journal.record(OPENED, spend=Use("pass", 2, end))
    books.close()
    again = books_in(tmp_path, clock)
    assert again.uses.total("pass") == again.uses.latest("pass") == 2
    clock.advance(3 * 86_400)
    again.uses.forget_expired()
    again.close()
    last = books_in(tmp_path, clock)
    assert last.uses.own("pass") == 0
    last.close()


def test_a_full_disk_takes_the_reserve_then_memory_then_counts_and_tells_all_when_there_is_room(tmp_path: Path) -> None:
    clock = HandClock()
    books = books_in(tmp_path, clock)
    clock.settle()
    assert books.reserve.held
    disk = Disk(tmp_path / "journal.db", tmp_path / "state.db", books.reserve, synchronous="OFF")
    pages = disk.journal.execute("PRAGMA page_count").fetchone()[0]
    books.writer._disk.journal.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]  # noqa: SLF001 - a disk made small
    told: list[int] = []
    while not books.queue.failing:
        books.journal.record(OPENED, then=told.append)
        clock.settle()
    assert not books.reserve.held, "the reserve went first"
    durable = books.journal.durable.sequence
    assert told[-1] == durable
    for _ in range(MOST_WAITING + 5):
        books.journal.record(OPENED, then=told.append)
    clock.advance(3)
    assert told[-1] == durable, "nothing is told of while the disk takes nothing"
    assert books.journal.unrecorded == 5
    assert books.journal.record(OPENED) == 0
    books.writer._disk.journal.execute("PRAGMA max_page_count = 1000000")  # noqa: SLF001 - there is room
    clock.advance(2)
    books.journal.record(OPENED, then=told.append)
    clock.settle()
    assert told == sorted(set(told))
    events = [read_line(body).event for _, _, body in books.journal.file.lines_before(2)]
    assert events == [Unrecorded(6, "disk_full"), OPENED]
    books.journal.file.verify(NOBODY, ME)
    disk.close()
    books.close()


def test_what_queued_while_a_commit_ran_goes_into_the_next_one(tmp_path: Path) -> None:
    clock = HandClock()
    commits: list[int] = []

    class Counting(InlineWriter):
        def write(self, work: Work, done: object) -> None:
            commits.append(len(work.lines))
            super().write(work, done)  # type: ignore[arg-type]  # passed on as it came

    books = open_books(
        tmp_path, clock, lambda disk: Counting(disk, clock), boot="b", on_broken=no_break, synchronous="OFF"
    )
    for _ in range(100):
        books.journal.record(OPENED)
    clock.settle()
    assert commits == [1, 100]
    books.close()
