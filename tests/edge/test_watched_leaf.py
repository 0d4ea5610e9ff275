"""A leaf that stays open is told of, whatever opened it; found by breaking the door's table on purpose."""

import pytest

from aldaba_edge.devices import LockLine
from aldaba_edge.mechanics import DoorMechanics, LeafTimes
from aldaba_edge.ports import Signal
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.door import DoorInput
from aldaba_shared.events import DoorHeld
from tests.edge.door_fakes import Bench
from tests.edge.places import FRONT

TIMES = LeafTimes(held_seconds=30, pre_alarm_seconds=20, relock_seconds=1)


class Leaf:
    """A door with a leaf on a bench: what it showed, and how long it had been open when it was told of."""

    def __init__(self, *, found_open: bool = False) -> None:
        self.bench = Bench()
        self.shown: list[Signal] = []
        self.door = DoorMechanics(
            FRONT,
            self.bench.clock,
            LockLine(self.bench.lock, self.bench.clock, self.bench.loop),
            record=self.bench.loop.tell,
            show=self.shown.append,
            times=TIMES,
            found_open=found_open,
        )

    @property
    def held_ms(self) -> list[int]:
        return [one.after_ms for one in self.bench.journal.events if isinstance(one, DoorHeld)]

    def grant(self) -> None:
        self.door.let(DoorInput.GRANT, Side.IN, seconds=5)


def test_a_second_release_gives_an_open_leaf_its_whole_time_again() -> None:
    leaf = Leaf()
    leaf.grant()
    leaf.door.leaf(opened=True)
    leaf.bench.clock.advance(25)
    leaf.grant()
    leaf.bench.clock.advance(25)
    assert leaf.held_ms == []
    leaf.bench.clock.advance(6)
    assert leaf.held_ms == [30_000]


def test_a_leaf_still_open_when_a_free_mode_ends_is_watched_from_then_on() -> None:
    leaf = Leaf()
    leaf.door.mode(DoorMode.UNLOCKED)
    leaf.door.leaf(opened=True)
    leaf.bench.clock.advance(3600)
    assert leaf.held_ms == []
    leaf.door.mode(DoorMode.LOCKED)
    leaf.bench.clock.advance(31)
    assert leaf.held_ms == [30_000]


def test_a_leaf_found_open_at_a_start_is_told_of_when_it_stays_so() -> None:
    leaf = Leaf(found_open=True)
    leaf.bench.clock.advance(31)
    assert leaf.held_ms == [30_000]


def test_the_warning_comes_before_the_alarm() -> None:
    leaf = Leaf()
    leaf.grant()
    leaf.door.leaf(opened=True)
    leaf.bench.clock.advance(21)
    assert Signal.PRE_ALARM in leaf.shown
    assert leaf.held_ms == []


@pytest.mark.parametrize("mode", [DoorMode.UNLOCKED, DoorMode.EVACUATING])
def test_a_free_mode_releases_the_lock_and_its_end_secures_it(mode: DoorMode) -> None:
    leaf = Leaf()
    leaf.door.mode(mode)
    assert leaf.door.released
    assert leaf.bench.lock.told[-1] == "release"
    leaf.door.mode(DoorMode.LOCKED)
    assert leaf.bench.lock.told[-1] == "secure"


def test_relock_on_open_ends_the_release_after_the_locks_own_delay() -> None:
    leaf = Leaf()
    leaf.grant()
    leaf.door.leaf(opened=True)
    leaf.bench.clock.advance(1.1)
    assert not leaf.door.released
