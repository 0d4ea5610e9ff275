"""`aldaba-sim load`: every door of a big space comes back at once after days alone, and the books must be whole.

A real broker, the cloud's real end of the link over a real database in this process,
and the controllers with their real journals, sync and paho in a few processes more.
The clock runs from the word that brings them back until the last of them believes
the signed ack of its last line. Then every journal is compared with the books.
"""

import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import msgspec

from aldaba_sim.embedded_broker import CLOUD
from aldaba_sim.load_broker import LoadFailed, free_port, load_broker
from aldaba_sim.load_cloud import Compared, LoadCloud
from aldaba_sim.load_doors import Told

DOORS_A_PROCESS = 50
PATIENCE = 3
"""Whoever misses the limit is waited for so many times as long, so that the figure says by how much."""
FILL_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for; `database_url` None means a SQLite file of this run."""

    doors: int
    sites: int
    hours: float
    taps_per_day: float
    within: float
    database_url: str | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """How it went."""

    load: Load
    compared: Compared
    seconds: float
    late: int
    ram_mb: float
    broker: str

    @property
    def holds(self) -> bool:
        """Whether everything is in the books once, in order and in time."""
        whole = self.compared.lost == self.compared.duplicated == self.late == 0 and self.compared.in_order
        return whole and self.seconds <= self.load.within

    def numbers(self) -> dict[str, object]:
        """For programs."""
        return {
            "doors": self.load.doors,
            "sites": self.load.sites,
            "lines": self.compared.lines,
            "seconds": round(self.seconds, 2),
            "lines_per_second": round(self.compared.lines / self.seconds),
            "lost": self.compared.lost,
            "duplicated": self.compared.duplicated,
            "in_order": self.compared.in_order,
            "unacknowledged": self.late,
            "ram_mb": round(self.ram_mb),
            "broker": self.broker,
        }


class Group:
    """One process with doors, and what it last said."""

    def __init__(self, program: Sequence[str], news: "SimpleQueue[tuple[Group, Told | None]]") -> None:
        command = [sys.executable, "-m", "aldaba_sim.with_parent", str(os.getpid()), *program]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.filled = 0
        self.ready = False
        self.lines = 0
        self.acked = 0
        self.end: Told | None = None
        self._news = news
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._news.put((self, msgspec.json.decode(line, type=Told)))
        self._news.put((self, None))

    def hear(self, told: Told | None) -> None:
        """Keep what it said; nothing means that it has ended.

        Raises:
            LoadFailed: it ended before it was done.
        """
        if told is None:
            if self.end is None:
                raise LoadFailed("a process with doors ended before it was done")
            return
        self.filled += told.filled
        self.acked = told.acked or self.acked
        if told.lines:
            self.ready, self.lines = True, told.lines
        if told.done_at:
            self.end, self.acked = told, self.lines

    def go(self) -> None:
        """Bring its doors back."""
        if self._process.stdin is not None:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """End the process, if it has not by itself."""
        if self.end is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def run_load(load: Load, say: Callable[[str], None]) -> Returned:
    """Run one load; `say` gets a line of progress now and then.

    Raises:
        LoadFailed: a part of it died.
    """
    with tempfile.TemporaryDirectory(prefix="aldaba-load-") as room, ExitStack() as stack:
        return _run(load, Path(room), say, stack)


def _run(load: Load, room: Path, say: Callable[[str], None], stack: ExitStack) -> Returned:
    port, password, folder = free_port(), secrets.token_urlsafe(), room / "doors"
    url = load.database_url or f"sqlite:///{room / 'cloud.db'}"
    cloud = LoadCloud(room, url, port, password)
    stack.callback(cloud.close)
    say(f"pairing {load.doors} controllers")
    answers = cloud.open_doors(load.doors, min(load.sites, load.doors), folder)
    passwords = {one.broker_username: one.broker_password for one in answers.values()} | {CLOUD: password}
    broker = stack.enter_context(load_broker(room, port, passwords))
    news: SimpleQueue[tuple[Group, Told | None]] = SimpleQueue()
    groups = stack.enter_context(_groups(load, folder, list(answers), news))
    _hear(groups, news, lambda: all(one.ready for one in groups), lambda: _filling(load, groups, say), FILL_SECONDS)
    stack.enter_context(cloud.connected())
    say(f"{sum(one.lines for one in groups)} lines wait; all doors come back now")
    began = time.perf_counter()
    for one in groups:
        one.go()
    patience = load.within * PATIENCE + FILL_SECONDS
    _hear(groups, news, lambda: all(one.end for one in groups), lambda: _returning(groups, say), patience)
    ends = [one.end for one in groups if one.end is not None]
    say("comparing every journal with the books")
    return Returned(
        load,
        cloud.compare(folder, list(answers)),
        max(one.done_at for one in ends) - began,
        sum(one.late for one in ends),
        sum(one.ram_mb for one in ends) + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        broker,
    )


@contextmanager
def _groups(
    load: Load, folder: Path, names: list[str], news: "SimpleQueue[tuple[Group, Told | None]]"
) -> Iterator[list[Group]]:
    wanted = [str(folder), str(load.hours), str(load.taps_per_day), str(load.within * PATIENCE)]
    count = max(-(-len(names) // DOORS_A_PROCESS), min(len(names), os.cpu_count() or 1))
    program = [sys.executable, "-m", "aldaba_sim.load_doors", *wanted]
    groups = [Group([*program, *names[number::count]], news) for number in range(count)]
    try:
        yield groups
    finally:
        for one in groups:
            one.stop()


def _hear(
    groups: Sequence[Group],
    news: "SimpleQueue[tuple[Group, Told | None]]",
    so: Callable[[], bool],
    progress: Callable[[], None],
    seconds: float,
) -> None:
    """Listen to the processes until it is so."""
    while not so():
        try:
            group, told = news.get(timeout=seconds)
        except Empty as error:
            raise LoadFailed(f"{len(groups)} processes with doors said nothing for {seconds:.0f} s") from error
        group.hear(told)
        progress()


def _filling(load: Load, groups: Sequence[Group], say: Callable[[str], None]) -> None:
    filled = sum(one.filled for one in groups)
    if filled % max(1, load.doors // 10) == 0:
        say(f"{load.hours:g} hours alone: {filled} of {load.doors} journals written")


def _returning(groups: Sequence[Group], say: Callable[[str], None]) -> None:
    say(f"{sum(one.acked for one in groups)} of {sum(one.lines for one in groups)} lines acknowledged")


def table(numbers: dict[str, object]) -> str:
    """The numbers for a person."""
    return "\n".join(f"{name.replace('_', ' '):18}{value!s:>12}" for name, value in numbers.items())
