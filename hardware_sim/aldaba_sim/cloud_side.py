"""The cloud of the simulated world: its real services on SQLite, its real end of the link, under the hand-turned clock.

The admin's hands are here too. Every change of the town goes through the
cloud's own services and into the truth the oracle judges by, and each published
version remembers which truth it stands for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event

from aldaba_cloud import schema
from aldaba_cloud.access import publish
from aldaba_cloud.access import store as access
from aldaba_cloud.db import Database, Scope, Work, metadata
from aldaba_cloud.fanout import Hub
from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.fleet import store as fleet_store
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.keys import SIGNS, CloudKeys
from aldaba_cloud.fleet.models import Controller
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link.end import CloudEnd
from aldaba_cloud.live import Live
from aldaba_cloud.members import service as members
from aldaba_edge.keyfile import Identity
from aldaba_shared.decide import DoorMode
from aldaba_shared.envelope import SigningKey, kid_of, seal
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ControllerId, CredentialId, DoorId, HolderId, NetworkId
from aldaba_shared.messages import KeyList, Kind, PairAnswer
from aldaba_sim import seeding, town
from aldaba_sim.building import Building
from aldaba_sim.clock import HandTime
from aldaba_sim.link import Broker, Client
from aldaba_sim.oracle import Truth
from aldaba_sim.people import Person

TABLES: Final = schema.tables
"""Every store's tables; importing the schema is what makes `metadata` whole."""
NETWORK: Final = NetworkId("net")
CLOUD: Final = "cloud"
SNAPSHOT_SECONDS: Final = 0.3

Change = Callable[[Truth], Truth]


@dataclass(frozen=True, slots=True)
class Keys:
    """Made once for a world: the cloud's keys, and what each controller was given at pairing."""

    cloud: CloudKeys
    identities: Mapping[str, Identity]


def make_keys(building: Building, now: datetime, make: Callable[[bytes], SigningKey] = SigningKey.generate) -> Keys:
    """A root, a working key and a key for each controller; the root vouches for all of them."""
    root, working = make(b"root"), make(b"cloud-1")
    own = {opening.controller: make(opening.controller.encode()) for opening in building.openings.values()}
    listed = KeyList(1, now, (working.public(*SIGNS), *(key.public(Kind.PRESENCE) for key in own.values())))
    envelope = seal(Kind.KEYS, "*", listed, root)
    root_key = root.public().public_key
    identities = {
        opening.controller: Identity(
            PairAnswer(
                network=NETWORK,
                site=seeding.SITE,
                controller=ControllerId(opening.controller),
                doors=(DoorId(opening.door),),
                kid=opening.controller.encode(),
                controller_key=opening.controller.encode().ljust(32, b"-"),
                root_key=root_key,
                keys=envelope,
                broker_host="",
                broker_port=0,
                broker_username="",
                broker_password="",
                broker_tls=False,
                words="",
            ),
            own[opening.controller].private_bytes(),
            "http://127.0.0.1",
        )
        for opening in building.openings.values()
    }
    return Keys(CloudKeys(root_key, envelope, 1, working), identities)


class CloudSide:
    """The cloud as a program that can be stopped and started, and the admin who works with it."""

    def __init__(self, folder: Path, time: HandTime, broker: Broker, keys: Keys, *, head_seconds: float) -> None:
        self.time = time
        self.truths: list[Truth] = []
        self.truth_at: dict[tuple[str, int, int], int] = {}
        self.credentials: dict[str, CredentialId] = {}
        self.first_served: dict[str, bytes] = {}
        """The first snapshot of each controller, as somebody on the network would keep it."""
        self.swap: Callable[[str, bytes], bytes] = lambda _controller, content: content
        """What somebody on the network makes of a snapshot on its way."""
        self._broker = broker
        self._keys = keys
        self._head_seconds = head_seconds
        self._keyring = Keyring(folder / "keys")
        self._database = Database(f"sqlite:///{folder / 'aldaba.db'}")
        event.listen(self._database.engine, "connect", _careless)
        self._link: Client | None = None
        self._end: CloudEnd | None = None
        self._life = 0

    @property
    def up(self) -> bool:
        """Whether the program runs."""
        return self._end is not None

    @property
    def connected(self) -> bool:
        """Whether it runs and the broker answers."""
        return self._link is not None and self._link.connected

    @property
    def truth(self) -> Truth:
        """How things stand now."""
        return self.truths[-1]

    @property
    def link(self) -> Client:
        """The connection to the broker."""
        if self._link is None:
            raise RuntimeError(CLOUD)
        return self._link

    def open_business(self, building: Building, people: Sequence[Person], truth: Truth) -> None:
        """Everything up to the first rule set."""
        metadata.create_all(self._database.engine)
        with self.work() as work:
            seeding.build(work, building)
            self.credentials = seeding.open_books(work, people, truth, building, self._keyring)
            for name, identity in self._keys.identities.items():
                fleet_store.add_controller(work, _paired(name, identity, self._keyring, work), b"")
        self.truths.append(truth)
        self._publish(None)

    @contextmanager
    def work(self) -> Iterator[Work]:
        """A writing transaction of the admin's."""
        with self._database.write() as db:
            yield Work(db, Scope(NETWORK), self.time.now())

    def start(self) -> None:
        """The program starts."""
        self._life += 1
        self._link = self._broker.client(CLOUD, lambda topic: topic.endswith("/up"))
        self._begin()
        self._link.start(self._begin, self._receive)
        self._tick(self._life)

    def stop(self) -> None:
        """The program is gone; its database stays."""
        self._life += 1
        self._end = None
        self.link.stop()

    def fetch(self, request: bytes, into: Path, then: Callable[[bool], None]) -> None:
        """Answer a snapshot request over a network that works when the broker's does."""

        def answer() -> None:
            try:
                content = self._end.snapshot(request) if self._end is not None and self.connected else b""
            except AldabaError:
                content = b""
            content = self._as_served(kid_of(Kind.REQUEST, request).decode(), content)
            if content:
                into.write_bytes(content)
            then(bool(content))

        self.time.call_later(SNAPSHOT_SECONDS, answer)

    def _as_served(self, controller: str, content: bytes) -> bytes:
        """What comes out at the other end of a network that somebody may own."""
        if content:
            self.first_served.setdefault(controller, content)
        return self.swap(controller, content)

    def revoke(self, holder: str) -> None:
        """A card was reported lost."""
        with self.work() as work:
            members.revoke(work, self.credentials[holder], "lost")
        self._changed(town.card_taken_back(self.truth, holder), [holder])

    def restore(self, holder: str) -> None:
        """A card was found again."""
        with self.work() as work:
            members.restore(work, self.credentials[holder])
        self._changed(town.card_taken_back(self.truth, holder, taken=False), [holder])

    def collect(self, holder: str) -> None:
        """A member paid for another month."""
        truth = town.paid_another_month(self.truth, holder)
        paid = truth.carriers[holder].paid
        if paid is not None:
            with self.work() as work:
                members.accept_collection(work, seeding.contract_id(holder), paid.until)
            self._changed(truth, [holder])

    def change_hours(self, opens: float, closes: float) -> None:
        """The admin changes the working week."""
        truth = town.working_hours(self.truth, opens, closes)
        with self.work() as work:
            access.save_schedule(work, seeding.schedule_of("working", truth.hours["working"]))
        self._changed(truth, None)

    def set_mode(self, door: str, mode: DoorMode) -> None:
        """The operator has a door do something else by itself."""
        with self.work() as work:
            fleet.set_mode(work, DoorId(door), mode)
        self._pass_on()

    def keep_up(self) -> None:
        """The night's job: publish what a new day makes different."""
        self._publish(None)

    def newest(self) -> dict[str, tuple[int, int]]:
        """The newest published generation of each controller."""
        found = {}
        with self._database.read() as db:
            work = Work(db, Scope(NETWORK), self.time.now())
            for name in self._keys.identities:
                known = access.newest_generation(work, ControllerId(name))
                if known is not None:
                    found[name] = (known.epoch, known.version)
        return found

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    def _changed(self, truth: Truth, whom: Iterable[str] | None) -> None:
        self.truths.append(truth)
        self._publish(whom)

    def _publish(self, whom: Iterable[str] | None) -> None:
        with self.work() as work:
            named = None if whom is None else [HolderId(one) for one in whom]
            publish.publish(work, seeding.SITE, self._keyring, controller_keys(work, self._keyring), whom=named)
        for name, generation in self.newest().items():
            self.truth_at[(name, *generation)] = len(self.truths) - 1
        self._pass_on()

    def _pass_on(self) -> None:
        if self._end is not None:
            self._end.tick()

    def _begin(self) -> None:
        """A new end of the link, that says everything again."""
        self._end = CloudEnd(
            self._database, self._keyring, self._keys.cloud, clock=self.time, hub=Hub(), live=Live(), send=self._send
        )
        if self.connected:
            self._end.tick()

    def _send(self, to: str, payload: bytes, *, retain: bool) -> None:
        self.link.publish(to, payload, retain=retain)

    def _receive(self, topic: str, payload: bytes) -> None:
        if self._end is not None:
            self._end.receive(topic, payload)

    def _tick(self, life: int) -> None:
        if life != self._life or self._end is None:
            return
        if self.connected:
            self._end.tick()
        self.time.call_later(self._head_seconds, lambda: self._tick(life))


def _careless(raw: Any, _record: object) -> None:  # noqa: ANN401 - the DBAPI's own connection
    """No power cut reaches the simulated cloud's disk, so it need not wait for it."""
    raw.execute("PRAGMA synchronous = OFF")


def _paired(name: str, identity: Identity, keyring: Keyring, work: Work) -> Controller:
    key = identity.signing_key()
    return Controller(
        id=ControllerId(name),
        network=NETWORK,
        site=seeding.SITE,
        name=name,
        kid=key.kid,
        public_key=key.public().public_key,
        sealed_controller_key=keyring.seal(identity.answer.controller_key),
        software="",
        epoch=0,
        version=0,
        set_hash=b"",
        confirmed_at=None,
        paired_at=work.now,
        last_contact_at=None,
        retired_at=None,
        hello=None,
        modes_counter=0,
        modes_confirmed=0,
    )
