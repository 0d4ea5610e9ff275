"""What stands around the doors of one controller, put together from its ways to the world."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aldaba_edge.books import Books
from aldaba_edge.journal import SqliteJournal
from aldaba_edge.journal_file import JournalBroken
from aldaba_edge.keyfile import Identity
from aldaba_edge.ports import Clock, Link, Snapshots
from aldaba_edge.presences import PeerPresences
from aldaba_edge.pruning import Find, Pruner, find
from aldaba_edge.rules_follower import RulesFollower
from aldaba_edge.runner import Runner
from aldaba_edge.snapshot_child import Verify
from aldaba_edge.store import SqliteRules
from aldaba_edge.sync import Refusals, Sync
from aldaba_edge.trust import Trust
from aldaba_shared.errors import AldabaError


def unchecked(_path: Path) -> int:
    """For those who check their journals themselves: tests and the simulated world."""
    return 0


@dataclass(frozen=True, slots=True)
class Ways:
    """How this process reaches the broker, the snapshots, a place for slow work and the check of a rule set."""

    link: Link
    snapshots: Snapshots
    runner: Runner
    verify: Verify
    find: Find = find
    """What finds old lines of the journal."""
    check: Callable[[Path], int] = unchecked
    """What checks the whole chain of the journal and counts its lines; raises `JournalBroken`."""


@dataclass(frozen=True, slots=True)
class Core:
    """Rules, presence and sync over one set of books."""

    trust: Trust
    rules: SqliteRules
    presences: PeerPresences
    sync: Sync
    refusals: Refusals
    ways: Ways
    journal: SqliteJournal
    pruner: Pruner

    def start(self) -> None:
        """Connect, and check the rules in force in the background; doors may have decided before."""
        self.sync.start(self.presences)
        self.rules.check_in_background()
        self._check_journal()

    def _check_journal(self) -> None:
        """Check the whole chain away from the loop: a start looks at its end only."""
        path = self.journal.file.path

        def checked(found: int | AldabaError) -> None:
            if isinstance(found, JournalBroken):
                self.journal.suspect(found.why)

        self.ways.runner.run(lambda: self.ways.check(path), checked)

    def stop(self) -> None:
        """Disconnect and keep what a restart needs; the books are the caller's to close."""
        self.sync.stop()
        self.presences.stop()
        self.presences.checkpoint()
        self.ways.runner.close()
        self.rules.close()


def open_core(folder: Path, books: Books, identity: Identity, clock: Clock, ways: Ways, *, software: str) -> Core:
    """Open the rules under a folder and get ready to sync; nothing is sent before `start`."""
    journal, state = books.journal, books.state
    trust = Trust(identity, state)
    rules = SqliteRules(folder / "rules", state, trust, runner=ways.runner, verify=ways.verify, tell=journal.record)
    refusals = Refusals(clock, journal.record)
    follower = RulesFollower(rules, trust, clock, ways.snapshots, refusals.add)
    sync = Sync(
        ways.link,
        clock,
        journal=journal,
        state=state,
        trust=trust,
        refusals=refusals,
        follower=follower,
        software=software,
    )
    presences = PeerPresences(
        journal,
        state,
        trust,
        clock,
        uses=books.uses,
        peers=lambda: rules.peers,
        publish=sync.publish_presence,
        refused=refusals.add,
    )
    presences.peers_now.connected = lambda: ways.link.connected
    presences.asked_for = lambda: rules.asks_for_peers
    presences.catching_up = lambda: sync.uplink.catching_up
    pruner = Pruner(journal, clock, ways.runner, ways.find, key=trust.own, controller=trust.controller)
    return Core(trust, rules, presences, sync, refusals, ways, journal, pruner)
