"""A controller of the simulated world: the real edge on real SQLite files, which can be killed, cut off and filled up.

What is simulated is around it: the devices on the wall, the clock, the network
and the moment at which a commit reaches the platter. What decides, journals,
keeps rules and talks to the cloud is the code that runs on a Pi.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from aldaba_edge.books import Books, open_books
from aldaba_edge.core import Core, Ways, open_core
from aldaba_edge.devices import LockLine
from aldaba_edge.door_inputs import heard
from aldaba_edge.door_loop import DoorLoop
from aldaba_edge.door_parts import Controller, DoorPlan, Fittings
from aldaba_edge.doors import Doors
from aldaba_edge.first_cards import KeptFirstCards
from aldaba_edge.keyfile import Identity
from aldaba_edge.keypads import Keypads
from aldaba_edge.lane import LaneMechanics
from aldaba_edge.mechanics import DoorMechanics, LeafTimes
from aldaba_edge.ports import CardSeen, Clock, Snapshots
from aldaba_edge.rules_file import verified_hash
from aldaba_edge.runner import InlineRunner
from aldaba_edge.state import State
from aldaba_edge.writer import Disk, InlineWriter
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.envelope import KeyRing
from aldaba_shared.events import DaemonStarted
from aldaba_shared.ids import DoorId, SiteId, ZoneId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.messages import Head, Modes
from aldaba_sim.building import Opening
from aldaba_sim.clock import HandTime, MachineClock
from aldaba_sim.link import Client
from aldaba_sim.paper_door import PaperDoor

SOFTWARE: Final = "aldaba-edge in the simulated world"
COMMIT_SECONDS: Final = (0.002, 0.009)
"""What a commit takes on a good SD card."""
SLOW_COMMIT_SECONDS: Final = 0.9
"""What it takes on a bad day: longer than anybody waits for it."""
SMALL_RESERVE: Final = 64 * 1024
RELEASE_SECONDS: Final = 4.0
KILL_WITHIN_SECONDS: Final = 0.05
POWER_LASTS_SECONDS: Final = 0.1
"""How long after a release the power goes, when it goes in the gap before the line is durable."""
ROOMY_PAGES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Death:
    """When a controller died without warning, and how many lines were not on the disk yet."""

    at: datetime
    lost_lines: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the door may rely on, as the `Trust` of `door_parts` asks."""

    core: Core
    clock: Clock
    state: State

    @property
    def clock_trusted(self) -> bool:
        """Whether the wall clock stands after everything this controller ever believed."""
        return self.clock.now() >= self.state.time_floor()

    @property
    def uses_known(self) -> bool:
        """Nothing that is used up is shown in this world."""
        return True

    @property
    def ring(self) -> KeyRing:
        """The keys the root vouches for."""
        return self.core.trust.ring

    @property
    def cancelled_passes(self) -> Collection[bytes]:
        """Nobody carries a pass in this world."""
        return ()


@dataclass(frozen=True, slots=True)
class Running:
    """One life of a controller's software: everything that is gone when the process is."""

    books: Books
    disk: Disk
    core: Core
    loop: DoorLoop
    link: Client


class Machine:
    """One controller with one door; satisfies `walk.Behind`. `connect` makes a new connection to the broker."""

    def __init__(
        self,
        opening: Opening,
        time: HandTime,
        identity: Identity,
        folder: Path,
        rng: Random,
        *,
        connect: Callable[[], Client],
        snapshots: Snapshots,
    ) -> None:
        self.opening = opening
        self.name = opening.controller
        self.identity = identity
        self.folder = folder
        self.clock = MachineClock(time)
        self.life = 0
        self.slow = False
        self.disk_full = False
        self.offline_grace_hours = 168
        """What its own settings say; changed before it starts."""
        self.deaths: list[Death] = []
        self.on_read: Callable[[], None] = lambda: None
        self.on_death: Callable[[Death], None] = lambda _death: None
        self._paper = PaperDoor(time)
        self._rng = rng
        self._time = time
        self._connect = connect
        self._snapshots = snapshots
        self._running: Running | None = None

    @property
    def alive(self) -> bool:
        """Whether its software runs."""
        return self._running is not None

    @property
    def running(self) -> Running:
        """The software; ask only while it is alive."""
        if self._running is None:
            raise RuntimeError(self.name)
        return self._running

    @property
    def head(self) -> Head | None:
        """The head of the rules in force."""
        return self.running.core.rules.head

    @property
    def locked_down(self) -> bool:
        """Whether its door was told to let nobody in, as far as the controller knows."""
        modes = self.running.core.sync.modes
        told = modes.modes if modes is not None else ()
        return any(one.door == self.opening.door and one.mode is DoorMode.LOCKED_DOWN for one in told)

    @property
    def drained(self) -> bool:
        """Whether every line it has is acknowledged."""
        return self.alive and self.running.core.sync.uplink.watermark == self.running.books.journal.last

    def wall_clock(self) -> datetime:
        """What time it believes it is."""
        return self.clock.now()

    def paper(self, door: str) -> PaperDoor:
        """The devices on the wall."""
        if door != self.opening.door:
            raise KeyError(door)
        return self._paper

    def read(self, door: str, uid: bytes, *, entering: bool) -> None:
        """Hold a card to the reader of one side."""
        paper = self.paper(door)
        key = credential_key(self.identity.answer.controller_key, CredentialKind.UID, uid)
        (paper.reader_in if entering else paper.reader_out).read(CardSeen(CredentialKind.UID, key))
        self.on_read()

    def start(self) -> None:
        """The process starts, from what is on the disk."""
        self.clock.boot()
        self.life += 1
        disks: list[Disk] = []
        books = open_books(
            self.folder,
            self.clock,
            partial(self._writer, disks),
            boot=f"{self.name}-{self.life}",
            on_broken=self._broken,
            synchronous="OFF",
            reserve_bytes=SMALL_RESERVE,
        )
        books.journal.record(DaemonStarted(SOFTWARE, f"{self.name}-{self.life}", books.clean))
        link = self._connect()
        ways = Ways(link, self._snapshots, InlineRunner(self.clock.post), verified_hash)
        core = open_core(self.folder, books, self.identity, self.clock, ways, software=SOFTWARE)
        loop = DoorLoop(self._plan(), self._shared(books, core), self._fit)
        self._running = Running(books, disks[0], core, loop, link)
        self._listen(loop)
        self._obey(loop, core)
        core.start()

    def kill(self) -> None:
        """SIGKILL or the power: everything not on the disk is gone, and the bolt has no power."""
        running, self._running = self.running, None
        self.clock.die()
        running.link.stop()
        journal = running.books.journal
        death = Death(self._time.now(), journal.last - journal.durable.sequence)
        self.deaths.append(death)
        if isinstance(running.books.writer, InlineWriter):
            running.books.writer.cut()
        journal.close()
        running.core.rules.close()
        for part in (self._paper.reader_in, self._paper.reader_out, self._paper.lock, self._paper.lock_out):
            part.close()
        for contact in (self._paper.leaf, self._paper.button, self._paper.passage_in, self._paper.passage_out):
            contact.close()
        self.on_death(death)

    def fill_disk(self, *, full: bool) -> None:
        """No page more for either database, or as many as they like."""
        self.disk_full = full
        for connection in (self.running.disk.journal, self.running.disk.state):
            pages = connection.execute("PRAGMA page_count").fetchone()[0] if full else ROOMY_PAGES
            connection.execute(f"PRAGMA max_page_count = {pages}")

    def _writer(self, disks: list[Disk], disk: Disk) -> InlineWriter:
        disks.append(disk)
        return InlineWriter(disk, self.clock, self._commit_seconds)

    def _commit_seconds(self) -> float:
        return SLOW_COMMIT_SECONDS if self.slow else self._rng.uniform(*COMMIT_SECONDS)

    def _broken(self, error: Exception) -> None:
        raise error

    def _plan(self) -> DoorPlan:
        opening = self.opening
        outer, inner = ZoneId(opening.outer), ZoneId(opening.inner)
        return DoorPlan(
            DoorId(opening.door),
            {Side.IN: inner, Side.OUT: outer, Side.EGRESS: outer},
            release_seconds=RELEASE_SECONDS,
            offline_grace_hours=self.offline_grace_hours,
            counts_passages=opening.turnstile,
        )

    def _shared(self, books: Books, core: Core) -> Controller:
        answer = self.identity.answer
        return Controller(
            answer.controller,
            SiteId(answer.site),
            self.clock,
            core.rules,
            books.journal,
            core.presences,
            books.uses,
            Standing(core, self.clock, books.state),
            partial(credential_key, answer.controller_key),
            KeptFirstCards(books.state),
            Keypads(books.state, self.clock),
        )

    def _fit(self, loop: DoorLoop) -> Fittings:
        paper, door = self._paper, loop.id
        lock, lock_out = (
            LockLine(paper.lock, self.clock, loop),
            LockLine(paper.lock_out, self.clock, loop, "lock_out"),
        )
        readers = {Side.IN: paper.reader_in, Side.EGRESS: paper.reader_out}
        if self.opening.turnstile:
            lane = LaneMechanics(
                door,
                self.clock,
                (lock, lock_out),
                record=loop.tell,
                show=loop.show_everywhere,
                into=loop.plan.into.get,
            )
            return Fittings(lane, readers)
        leaf = DoorMechanics(
            door,
            self.clock,
            lock,
            record=loop.tell,
            show=loop.show_everywhere,
            times=LeafTimes(relock_seconds=None),
            found_open=paper.leaf.active,
        )
        return Fittings(leaf, readers)

    @staticmethod
    def _obey(loop: DoorLoop, core: Core) -> None:
        """What the cloud says of the door's mode, now and before, and its releases."""
        doors = Doors((loop,))

        def set_modes(modes: Modes) -> None:
            # A door that is not named is an ordinary one again, as in the daemon's `bootstrap`.
            told = next((one for one in modes.modes if one.door == loop.id), None)
            doors.set_mode(loop.id, told.mode if told else DoorMode.LOCKED, told.until if told else None)

        def release(door: DoorId, command: str) -> None:
            doors.release(door, "cloud", command)

        core.sync.on_modes = set_modes
        core.sync.on_release = release
        core.rules.on_applied = doors.look
        if core.sync.modes is not None:
            set_modes(core.sync.modes)
        else:
            doors.look()

    def _listen(self, loop: DoorLoop) -> None:
        paper = self._paper
        inputs = {
            "passage_in": paper.passage_in,
            "passage_out": paper.passage_out,
            "contact": paper.leaf,
            "exit_button": paper.button,
        }
        for name, contact in inputs.items():
            contact.open(partial(heard, loop, name))
        paper.reader_in.open(partial(loop.read, Side.IN))
        paper.reader_out.open(partial(loop.read, Side.EGRESS))
