"""A bit that flips on the card: the damage is seen, put aside or fallen back from, said, and the door decides.

Each file takes two hundred flips at places drawn from a seed. What a flip does
is judged by what can be seen from outside, and every test counts its outcomes,
so that none is true of nothing.
"""

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from aldaba_edge.clock import HandClock
from aldaba_edge.inspection import lines_of
from aldaba_edge.journal_child import verify
from aldaba_edge.journal_file import JournalBroken, suspect_mark
from aldaba_edge.ports import Use
from aldaba_edge.state import Slot
from aldaba_shared.envelope import KeyRing
from aldaba_shared.events import DoorOpened, JournalOpened, MessageRefused, Unrecorded
from aldaba_shared.messages import Kind
from tests.edge.places import FRONT, ME, START, Keys, some_rows
from tests.edge.test_rules_store import Place, place_in

pytestmark = pytest.mark.system
FLIPS = 200
SEED = int(os.environ.get("ALDABA_SEED", "1"))
LINES = 300
FOR_EVER = START.replace(year=2900)


@dataclass
class Kept:
    """A controller's folder as it was left, to be copied and wounded."""

    folder: Path
    keys: Keys
    journal: str


@pytest.fixture(name="kept", scope="module")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder, keys = tmp_path_factory.mktemp("kept"), Keys()
    place = place_in(folder, keys, HandClock(START))
    assert place.install(some_rows(20), 1) is None
    assert place.install(some_rows(40), 2) is None
    for number in range(LINES):
        use = Use(f"pass {number}", number + 1, FOR_EVER) if number % 3 == 0 else None
        place.books.journal.record(DoorOpened(FRONT), spend=use)
    place.books.state.put(Slot.COMMAND_COUNTER, 77)
    place.clock.settle()
    journal = place.books.journal.id
    place.rules.tidy()
    place.rules.close()
    place.books.close()
    for name in ("journal.db", "state.db"):  # what stands in a log would hide what is damaged in the file
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Kept(folder, keys, journal)


def wounded(kept: Kept, into: Path, file: str, dice: Random) -> int:
    """A copy of the folder in which one bit of a file is another; answers which byte."""
    shutil.copytree(kept.folder, into, symlinks=True)
    path = into / file
    body = bytearray(path.read_bytes())
    at = dice.randrange(len(body))
    body[at] ^= 1 << dice.randrange(8)
    path.write_bytes(body)
    return at


def each_flip(kept: Kept, tmp_path: Path, file: str, judge: Callable[[Place, Path], str]) -> Counter[str]:
    """Wound, start, judge; two hundred times."""
    dice, seen = Random(SEED), Counter[str]()
    for _ in range(FLIPS):
        folder = tmp_path / "wounded"
        at = wounded(kept, folder, file, dice)
        try:
            place = place_in(folder, kept.keys, HandClock(START))
            seen[judge(place, folder)] += 1
            place.rules.close()
            place.books.close()
        except Exception as error:
            error.add_note(f"byte {at} of {file}")
            raise
        shutil.rmtree(folder)
    return seen


def alive(place: Place) -> None:
    """The door decides, and what happens is written down."""
    place.rules.facts(FRONT, b"nobody's")  # type: ignore[arg-type]  # a key of no card
    sequence = place.books.journal.record(DoorOpened(FRONT))
    place.clock.settle()
    assert place.books.journal.durable.sequence == sequence


def test_damaged_rules_fall_back_one_generation_with_an_alarm(kept: Kept, tmp_path: Path) -> None:
    def judge(place: Place, _folder: Path) -> str:
        place.rules.check_in_background()
        place.clock.settle()
        alive(place)
        alarms = [one for one in place.told if isinstance(one, MessageRefused)]
        if place.rules.generation == (1, 2) and place.rules.verified:
            assert place.rules.set_hash == place.keys.head(some_rows(40), 2).set_hash
            assert place.knows(39)
            return "harmless"
        assert alarms
        assert place.install(some_rows(50), 3) is None, "the next rule set mends it"
        assert place.knows(49)
        return "fell back" if place.rules.verified else "nothing left"

    seen = each_flip(kept, tmp_path, "rules/1-2/rules.db", judge)
    assert seen["nothing left"] == 0
    assert seen["fell back"] > FLIPS // 20, seen


def test_a_damaged_journal_is_put_aside_said_and_still_readable(kept: Kept, tmp_path: Path) -> None:
    def judge(place: Place, folder: Path) -> str:
        journal = place.books.journal
        aside = next(iter(folder.glob("journal.broken-*.db")), None)
        alive(place)
        if aside is None:
            try:
                verify(journal.file.path)
            except JournalBroken:
                return "seen by the child"
            return "harmless"
        assert journal.id != kept.journal
        events = [line.event for line in journal.file.events()]
        opened = events[0]
        assert isinstance(opened, JournalOpened)
        assert opened.previous_journal in (kept.journal, None) or opened.previous_sequence > 0
        assert Unrecorded(0, "journal_broken") in events
        assert journal.file.verify(KeyRing([place.keys.me.public(Kind.CHECKPOINT)]), ME).total() == len(events)
        try:
            shown, lost = lines_of(aside, 10 * LINES)
        except JournalBroken:
            return "put aside, unreadable"
        assert len(shown) + lost <= LINES + 20
        return "put aside, readable"

    seen = each_flip(kept, tmp_path, "journal.db", judge)
    assert seen["put aside, readable"] > 20, seen
    assert seen["seen by the child"] > 20, seen
    assert seen["put aside, unreadable"] < 20, seen


def test_a_damaged_state_is_put_aside_and_nothing_used_up_opens_again(kept: Kept, tmp_path: Path) -> None:
    def judge(place: Place, folder: Path) -> str:
        alive(place)
        state, uses = place.books.state, place.books.uses
        if not list(folder.glob("state.db.broken-*")):
            assert state.get(Slot.COMMAND_COUNTER, int) == 77
            assert [uses.own(f"pass {number}") for number in range(0, LINES, 3)] == list(range(1, LINES + 1, 3))
            assert state.get(Slot.USES_LOST, int) is None
            return "harmless"
        assert state.get(Slot.USES_LOST, int) is not None, "passes wait for the cloud's word"
        events = [line.event for line in place.books.journal.file.events()]
        assert MessageRefused("state", "damaged") in events
        assert place.rules.generation == (1, 2)
        assert place.rules.floor == (1, 2)
        return "put aside"

    seen = each_flip(kept, tmp_path, "state.db", judge)
    assert seen["put aside"] > 20, seen


def test_a_line_found_broken_in_use_is_put_aside_at_the_next_start(kept: Kept, tmp_path: Path) -> None:
    folder = tmp_path / "used"
    shutil.copytree(kept.folder, folder, symlinks=True)
    suspect_mark(folder / "journal.db").touch()
    place = place_in(folder, kept.keys, HandClock(START))
    assert place.books.journal.id != kept.journal
    assert not suspect_mark(folder / "journal.db").exists()
    alive(place)
    (aside,) = folder.glob("journal.broken-*.db")
    shown, lost = lines_of(aside, 10 * LINES)
    assert (len(shown), lost) == (LINES + 1, 0)
    place.rules.close()
    place.books.close()
