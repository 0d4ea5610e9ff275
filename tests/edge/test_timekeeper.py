"""The time is known on somebody's word; a clock that nobody vouches for is called uncertain."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aldaba_edge.clock import HandClock
from aldaba_edge.machine_time import KernelTime
from aldaba_edge.state import Slot
from aldaba_edge.timekeeper import KeptClock, Timekeeper
from aldaba_shared.events import AnyEvent, ClockConfirmed, ClockDoubted
from tests.edge.places import START, books_in

QUICK = timedelta(milliseconds=20)
HOUR = timedelta(hours=1)
NONE = timedelta(0)


@dataclass
class FakeMachine:
    """What the kernel would say."""

    wall: HandClock
    disciplined: bool = False
    battery: timedelta | None = None
    """How far the battery clock stands from the wall clock; None when there is none."""

    def synchronised(self) -> bool:
        return self.disciplined

    def rtc(self) -> datetime | None:
        return None if self.battery is None else self.wall.now() + self.battery


@dataclass
class Watch:
    """A controller's clock on a workbench."""

    folder: Path
    wall: HandClock = field(default_factory=lambda: HandClock(START))
    told: list[AnyEvent] = field(default_factory=list)
    known: int = 0

    def __post_init__(self) -> None:
        self.machine = FakeMachine(self.wall)
        self.books = books_in(self.folder, self.wall)

    def start(self, boot: str = "b1") -> "Watch":
        self.clock = KeptClock(self.wall)
        self.time = Timekeeper(self.clock, self.books.state, self.machine, boot=boot, tell=self.told.append)
        self.time.on_known = self._count
        self.time.start()
        return self

    def again(self, boot: str) -> "Watch":
        """The process ended and starts anew; another boot counts from zero."""
        self.time.stop()
        return self.start(boot)

    def _count(self) -> None:
        self.known += 1

    def floor(self, at: datetime) -> None:
        self.books.state.put(Slot.TIME_FLOOR, at)

    def doubts(self) -> list[str]:
        return [one.why for one in self.told if isinstance(one, ClockDoubted)]


@pytest.fixture(name="watch")
def _watch(tmp_path: Path) -> Iterator[Watch]:
    watch = Watch(tmp_path)
    yield watch
    watch.books.close()


def test_a_clock_that_stands_after_the_floor_is_not_believed_for_that(watch: Watch) -> None:
    watch.floor(START - HOUR)
    watch.start()
    assert not watch.time.trusted
    assert watch.time.by == "nobody"
    assert watch.time.uncertainty is None
    watch.wall.advance(61)
    assert watch.doubts() == ["power_cut"]


def test_after_a_power_cut_without_a_battery_the_time_is_never_before_the_floor(watch: Watch) -> None:
    watch.floor(START + 100 * HOUR)
    watch.start()
    assert watch.clock.now() == START + 100 * HOUR
    watch.wall.advance(90)
    assert watch.clock.now() == START + 100 * HOUR + timedelta(seconds=90)
    assert not watch.time.trusted
    assert watch.doubts() == ["set_back"]


def test_the_clouds_signed_time_is_believed_and_turns_the_clock(watch: Watch) -> None:
    watch.start()
    watch.wall.advance(61)
    before = watch.clock.now()
    assert watch.time.measured(3 * HOUR, QUICK) == NONE
    assert watch.time.trusted
    assert watch.time.by == "cloud"
    assert watch.clock.now() == before + 3 * HOUR
    assert watch.told[-1] == ClockConfirmed("cloud", 3 * 3_600_000, 20)
    assert watch.known == 1


def test_a_start_whose_cloud_answers_at_once_rings_no_alarm(watch: Watch) -> None:
    watch.start()
    watch.time.measured(timedelta(milliseconds=300), QUICK)
    watch.wall.advance(300)
    assert watch.told == []
    assert watch.clock.now() == START + timedelta(seconds=300), "what is near enough is left alone"


def test_an_ack_that_took_half_a_minute_says_nothing_about_the_time(watch: Watch) -> None:
    watch.start()
    assert watch.time.measured(3 * HOUR, timedelta(seconds=15)) == 3 * HOUR
    assert not watch.time.trusted


def test_known_time_goes_on_whatever_is_done_to_the_wall_clock(watch: Watch) -> None:
    watch.start()
    watch.time.measured(NONE, QUICK)
    watch.wall.jump(-86_400)
    watch.wall.advance(600)
    assert watch.clock.now() == START + timedelta(seconds=600)
    assert watch.time.trusted


def test_a_killed_process_still_knows_the_time_and_a_cut_machine_does_not(watch: Watch) -> None:
    watch.start()
    watch.time.measured(HOUR, QUICK)
    watch.wall.advance(5)
    watch.again("b1")
    assert watch.time.trusted
    assert watch.clock.now() == START + HOUR + timedelta(seconds=5)
    watch.again("b2")
    assert not watch.time.trusted


@pytest.mark.parametrize(
    ("battery", "floor", "known"),
    [
        pytest.param(NONE, START - HOUR, True, id="the clock was set from it"),
        pytest.param(timedelta(seconds=2), START - HOUR, True, id="two seconds are the hardware's grain"),
        pytest.param(timedelta(days=-20_000), START - HOUR, False, id="it lost its power and shows 1970"),
        pytest.param(None, START - HOUR, False, id="there is none"),
        pytest.param(NONE, START + HOUR, False, id="it stands before what was known already"),
    ],
)
def test_a_battery_clock_vouches_only_when_it_kept_time(
    watch: Watch, battery: timedelta | None, floor: datetime, known: bool
) -> None:
    watch.machine.battery = battery
    watch.floor(floor)
    watch.start()
    assert watch.time.trusted is known
    assert watch.time.by == ("rtc" if known else "nobody")


def test_ntp_vouches_from_the_moment_it_comes_and_not_before_the_floor(watch: Watch) -> None:
    watch.floor(START)
    watch.start()
    watch.wall.jump(-7200)
    watch.machine.disciplined = True
    watch.wall.advance(60)
    assert not watch.time.trusted, "who owns the network may lie as NTP, and turns nothing back"
    watch.wall.jump(7200 + 86_400)
    watch.wall.advance(20)
    assert watch.time.trusted
    assert watch.time.by == "ntp"
    assert watch.clock.now() == watch.wall.now()


def test_the_clouds_word_goes_before_ntp(watch: Watch) -> None:
    watch.machine.disciplined = True
    watch.start()
    watch.time.measured(HOUR, QUICK)
    watch.wall.advance(3600)
    assert watch.time.by == "cloud"
    assert watch.clock.now() == watch.wall.now() + HOUR


def test_a_floor_that_an_unsure_clock_raised_too_far_is_taken_back_by_the_signed_word_only(watch: Watch) -> None:
    watch.floor(START + 9000 * HOUR)
    watch.machine.disciplined = True
    watch.start()
    assert not watch.time.trusted
    watch.time.measured(START - watch.clock.now(), QUICK)
    assert watch.clock.now() == START
    assert watch.books.state.time_floor() == START


def test_a_day_without_anybodys_word_is_an_alarm_once(watch: Watch) -> None:
    watch.start()
    watch.time.measured(NONE, QUICK)
    watch.wall.advance(86_400 - 30)
    assert watch.doubts() == []
    watch.wall.advance(7200)
    assert watch.doubts() == ["not_set"]
    assert watch.time.trusted, "a crystal that drifts by seconds is no reason to shut people out"
    uncertainty = watch.time.uncertainty
    assert uncertainty is not None
    assert timedelta(seconds=4) < uncertainty < timedelta(seconds=5)
    watch.time.measured(NONE, QUICK)
    assert watch.told[-1] == ClockConfirmed("cloud", 0, 20)


@pytest.mark.parametrize(
    ("off", "after", "alarm"),
    [
        pytest.param(timedelta(seconds=2), timedelta(days=2), False, id="seven seconds a week"),
        pytest.param(timedelta(seconds=4), timedelta(days=2), True, id="fourteen seconds a week"),
        pytest.param(timedelta(seconds=11), timedelta(minutes=1), True, id="eleven seconds at once"),
        pytest.param(timedelta(seconds=2), timedelta(minutes=1), False, id="too soon to judge"),
    ],
)
def test_more_than_ten_seconds_a_week_is_an_alarm(watch: Watch, off: timedelta, after: timedelta, alarm: bool) -> None:
    watch.start()
    watch.time.measured(NONE, QUICK)
    watch.wall.advance(after.total_seconds())
    watch.told.clear()
    watch.time.measured(off, QUICK)
    assert ("drift" in watch.doubts()) is alarm


def test_the_kernels_word_is_read_and_nothing_is_set(tmp_path: Path) -> None:
    clocks = tmp_path / "sys/class/rtc"
    (clocks / "rtc0").mkdir(parents=True)
    machine = KernelTime(tmp_path)
    assert machine.rtc() is None, "an oscillator that stopped cannot be read"
    (clocks / "rtc1").mkdir()
    (clocks / "rtc1" / "since_epoch").write_text("1795420800\n")
    shown = machine.rtc()
    assert shown is not None
    assert shown.isoformat() == "2026-11-23T08:00:00+00:00"
    mark = tmp_path / "run/systemd/timesync"
    mark.mkdir(parents=True)
    (mark / "synchronized").touch()
    assert machine.synchronised()
