"""From the last byte on a reader's wire to the relay's pin, through everything a Pi runs.

A simulated PN532 on a pty, the real driver and codec, the controller as
`bootstrap` puts it together from a configuration file, 1,000,000 credentials, the
journal on its writer thread with every commit on the platter, and gpiozero's
mock pins. Idle means that the child which recomputes the rules' hash after a
start is through.

Floor: commit first. One thread that does nothing else reads a card's number from
a pty, decides by a dict and a bitmap in memory, commits the bytes of a line to
bare SQLite (WAL, synchronous FULL) on the same disk, and drives a mock pin. It
takes its turns in the same process, with the same pause between two taps, in
which caches go cold. The gate is the ratio of the two as performance.md has them,
1.2 ms over 730 us (decision 47): a disk that is twice as slow makes both slower.
The floor's own row stands beside an echo over a pty, which no reader can beat, for
whoever wants to know what the commit costs. Two more rows hold what else may run:
another process that checks 100,000 rows, and a thread of this one that never
rests, as a library's may for a while. No other access controller that does this
installs from PyPI, so there is no peer (uphppote-simulator, in Go, answers a swipe
in 3.3 ms).
"""

import asyncio
import itertools
import os
import pty
import random
import sqlite3
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import ClassVar

from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

from aldaba_edge import config
from aldaba_edge.bootstrap import Edge
from aldaba_edge.clock import AsyncioClock
from aldaba_edge.daemon import switch_often
from aldaba_edge.journal_file import reading
from aldaba_edge.snapshot_child import verified_in_child
from aldaba_shared.events import AccessDecided, Line, write_line
from aldaba_sim.cards import UidCard
from aldaba_sim.pn532 import Pn532Chip
from aldaba_sim.serial_pty import SerialPty
from bench.controllers import LOCK_PIN, lay_out, uid_of
from bench.harness import Case, Run, Samples, timed
from bench.visits import granted_visit

CARDS, CHANGED = 1_000_000, 100_000
CHECK_SECONDS = 300
TAPS = 32
REACH = 1.2 / 0.73
PATIENCE = 25e-3
"""Nobody waits longer for the journal, also not one in a hundred."""
BETWEEN_SECONDS = 0.065
"""The lock secures after 50 ms, and the driver asks its chip again after 5."""


FLOOR_PIN = 27


class TimedPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A mock pin that says when it rose."""

    rose: ClassVar = {f"GPIO{number}": SimpleQueue[float]() for number in (LOCK_PIN, FLOOR_PIN)}

    def _set_state(self, value: float) -> None:
        super()._set_state(value)
        if value and self.info.name in self.rose:
            self.rose[self.info.name].put(time.perf_counter())


def rose(pin: int) -> float:
    """When the pin rises, or rose since somebody asked last."""
    return float(TimedPin.rose[f"GPIO{pin}"].get(timeout=5))


def cases(room: Path) -> Iterator[Case]:
    """A tap on an idle controller, one while a rule set of 100,000 is checked, and one beside a busy thread."""
    path = lay_out(room, CARDS)
    lay_out(room / "change", CHANGED)
    chip = Pn532Chip()
    line = SerialPty(room / "reader", chip.hear)
    line.plug()
    os.environ["GPIOZERO_PIN_FACTORY"] = "mock"
    Device.pin_factory = MockFactory(pin_class=TimedPin)
    taps = Taps(chip, line)
    switch_often()
    with running(path) as edge, commit_first(room / "floor.db") as floor:
        taps.wait_for_reader()
        _wait_for_check(edge)
        yield Case("tap to relay", taps.round, floor, reach=REACH, p99_at_most=PATIENCE)
        yield Case("commit first (floor: echo)", floor, _echo)
        rules = room / "change" / "data" / "rules" / "1-1" / "rules.db"
        yield Case("tap to relay, in a rule change", lambda: _during(rules, taps), taps.round, reach_p99=1.7)
        yield Case("tap to relay, beside a busy thread", lambda: _beside(taps), taps.round)
    line.close()
    with reading(room / "data" / "journal.db") as books:
        granted = sum(isinstance(one.event, AccessDecided) for one in books.events())
    assert granted == taps.made, f"{granted} of {taps.made} taps are in the books"


@contextmanager
def running(path: Path) -> Iterator[Edge]:
    """The controller of a configuration on an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loop")
    thread.start()

    async def build() -> Edge:
        edge = Edge(config.load(path), AsyncioClock(loop), _broken)
        edge.start()
        return edge

    async def end(edge: Edge) -> None:
        edge.close()

    edge = asyncio.run_coroutine_threadsafe(build(), loop).result()
    try:
        yield edge
    finally:
        asyncio.run_coroutine_threadsafe(end(edge), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Taps:
    """Somebody with every card there is."""

    def __init__(self, chip: Pn532Chip, line: SerialPty) -> None:
        self._chip, self._line = chip, line
        self._rng = random.Random(1)
        self.made = 0

    def wait_for_reader(self) -> None:
        """Until the driver has started its chip and asked it for cards."""
        for _ in range(200):
            if self._tap() is not None:
                return
            time.sleep(0.02)
        raise TimeoutError("the reader's driver never asked for a card")

    def round(self) -> Samples:
        """Some taps, each of another card, with time to secure in between."""
        samples: Samples = []
        while len(samples) < TAPS:
            seconds = self._tap()
            if seconds is not None:
                samples.append(seconds)
            time.sleep(BETWEEN_SECONDS)
        return samples

    def _tap(self) -> float | None:
        """Seconds from the last byte to the pin; None when the chip was not listening."""
        answer = self._chip.hold(UidCard(uid_of(self._rng.randrange(CARDS))))
        if not answer:
            self._chip.take()
            return None
        written = time.perf_counter()
        self._line.send(answer)
        seconds = rose(LOCK_PIN) - written
        self._chip.take()
        self.made += 1
        return seconds


@contextmanager
def commit_first(path: Path) -> Iterator[Run]:
    """A thread that reads, decides, commits and drives a pin; gives a round of taps at it."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE lines (n INTEGER PRIMARY KEY, b)")
    body = write_line(Line(1, datetime.now(UTC), "bench", 0, 0, granted_visit()))
    rights = dict.fromkeys(map(uid_of, range(1_000)), bytes(1260 * [255]))
    pin = Device.pin_factory.pin(FLOOR_PIN)
    pin.function = "output"
    numbers = itertools.count(1)

    def open_up(_line: int, shown: bytes) -> None:
        now = datetime.now(UTC)
        minute = now.weekday() * 1440 + now.hour * 60 + now.minute
        assert rights[shown][minute >> 3] >> (minute & 7) & 1
        db.execute("INSERT INTO lines VALUES (?, ?)", (next(numbers), body))
        pin.state = True
        pin.state = False

    with answering(open_up) as master:

        def taps() -> Samples:
            samples = []
            for number in range(TAPS):
                written = time.perf_counter()
                os.write(master, uid_of(number))
                samples.append(rose(FLOOR_PIN) - written)
                time.sleep(BETWEEN_SECONDS)
            return samples

        yield taps
    db.close()


@contextmanager
def answering(answer: Callable[[int, bytes], object]) -> Iterator[int]:
    """A thread that answers whatever comes over a pty, and may write to it; gives the other end."""
    master, slave = pty.openpty()
    tty.setraw(slave)

    def serve() -> None:
        while (shown := os.read(slave, 64)) != b"q":
            answer(slave, shown)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield master
    finally:
        os.write(master, b"q")
        thread.join()
        os.close(master)
        os.close(slave)


def _wait_for_check(edge: Edge) -> None:
    """Until the child is through: what is given to its runner now comes after it."""
    through = threading.Event()
    edge.core.ways.runner.run(lambda: None, lambda _nothing: through.set())
    if not through.wait(CHECK_SECONDS):
        raise TimeoutError("the rule set was not checked in time")


def _during(rules: Path, taps: Taps) -> Samples:
    """Taps while a child checks a rule set of the same size, again and again."""
    over = threading.Event()

    def check() -> None:
        while not over.is_set():
            verified_in_child(rules)

    checking = threading.Thread(target=check)
    checking.start()
    samples = taps.round()
    over.set()
    checking.join()
    return samples


def _beside(taps: Taps) -> Samples:
    """Taps while a thread of the same process computes without ever waiting."""
    over = threading.Event()

    def compute() -> None:
        while not over.is_set():
            sum(range(2_000))

    computing = threading.Thread(target=compute)
    computing.start()
    samples = taps.round()
    over.set()
    computing.join()
    return samples


def _echo() -> Samples:
    with answering(lambda line, _shown: os.write(line, b"!")) as master:

        def there_and_back() -> None:
            os.write(master, b"?")
            os.read(master, 1)

        return timed(there_and_back, 200)


def _broken(error: Exception) -> None:
    raise error
