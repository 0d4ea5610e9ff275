"""The logs of the databases: laid out once, brought home while nobody waits, and never at the cost of a line."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from aldaba_edge import writer
from aldaba_edge.reserve import Reserve
from aldaba_edge.write_ahead import COMMITS_AT_MOST
from aldaba_edge.writer import Disk, Work, WriterThread

LOG_BYTES = 64 * 1024


@contextmanager
def disk_in(folder: Path, log_bytes: int = LOG_BYTES) -> Iterator[Disk]:
    folder.mkdir(exist_ok=True)
    for name in ("journal.db", "state.db"):
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS lines (sequence INTEGER PRIMARY KEY, hash, body)")
    disk = Disk(folder / "journal.db", folder / "state.db", Reserve(folder / "reserve", 0), log_bytes=log_bytes)
    yield disk
    disk.close()


def write(disk: Disk, *sequences: int) -> None:
    for sequence in sequences:
        disk.commit(Work(lines=[(sequence, bytes(32), b"x" * 600)]))


def lines_in(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT sequence FROM lines ORDER BY sequence")]


def test_a_tap_makes_no_file_longer(tmp_path: Path) -> None:
    with disk_in(tmp_path) as disk:
        sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
        write(disk, 1, 2, 3)
        assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == sizes
        assert sizes["journal.db-wal"] == LOG_BYTES


def test_laying_out_a_log_keeps_what_a_power_cut_left_in_it(tmp_path: Path) -> None:
    with disk_in(tmp_path / "before", log_bytes=0) as disk:
        write(disk, 1, 2, 3)
        shutil.copytree(tmp_path / "before", tmp_path / "after")
    log = tmp_path / "after" / "journal.db-wal"
    assert 0 < log.stat().st_size < LOG_BYTES
    with disk_in(tmp_path / "after") as disk:
        write(disk, 4)
    assert lines_in(tmp_path / "after" / "journal.db") == [1, 2, 3, 4]


def test_a_rest_brings_the_lines_home_and_the_log_begins_anew(tmp_path: Path) -> None:
    with disk_in(tmp_path / "here") as disk:
        write(disk, *range(1, COMMITS_AT_MOST))
        assert not disk.wants_rest
        write(disk, COMMITS_AT_MOST)
        assert disk.wants_rest
        disk.rest()
        assert not disk.wants_rest
        home = shutil.copy(tmp_path / "here" / "journal.db", tmp_path / "alone.db")
        assert lines_in(home) == list(range(1, COMMITS_AT_MOST + 1)), "the file alone has every line"
        write(disk, COMMITS_AT_MOST + 1)
        assert (tmp_path / "here" / "journal.db-wal").stat().st_size == LOG_BYTES, "what a burst added is given back"


class Resting:
    """A disk that always wants a rest and says when it gets one."""

    wants_rest = True

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.rested = threading.Event()

    def commit(self, work: Work) -> None:
        self.calls.append(f"commit {len(work.lines)}")

    def rest(self) -> None:
        self.calls.append("rest")
        self.wants_rest = False
        self.rested.set()

    def close(self) -> None:
        self.calls.append("close")


def test_the_writer_rests_only_when_it_has_nothing_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "REST_SECONDS", 0.001)
    disk = Resting()
    thread = WriterThread(disk, lambda callback: callback())  # type: ignore[arg-type]  # a disk in its shape
    assert disk.rested.wait(5)
    thread.write(Work(lines=[(1, b"", b"")]), lambda _error: None)
    thread.close()
    assert disk.calls == ["rest", "commit 1", "close"]
