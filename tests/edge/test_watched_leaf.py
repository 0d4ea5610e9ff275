"""A leaf that stays open is told of, an arm nobody turned is held, what was cut short stays so, a loss is said once.

Each was found by breaking the door on purpose: these broken doors had passed every other test.
"""

import pytest

from aldaba_edge.devices import LockLine
from aldaba_edge.mechanics import DoorMechanics, LeafTimes
from aldaba_edge.ports import Signal
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.door import DoorInput
from aldaba_shared.events import DeviceBack, DeviceLost, DoorHeld
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


def test_an_arm_that_nobody_turned_is_held_again() -> None:
    bench = Bench(turnstile=True)
    bench.tap()
    assert bench.lock.released
    bench.clock.advance(6)
    assert not bench.lock.released


def test_a_door_that_was_told_to_stand_open_stays_shut_when_the_clock_is_sure_again() -> None:
    bench = Bench()
    bench.loop.set_mode(DoorMode.UNLOCKED)
    assert bench.lock.released
    bench.trust.clock_trusted = False
    bench.clock.advance(61)
    assert not bench.lock.released
    bench.trust.clock_trusted = True
    bench.clock.advance(61)
    bench.loop.modes.look()
    assert not bench.lock.released


def test_a_device_that_fails_again_and_again_is_lost_once_and_back_once() -> None:
    bench = Bench()
    for _ in range(3):
        bench.loop.device_lost("lock", "gone")
    for _ in range(2):
        bench.loop.device_back("lock")
    told = [one for one in bench.journal.events if isinstance(one, DeviceLost | DeviceBack)]
    assert [type(one) for one in told] == [DeviceLost, DeviceBack]
