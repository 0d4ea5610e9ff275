"""A controller of the simulated world: the real edge on real SQLite files, which can be killed, cut off and filled up.

What is simulated is around it: the devices on the wall, the clock, the network
and the moment at which a commit reaches the platter. What decides, journals,
keeps rules and talks to the cloud is the code that runs on a Pi.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from aldaba_edge.books import Books, inline, open_books
from aldaba_edge.door_loop import Controller, DoorLoop, DoorPlan, Fittings
from aldaba_edge.journal_file import JournalFile
from aldaba_edge.mechanics import DoorMechanics, LaneMechanics, LockLine
from aldaba_edge.ports import CardSeen
from aldaba_edge.presences import PeerPresences
from aldaba_edge.rules_file import verified_hash
from aldaba_edge.runner import InlineRunner
from aldaba_edge.store import SqliteRules
from aldaba_edge.trust import Trust
from aldaba_edge.writer import InlineWriter
from aldaba_shared.decide import Side
from aldaba_shared.door import DoorInput
from aldaba_shared.envelope import SigningKey
from aldaba_shared.ids import ControllerId, DoorId, SiteId, ZoneId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.messages import Head

from aldaba_sim.building import Opening
from aldaba_sim.clock import HandTime, MachineClock
from aldaba_sim.link import Client
from aldaba_sim.paper_door import PaperDoor

COMMIT_SECONDS: Final = (0.002, 0.009)
"""What a commit takes on a good SD card."""
SLOW_COMMIT_SECONDS: Final = 0.9
"""What it takes on a bad day: longer than anybody waits for it."""
SMALL_RESERVE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Death:
    """When a controller died without warning, and how many lines were not on the disk yet."""

    at: datetime
    lost_lines: int
    why: str


class Running:
    """One life of a controller's software: everything that is gone when the process is."""

    def __init__(self, machine: "Machine") -> None:
        clock, answer = machine.clock, machine.identity.answer
        self.books: Books = open_books(
            machine.folder,
            clock,
            inline(clock, machine.commit_seconds),
            boot=f"{machine.name}-{machine.life}",
            on_broken=machine.fail,
            synchronous="OFF",
            reserve_bytes=SMALL_RESERVE,
        )
        own = machine.identity.signing_key()
        self.trust = Trust(
            SiteId(answer.site), answer.controller, own, answer.root_key, answer.keys, self.books.state
        )
        self.rules = SqliteRules(
            machine.folder / "rules",
            self.books.state,
            self.trust,
            runner=InlineRunner(clock.post),
            verify=verified_hash,
            tell=self.books.journal.record,
        )


class Machine:
    """One controller with one door; satisfies `walk.Behind`."""

    def __init__(
        self, opening: Opening, time: HandTime, identity: Identity, folder: Path, rng: Random
    ) -> None:
        self.opening = opening
        self.name = opening.controller
        self.identity = identity
        self.folder = folder
        self.clock = MachineClock(time)
        self.paper_door = PaperDoor(time)
        self.life = 0
        self.slow = False
        self.deaths: list[Death] = []
        self._rng = rng
        self._time = time
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
