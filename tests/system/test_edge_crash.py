"""What a kill, a full disk and a broken file leave behind."""

import multiprocessing
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from aldaba_edge.books import open_books, threaded
from aldaba_edge.clock import HandClock
from aldaba_edge.journal_file import reading
from aldaba_shared.envelope import KeyRing
from aldaba_shared.events import DiskBack, DiskShort, DoorOpened, Unrecorded
from tests.edge.places import FRONT, ME, books_in, no_break
from tests.system.recording_child import record

pytestmark = pytest.mark.system
KILLS = 60


def killed_after(processes: ForkServerContext, folder: Path, seconds: float) -> list[int]:
    """Start the child, kill it some time after it is ready, and answer the lines it was told are durable."""
    ours, theirs = processes.Pipe(duplex=False)
    child = processes.Process(target=record, args=(folder, theirs))
    child.start()
    theirs.close()
    assert ours.recv_bytes() == b"0"
    time.sleep(seconds)
    child.kill()
    told: list[int] = []
    with suppress(EOFError, ConnectionResetError), ours:
        while True:
            told.append(int(ours.recv_bytes()))
    child.join()
    assert child.exitcode == -signal.SIGKILL
    return told


def test_sixty_kills_lose_no_line_anybody_was_told_of(tmp_path: Path) -> None:
    dice = random.Random(3)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.system.recording_child"])
    told: list[int] = []
    for _ in range(KILLS):
        told.extend(killed_after(processes, tmp_path, dice.random() * 0.06))
        with reading(tmp_path / "journal.db") as file:
            assert not told or max(told) <= file.lines_before(1)[0][0]
    with reading(tmp_path / "journal.db") as file:
        assert file.verify(KeyRing(), ME).total() == file.lines_before(1)[0][0], "no sequence is missing"
    assert told == sorted(set(told)), "no line was told of twice, none out of order"
    assert len(told) > KILLS
    clock = HandClock()
    books = books_in(tmp_path, clock)
    assert not books.clean
    taps = sum(1 for sequence in range(1, books.journal.last + 1) if sequence % 3 == 0)
    assert books.uses.own("pass") >= taps, "a use is on the disk before its tap"
    books.close()


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    made = subprocess.run(mount, check=False, capture_output=True, text=True)
    assert made.returncode == 0, f"this test mounts a small disk and needs root: {made.stderr}"
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_really_full_stops_the_books_and_breaks_nothing(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aldaba_edge.journal.MOST_WAITING", 50)
    clock = HandClock()
    books = books_in(small_disk, clock, reserve_bytes=256 * 1024)
    clock.settle()
    assert books.reserve.held
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    told: list[int] = []
    reserve_lasted = 0
    while not books.queue.failing:
        books.journal.record(DoorOpened(FRONT), then=told.append)
        clock.settle()
        reserve_lasted += 1
    assert not books.reserve.held
    assert reserve_lasted > 10, "the reserve kept the books going for a while"
    durable = books.journal.durable.sequence
    assert told[-1] == durable
    books.disk.look()
    for _ in range(80):
        books.journal.record(DoorOpened(FRONT))
    assert books.journal.unrecorded > 20, "what memory cannot keep either is counted, not dropped in silence"
    unrecorded = books.journal.unrecorded
    ballast.unlink()
    clock.advance(3)
    books.disk.look()
    clock.settle()
    events = [line.event for line in books.journal.file.events()]
    assert Unrecorded(unrecorded, "disk_full") in events
    assert [type(one) for one in events if isinstance(one, DiskShort | DiskBack)] == [DiskShort, DiskBack]
    assert not books.queue.failing
    assert books.journal.durable.sequence == books.journal.last
    assert books.journal.file.verify(KeyRing(), ME).total() == books.journal.last
    books.close()


def test_a_writer_on_its_own_thread_ends_in_order(tmp_path: Path) -> None:
    clock = HandClock()
    posted: list[object] = []
    books = open_books(tmp_path, clock, threaded(posted.append), boot="b", on_broken=no_break, reserve_bytes=4096)
    for _ in range(10):
        books.journal.record(DoorOpened(FRONT))
    books.close()
    again = books_in(tmp_path, clock)
    assert again.clean
    assert again.journal.last == 11
    again.close()
