"""A `state.db` that is broken is put aside, said in the books, and never a way back to older rules."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aldaba_edge.clock import HandClock
from aldaba_shared.events import MessageRefused
from tests.edge.places import START, Keys, some_rows
from tests.edge.test_rules_store import Place, delta, place_in


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database " * 400)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


BREAKAGES: dict[str, Callable[[Path], None]] = {"garbage": _garbage, "cut": _cut}


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Place:
    """A controller whose newest generation came by a delta, after a snapshot: its folder bears an older name."""
    place = place_in(tmp_path, Keys(), HandClock(START))
    assert place.install(some_rows(1), version=6) is None
    assert place.install(some_rows(2), version=7) is None
    assert place.apply(delta(place, some_rows(2), some_rows(3), version=8)) is None
    return place


def broken(place: Place, breakage: str) -> Place:
    place.rules.close()
    place.books.close()
    for suffix in ("-wal", "-shm"):
        (place.folder / f"state.db{suffix}").unlink(missing_ok=True)
    BREAKAGES[breakage](place.folder / "state.db")
    return place_in(place.folder, place.keys, place.clock)


def alarms(place: Place) -> list[object]:
    return [line.event for line in place.books.journal.file.events() if isinstance(line.event, MessageRefused)]


@pytest.mark.parametrize("breakage", sorted(BREAKAGES))
def test_a_lost_state_is_an_alarm_in_the_books_and_the_file_is_kept(place: Place, breakage: str) -> None:
    again = broken(place, breakage)
    again.clock.settle()
    assert alarms(again) == [MessageRefused("state", "damaged")]
    assert list(again.folder.glob("state.db.broken-*"))
    once_more = again.restarted()
    once_more.clock.settle()
    assert alarms(once_more) == [MessageRefused("state", "damaged")], "the next start has nothing to say"


@pytest.mark.parametrize("breakage", sorted(BREAKAGES))
def test_no_rules_older_than_the_newest_on_disk_are_taken_after_the_floor_was_lost(place: Place, breakage: str) -> None:
    again = broken(place, breakage)
    assert again.rules.verified
    assert again.rules.generation == again.rules.floor == (1, 8)
    for version in range(1, 8):
        assert again.install(some_rows(5), version) == "below_floor"
    assert again.rules.generation == (1, 8)
    assert not again.knows(4)
    assert again.install(some_rows(5), version=9) is None


def test_an_older_generation_made_current_by_hand_is_not_believed_after_the_floor_was_lost(place: Place) -> None:
    place.rules.close()
    current = place.folder / "rules" / "current"
    current.unlink()
    current.symlink_to("1-6")
    again = broken(place, "garbage")
    assert not again.rules.verified
    assert not again.knows(0)
    assert again.rules.floor == (1, 8)
    assert MessageRefused("rules", "below_floor") in again.told


def test_a_first_start_is_no_loss(tmp_path: Path) -> None:
    place = place_in(tmp_path, Keys(), HandClock(START))
    place.clock.settle()
    assert alarms(place) == []
