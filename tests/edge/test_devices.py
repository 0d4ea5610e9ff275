from collections.abc import Callable

import pytest

from aldaba_edge.clock import HandClock
from aldaba_edge.devices import Attempts, LateContact, LateLock, LateReader, LockLine
from aldaba_edge.ports import Lock, Reading, Signal
from aldaba_shared.decide import Side
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import DeviceBack, DeviceLost
from tests.edge.door_fakes import STREET_DOOR, Bench, FakeLock, FakeShow


class NotWired(AldabaError):
    code = "not_wired"


class Missing:
    """Makes a device once it is there."""

    def __init__(self, lock: FakeLock) -> None:
        self.lock = lock
        self.there = False
        self.asked = 0

    def make(self) -> Lock:
        self.asked += 1
        if not self.there:
            raise NotWired("The relay board has no power. Switch it on.")
        return self.lock


class Watch:
    def __init__(self) -> None:
        self.said: list[tuple[str, ...]] = []

    def device_lost(self, device: str, why: str) -> None:
        self.said.append(("lost", device, why))

    def device_back(self, device: str) -> None:
        self.said.append(("back", device))


@pytest.fixture
def missing() -> Missing:
    return Missing(FakeLock())


def test_a_lock_that_comes_late_is_secured_and_said_once_each_way(missing: Missing) -> None:
    clock, watch = HandClock(), Watch()
    line = LockLine(LateLock(missing.make), clock, watch)
    line.secure()
    clock.advance(3)
    assert watch.said == [("lost", "lock", "not_wired")]
    missing.there = True
    clock.advance(30)
    assert watch.said == [("lost", "lock", "not_wired"), ("back", "lock")]
    assert missing.lock.told == ["secure"]


def test_a_lost_device_is_tried_less_and_less_often_and_never_given_up(missing: Missing) -> None:
    clock = HandClock()
    LockLine(LateLock(missing.make), clock, Watch()).secure()
    clock.advance(60)
    in_the_first_minute = missing.asked
    clock.advance(600)
    assert in_the_first_minute < 10
    assert 20 <= missing.asked - in_the_first_minute <= 21


def test_a_lock_that_would_not_shut_is_shut_as_soon_as_it_can_be() -> None:
    clock, lock, watch = HandClock(), FakeLock(), Watch()
    line = LockLine(lock, clock, watch, "lock_out")
    line.release()
    lock.broken = True
    line.secure()
    assert lock.released
    lock.broken = False
    clock.advance(1)
    assert not lock.released
    assert watch.said == [("lost", "lock_out", "OSError"), ("back", "lock_out")]


def test_a_release_that_failed_is_not_made_up_for_once_it_has_ended() -> None:
    bench = Bench()
    bench.lock.broken = True
    bench.tap()
    bench.clock.advance(5.1)
    bench.lock.broken = False
    bench.clock.advance(60)
    assert bench.lock.told[-1] == "secure"
    assert "release" not in bench.lock.told


def test_a_closed_door_tries_its_lock_no_more() -> None:
    bench = Bench()
    bench.lock.broken = True
    bench.loop.close()
    told = len(bench.lock.told)
    bench.lock.broken = False
    bench.clock.advance(60)
    assert len(bench.lock.told) == told


def test_a_broken_lock_is_in_the_books_and_an_alarm() -> None:
    bench = Bench()
    bench.lock.broken = True
    bench.tap()
    bench.tap()
    assert bench.loop.lost_devices == {"lock"}
    bench.lock.broken = False
    bench.clock.advance(60)
    told = [one for one in bench.journal.events if isinstance(one, DeviceLost | DeviceBack)]
    assert told == [DeviceLost(STREET_DOOR, "lock", "OSError"), DeviceBack(STREET_DOOR, "lock")]
    assert not bench.loop.lost_devices


class LaterReader(FakeShow):
    def __init__(self) -> None:
        super().__init__()
        self.post: Callable[[Reading], None] | None = None

    def open(self, post: Callable[[Reading], None]) -> None:  # type: ignore[override]  # the fake's post is any object
        self.post = post


def test_a_reader_that_comes_late_is_open_from_then_on() -> None:
    clock, reader, there, heard = HandClock(), LaterReader(), False, list[Reading]()

    def make() -> LaterReader:
        if not there:
            raise OSError("no such device")
        return reader

    said: list[str] = []
    late = LateReader(make)
    late.prepare()
    late.show(Signal.READY)
    attempts = Attempts(clock, lambda: late.open(heard.append), lost=said.append, back=lambda: said.append("back"))
    attempts.now()
    assert reader.post is None
    there = True
    clock.advance(1)
    assert reader.post == heard.append
    late.show(Signal.GRANTED)
    assert (said, reader.shown) == (["OSError", "back"], [Signal.GRANTED])


def test_an_input_that_is_not_there_says_nothing_and_closes() -> None:
    def make() -> LateContact:
        raise NotWired("Pin 4 is taken. Give the contact another one.")

    late = LateContact(make)
    late.prepare()
    assert not late.active
    late.close()


def test_people_get_out_at_a_door_whose_readers_are_lost() -> None:
    bench = Bench()
    bench.shows[Side.IN].broken = bench.shows[Side.EGRESS].broken = True
    bench.loop.exit_requested()
    assert bench.lock.released
