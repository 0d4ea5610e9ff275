"""Two real controllers and a real cloud on one hand-turned clock, with a cloud that can be lost and restored."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner, Result

from aldaba_cloud.access import service as access
from aldaba_cloud.access import store as levels
from aldaba_cloud.access.models import ALWAYS, AccessLevel, Target
from aldaba_cloud.cli import main
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fanout import Hub
from aldaba_cloud.fleet import pairing
from aldaba_cloud.fleet.keys import CloudKeys, load_keys, make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link.end import CloudEnd
from aldaba_cloud.live import Live
from aldaba_cloud.members import service as members
from aldaba_cloud.members.models import Holder, HolderKind, IssuedCredential
from aldaba_cloud.members.service import NewCredential
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door, Site, Zone
from aldaba_cloud.schema import migrate
from aldaba_edge.books import Books, inline, open_books
from aldaba_edge.clock import HandClock
from aldaba_edge.core import Core, Ways, open_core
from aldaba_edge.inline import InlineBroker, InlineLink
from aldaba_edge.keyfile import Identity
from aldaba_edge.rules_file import verified_hash
from aldaba_edge.runner import InlineRunner
from aldaba_shared.decide import DoorMode, DoorNow, PresenceNow, Presented, Side, decide
from aldaba_shared.envelope import SigningKey
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import AccessDecided, MessageRefused
from aldaba_shared.ids import DoorId, HolderId, NetworkId, SiteId, ZoneId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.messages import PairAnswer, PairRequest
from aldaba_shared.presence import STREET
from aldaba_shared.reasons import Reason

NETWORK, SITE, FLOOR = NetworkId("net_1"), SiteId("site_1"), ZoneId("floor")
FRONT, BACK = DoorId("front"), DoorId("back")
DAY = 86_400.0


class CloudGone(Exception):
    """The cloud is down."""


@dataclass
class Controller:
    """A paired controller of one door: everything of the daemon but the hardware."""

    folder: Path
    clock: HandClock
    broker: InlineBroker
    door: DoorId
    answer: PairAnswer
    key: SigningKey
    snapshot: Callable[[bytes], bytes]
    books: Books = field(init=False)
    link: InlineLink = field(init=False)
    core: Core = field(init=False)
    modes: list[DoorMode] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    def start(self) -> None:
        where = f"aldaba/1/{SITE}/{self.answer.controller}"
        self.link = InlineLink(self.broker, (f"{where}/down", f"{where}/state", f"aldaba/1/{SITE}/+/presence"))
        self.books = open_books(
            self.folder, self.clock, inline(self.clock), boot="b1", on_broken=broken, synchronous="OFF", reserve_bytes=0
        )
        ways = Ways(self.link, self, InlineRunner(self.clock.post), verified_hash)
        identity = Identity(self.answer, self.key.private_bytes())
        self.core = open_core(self.folder, self.books, identity, self.clock, ways, software="test")
        self.core.sync.on_modes = lambda news: self.modes.extend(one.mode for one in news.modes)
        self.core.sync.on_release = lambda _door, command: self.released.append(command)
        self.core.start()

    def stop(self) -> None:
        self.core.stop()
        self.books.close()

    def fetch(self, request: bytes, into: Path, then: Callable[[bool], None]) -> None:
        """The `Snapshots` port, without HTTP between."""
        try:
            into.write_bytes(self.snapshot(request))
        except (AldabaError, CloudGone):
            then(False)  # noqa: FBT003 - the shape of the port
        else:
            then(True)  # noqa: FBT003 - the shape of the port

    def tap(self, number: bytes) -> Reason:
        """Show a card: looked up, decided and journaled as the door loop does it."""
        at, head = self.clock.now(), self.core.rules.head
        facts = self.core.rules.facts(self.door, credential_key(self.answer.controller_key, CredentialKind.UID, number))
        shown = Presented(self.door, Side.IN, CredentialKind.UID, at)
        now = DoorNow(rules_issued_at=head.issued_at if head else None)
        said = decide(shown, facts, PresenceNow(), now)
        into = FLOOR if said.granted else None
        self.books.journal.record(
            AccessDecided(shown, facts.on_day_of(at), PresenceNow(), now, said, into, released=said.granted)
        )
        return said.reason

    def lines(self) -> list[tuple[int, bytes]]:
        """Every line of its journal, in order."""
        self.clock.settle()
        return [(sequence, body) for sequence, _, body in self.books.journal.file.lines(1, 100_000)]

    def refusals(self) -> list[tuple[str, str]]:
        """What it refused so far."""
        self.clock.settle()
        events = (line.event for line in self.books.journal.file.events())
        return [(one.what, one.why) for one in events if isinstance(one, MessageRefused)]


def broken(error: Exception) -> None:
    """Nothing may break here."""
    raise AssertionError(str(error))


@dataclass
class Town:
    """The cloud in a directory, its broker and its controllers."""

    folder: Path
    clock: HandClock = field(default_factory=lambda: HandClock(datetime.now(UTC) - timedelta(days=2)))
    controllers: dict[DoorId, Controller] = field(default_factory=dict)
    end: CloudEnd | None = None
    card: IssuedCredential = field(init=False)

    def __post_init__(self) -> None:
        self.broker = InlineBroker(self.clock.post)
        self.uplink = InlineLink(self.broker, ("aldaba/1/+/+/up",))

    def run(self, *words: str, ends: int = 0) -> Result:
        """A command of the cloud, in its directory."""
        env = {"ALDABA_STATE_DIR": str(self.state), "ALDABA_DATABASE_URL": ""}
        done = CliRunner(env=env).invoke(main, words)
        assert done.exit_code == ends, (done.output, done.exception)
        return done

    def found(self, state: Path) -> None:
        """A new cloud with a floor, two doors without controllers, and a level for the floor."""
        self._stand_in(state)
        migrate(self.database)
        make_keys(self.keyring, self.folder / "root.key", self.clock.now())
        with self.database.write() as db:
            work = self.work(db)
            places.add_network(work, "Test")
            places.add_site(work, Site(SITE, NETWORK, "Barcelona", "Europe/Madrid"))
            places.add_zone(work, Zone(FLOOR, SITE, "Floor"))
            for door in (FRONT, BACK):
                places.add_door(work, Door(door, SITE, door, FLOOR, STREET))
            levels.add_level(work, self.level)

    @property
    def level(self) -> AccessLevel:
        return AccessLevel("level", SITE, "Everywhere", (Target(ALWAYS, zone=FLOOR),))

    def stand(self, state: Path) -> None:
        """Start the cloud that is in a directory."""
        self._stand_in(state)
        keys: CloudKeys = load_keys(self.keyring)
        self.end = CloudEnd(
            self.database, self.keyring, keys, clock=self.clock, hub=Hub(), live=Live(), send=self._send
        )
        self.uplink.start(lambda: None, self.end.receive)
        self.turn(1)

    def fall(self) -> None:
        """The cloud is gone; its broker lives, with what it retains."""
        self.uplink.stop()
        self.end = None
        self.database.close()

    def pair(self, door: DoorId) -> None:
        """Pair a real controller with a door."""
        key, given = SigningKey.generate(b"new"), pairing.BrokerAddress("localhost", 1883)
        with self.database.write() as db:
            code = pairing.issue_code(self.work(db), self.keyring, SITE, door, [door])
        with self.database.write() as db:
            wanted = PairRequest(code, key.public().public_key, "test")
            kit = pairing.Pairing(self.keyring, load_keys(self.keyring), given)
            answer = pairing.pair(db, kit, wanted, self.clock.now())
        assert isinstance(answer, PairAnswer), answer
        folder = self.folder / door
        folder.mkdir()
        self.controllers[door] = Controller(folder, self.clock, self.broker, door, answer, key, self._snapshot)
        self.controllers[door].start()
        self.turn(5)

    def welcome(self, name: str, number: bytes) -> IssuedCredential:
        """A new person with a card who may go everywhere."""
        with self.database.write() as db:
            work, holder = self.work(db), HolderId(name)
            members.welcome(work, [Holder(holder, HolderKind.STAFF, name, site=SITE)])
            levels.link_holder(work, holder, self.level)
            wanted = NewCredential(holder, CredentialKind.UID, number, "card", site=SITE)
            issued = access.issue_credential(work, wanted, self.keyring)
        self.turn(5)
        return issued

    def revoke(self, card: IssuedCredential) -> None:
        """An admin switches a card off."""
        with self.database.write() as db:
            access.revoke_credential(self.work(db), card.id, "lost", self.keyring)
        self.turn(5)

    def turn(self, seconds: float, *, step: float = 1.0) -> None:
        """Let time pass, with the cloud at work."""
        left = seconds
        while left > 0:
            if self.end is not None:
                self.end.tick()
            self.clock.advance(min(step, left))
            left -= step

    def reconnect(self) -> None:
        """Every controller's connection breaks and comes back."""
        for one in self.controllers.values():
            one.link.cut()
            one.link.join()
        self.turn(5)

    def work(self, db: object) -> Work:
        return Work(db, Scope(NETWORK), self.clock.now(), "test")  # type: ignore[arg-type]  # a Connection

    def _stand_in(self, state: Path) -> None:
        self.state = state
        self.database = Database(f"sqlite:///{state / 'aldaba.db'}")
        self.keyring = Keyring(state / "keys")

    def _send(self, to: str, payload: bytes, *, retain: bool) -> None:
        self.broker.publish(to, payload, retain=retain)

    def _snapshot(self, request: bytes) -> bytes:
        if self.end is None:
            raise CloudGone
        return self.end.snapshot(request)
