"""The cloud of `aldaba-sim load`: sites of so many doors, one controller each, paired and with their first rules.

What the load is about begins when they come back, so each controller's folder is
laid out as pairing and a first snapshot leave it, without asking the network.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from sqlalchemy import Connection, select

from aldaba_cloud import outbox
from aldaba_cloud.access import publish
from aldaba_cloud.broker import Account, Broker
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.deps import SystemClock
from aldaba_cloud.fanout import Hub
from aldaba_cloud.fleet import books, ingest
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.fleet.pairing import BrokerAddress, Pairing, PairRefused, issue_code, pair
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link.end import PASSED_ON, CloudEnd
from aldaba_cloud.link.snapshot import snapshot_file
from aldaba_cloud.live import Live
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door, Site, Zone
from aldaba_cloud.schema import migrate
from aldaba_edge.journal_file import JournalFile
from aldaba_edge.keyfile import Identity, write_identity
from aldaba_shared.envelope import SigningKey
from aldaba_shared.ids import ControllerId, DoorId, NetworkId, SiteId, ZoneId
from aldaba_shared.messages import PairAnswer, PairRequest
from aldaba_shared.presence import STREET
from aldaba_sim.load_broker import LoadFailed

CONNECT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Compared:
    """The journals on the doors' disks against the cloud's books: how many lines, and what is wrong with them."""

    lines: int
    lost: int
    duplicated: int
    in_order: bool


class LoadCloud:
    """Its database, its keys and its sites; several runs may share a database, each has a network of its own."""

    def __init__(self, room: Path, url: str, port: int, password: str) -> None:
        self._database = Database(url)
        migrate(self._database)
        self._keyring = Keyring(room / "keys")
        self._keys = make_keys(self._keyring, room / "root.key", datetime.now(UTC))
        self._port, self._password = port, password
        self._network = NetworkId(f"load-{secrets.token_hex(4)}")

    def open_doors(self, doors: int, sites: int, folder: Path) -> dict[str, PairAnswer]:
        """Build the sites, pair a controller with each door and lay out its folder; the answers by controller."""
        with self._database.write() as db:
            places.add_network(self._work_on(db), "Load")
        answers: dict[str, PairAnswer] = {}
        for number in range(sites):
            site = SiteId(f"{self._network}-{number:02}")
            names = [DoorId(f"{site}-{door:04}") for door in range(number, doors, sites)]
            with self._database.write() as db:
                _build(self._work_on(db), site, names)
            here = dict(self._joined(site, door, folder) for door in names)
            self._publish(site, folder, here)
            answers |= here
        return answers

    def _joined(self, site: SiteId, door: DoorId, folder: Path) -> tuple[str, PairAnswer]:
        answer, key = self._paired(site, door)
        write_identity(folder / answer.controller / "identity", Identity(answer, key.private_bytes()))
        return answer.controller, answer

    def _work_on(self, db: Connection) -> Work:
        return Work(db, Scope(self._network), datetime.now(UTC))

    def _paired(self, site: SiteId, door: DoorId) -> tuple[PairAnswer, SigningKey]:
        key = SigningKey.generate(b"load")
        pairing = Pairing(self._keyring, self._keys, BrokerAddress("127.0.0.1", self._port))
        with self._database.write() as db:
            work = self._work_on(db)
            code = issue_code(work, self._keyring, site, door, [door])
            answer = pair(db, pairing, PairRequest(code, key.public().public_key, "load"), work.now)
        if isinstance(answer, PairRefused):
            raise answer
        return answer, key

    def _publish(self, site: SiteId, folder: Path, answers: dict[str, PairAnswer]) -> None:
        """Everybody's first rules, and no news of pairings that were told long ago."""
        with self._database.write() as db:
            work = self._work_on(db)
            publish.publish(work, site, self._keyring, controller_keys(work, self._keyring))
            while waiting := outbox.waiting(db, PASSED_ON):
                outbox.mark_told(db, [one.id for one in waiting], work.now)
            for name in answers:
                self._lay_rules(work, folder / name, ControllerId(name))

    def _lay_rules(self, work: Work, folder: Path, controller: ControllerId) -> None:
        head = publish.head_now(work, controller)
        if head is None:
            raise RuntimeError(controller)
        generation = folder / "rules" / f"{head.epoch}-{head.version}"
        generation.mkdir(parents=True)
        (generation / "rules.db").write_bytes(snapshot_file(work, self._keys.working, controller))
        (folder / "rules" / "current").symlink_to(generation.name)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Its end of the link, taking in what comes."""
        broker = Broker(Account("127.0.0.1", self._port, "cloud", self._password), self._make_end)
        broker.start()
        try:
            if not broker.connected.wait(CONNECT_SECONDS):
                raise LoadFailed("the cloud did not reach the broker")
            yield
        finally:
            broker.stop()

    def _make_end(self, broker: Broker) -> CloudEnd:
        return CloudEnd(
            self._database,
            self._keyring,
            self._keys,
            clock=SystemClock(),
            hub=Hub(),
            live=Live(),
            send=broker.send,
        )

    def compare(self, folder: Path, controllers: list[str]) -> Compared:
        """Every journal, line by line, with what the events table has of it."""
        each = [self._compare_one(folder / name, ControllerId(name)) for name in controllers]
        return Compared(
            sum(one.lines for one in each),
            sum(one.lost for one in each),
            sum(one.duplicated for one in each),
            all(one.in_order for one in each),
        )

    def _compare_one(self, folder: Path, controller: ControllerId) -> Compared:
        """In order means: taken in one after the other, with a chain that holds and bytes as they stand at the door."""
        with JournalFile(folder / "journal.db") as file, self._database.read() as db:
            work = self._work_on(db)
            at_door = {sequence: body for sequence, _, body in file.lines(1, 10**9)}
            mine = (books.events.c.controller_id == controller) & (books.events.c.journal == file.id)
            wanted = select(books.events.c.sequence, books.events.c.body, books.events.c.received_at)
            arrived = db.execute(wanted.where(mine)).all()
            whole = ingest.verify_chain(work, controller, file.id) is None
        known = {row.sequence for row in arrived}
        by_sequence = sorted(arrived, key=lambda row: int(row.sequence))
        in_turn = all(row.received_at <= later.received_at for row, later in pairwise(by_sequence))
        same = all(at_door.get(row.sequence) == row.body for row in arrived)
        missing, twice = len(at_door.keys() - known), len(arrived) - len(known)
        return Compared(len(at_door), missing, twice, in_order=whole and in_turn and same)

    def close(self) -> None:
        """Let the database go."""
        self._database.close()


def _build(work: Work, site: SiteId, doors: Sequence[DoorId]) -> None:
    network, zone = work.scope.network, ZoneId(f"{site}-floor")
    places.add_site(work, Site(site, network, site, "Europe/Madrid"))
    places.add_zone(work, Zone(zone, site, "Floor", None))
    for door in doors:
        places.add_door(work, Door(door, site, door, zone, STREET, None))
