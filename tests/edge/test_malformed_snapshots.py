"""Point 7: ten thousand wounded, cut and random rule files; what is not refused holds the very rows that were signed.

Run with `-s` to see the distribution.
"""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aldaba_edge.clock import HandClock
from aldaba_edge.rules_file import RulesRefused, check_row, verified_hash
from aldaba_shared.snapshot import COLUMNS
from aldaba_shared.wire import encode
from tests.edge.places import START, Keys, some_rows
from tests.edge.test_rules_store import Place, place_in
from tests.wounds import mutated, tally


def small(path: Path) -> bytes:
    """The same database on the smallest pages, so that a wound seldom falls on blank paper."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("VACUUM")
    return path.read_bytes()


def write_over(path: Path, data: bytes) -> None:
    """Write without emptying the file first, which some file systems answer with a wait for the disk."""
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.touch()
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


def all_rows(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as connection:
        return [row for table in COLUMNS for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608 - our names


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Iterator[Place]:
    place = place_in(tmp_path, Keys(), HandClock(START))
    yield place
    place.rules.close()
    place.books.close()


@pytest.mark.system
def test_of_ten_thousand_broken_rule_files_none_puts_other_rows_in_force(place: Place) -> None:
    place.install(some_rows(1))
    rows = some_rows(4)
    path = place.download(rows, place.keys.head(rows, 2))
    good, expected, wanted = small(path), verified_hash(path), all_rows(path)
    tried = 0

    def outcome(data: bytes) -> str:
        nonlocal tried
        write_over(path, data)
        try:
            found = verified_hash(path)
        except RulesRefused as error:
            return error.why
        if found == expected:
            assert all_rows(path) == wanted
            return "the very rows"
        if tried < 100:
            tried += 1
            assert place.installed() in {"hash_differs", "envelope_refused", "damaged", "no_head", "malformed"}
            assert place.rules.generation == (1, 1)
        return "other rows, whose hash no head names"

    counted = tally("rule files", ((how, outcome(data)) for how, data in mutated([good], random.Random(44))))
    assert counted["wounded: other rows, whose hash no head names"] > 100
    assert counted["wounded: damaged"] > 500
    assert place.rules.verified
    assert place.knows(0)
    assert not place.knows(3)


ABSURD: dict[str, tuple[str, object, str]] = {
    "a presence of ten million years": ("zone", {"id": "floor", "presence_hours": 2**63 - 1}, "presence_hours"),
    "a presence of no time": ("zone", {"id": "floor", "presence_hours": 0}, "presence_hours"),
    "a limit below nobody": ("zone", {"id": "floor", "safety_limit": -1}, "safety_limit"),
    "a limit above every building": ("zone", {"id": "floor", "commercial_limit": 2**40}, "commercial_limit"),
    "a passback of ages": ("zone", {"id": "floor", "passback_minutes": 2**62}, "passback_minutes"),
    "a grace of ages": ("door/front", {"offline_grace_hours": 2**62}, "offline_grace_hours"),
    "a door that never shuts": ("door/front", {"release_seconds": 10**9}, "release_seconds"),
    "a door released for less than no time": ("door/front", {"release_seconds": -5}, "release_seconds"),
}


@pytest.mark.parametrize("absurd", sorted(ABSURD))
def test_a_well_signed_rule_with_an_absurd_number_is_refused_by_its_name(absurd: str) -> None:
    where, said, field = ABSURD[absurd]
    body = encode(said)
    row = ("zone", ("floor", body)) if where == "zone" else ("setting", (where, body))
    with pytest.raises(RulesRefused, match=field):
        check_row(*row)
