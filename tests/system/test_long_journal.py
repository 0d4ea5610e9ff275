"""A journal of a million lines under a real controller: it starts, appends, is read from its end, and is pruned."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from aldaba_edge.clock import HandClock
from aldaba_edge.journal import KEPT
from aldaba_edge.journal_child import found_in_child, verified_in_child
from aldaba_edge.journal_file import JournalFile
from aldaba_edge.pruning import MOST, Wanted
from aldaba_shared.events import GENESIS, ExitRequested, Line, write_line
from tests.edge.places import FRONT, ME, Keys, books_in
from tests.system.controller import ANA, SimulatedController

pytestmark = [pytest.mark.system, pytest.mark.feature(95)]

LINES = 1_000_000
OLD = KEPT + timedelta(days=70)


def fill(folder: Path) -> None:
    """Somebody pressed the exit button a million times, a hundred days ago: the rows a controller would have."""
    began = datetime.now(UTC) - OLD
    books_in(folder, HandClock(began)).close()
    first = write_line(Line(1, began, "old", 0, 0, ExitRequested(FRONT)))
    start, end = first.split(b"1", 1)
    assert start.endswith(b'"sequence":')

    def rows() -> Iterator[tuple[int, bytes, bytes]]:
        before = GENESIS
        for number in range(1, LINES + 1):
            body = b"%b%d%b" % (start, number, end)
            before = sha256(before + body).digest()
            yield number, before, body

    with closing(sqlite3.connect(folder / "journal.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute("DELETE FROM lines")
        connection.executemany("INSERT INTO lines VALUES (?, ?, ?)", rows())
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")


@pytest.fixture
def door(tmp_path: Path) -> Iterator[SimulatedController]:
    made = SimulatedController(tmp_path)
    fill(made.data)
    yield made
    made.close()


def test_a_million_lines_are_kept_appended_to_read_and_pruned_behind_an_ack(door: SimulatedController) -> None:
    door.start()
    door.tap(ANA)
    assert door.wait_releases(1)
    shown = door.cli("events", "--tail", "2", "--json")  # a slow disk adds that the line was late
    assert '"access_decided"' in shown.stdout, shown.stderr
    assert door.stop() == 0
    path = door.data / "journal.db"
    found = found_in_child(path, Wanted(LINES, datetime.now(UTC) - KEPT))
    assert found is not None
    assert (found.sequence, dict(found.counts)) == (MOST, {"exit_requested": MOST})
    clock = HandClock(datetime.now(UTC))
    books = books_in(door.data, clock)
    books.journal.drop(found, Keys().me, ME)
    clock.advance(60)  # slice after slice, so that no tap waits for long
    books.close()
    with JournalFile(path) as file:
        kept = [file.lines(0, 1)[0][0], file.lines_before(1)[0][0]]
    assert kept[0] == MOST + 1
    assert verified_in_child(path) == kept[1] - MOST, "no line between the first and the last is missing or changed"
