"""The cloud's link over a real Mosquitto: acks after the commit, a backlog, a revoke, a broker that goes and comes."""

import queue
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from aldaba_cloud.access import publish
from aldaba_cloud.broker import Account, Broker
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.deps import SystemClock
from aldaba_cloud.fanout import Hub
from aldaba_cloud.fleet import books, service
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.keys import CloudKeys, make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link.end import CloudEnd
from aldaba_cloud.live import Live
from aldaba_cloud.places.models import Door, Site, Zone
from aldaba_cloud.places.store import add_door, add_network, add_site, add_zone, bind_door
from aldaba_cloud.schema import migrate
from aldaba_shared.envelope import KeyRing, unseal
from aldaba_shared.events import RulesApplied
from aldaba_shared.ids import DoorId, ZoneId
from aldaba_shared.messages import Ack, Delta, Kind
from aldaba_shared.parcel import pack, unpack
from aldaba_shared.presence import STREET
from tests.cloud.toy_controller import BARCELONA, NETWORK, START, ToyController
from tests.system.mosquitto import free_port, mosquitto, part

pytestmark = pytest.mark.system
PATIENCE_SECONDS = 120.0


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'aldaba.db'}")
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "keys")


@pytest.fixture
def keys(keyring: Keyring, tmp_path: Path) -> CloudKeys:
    return make_keys(keyring, tmp_path / "root.key", START)


@pytest.fixture
def toy(database: Database, keyring: Keyring) -> ToyController:
    toy = ToyController("ctl_1")
    toy.sealed_key = keyring.seal(bytes(32))
    with database.write() as db:
        work = Work(db, Scope(NETWORK), START)
        add_network(work, "Test")
        add_site(work, Site(BARCELONA, NETWORK, "Barcelona", "Europe/Madrid"))
        add_zone(work, Zone(ZoneId("zone_open"), BARCELONA, "Open space"))
        add_door(work, Door(DoorId("door_1"), BARCELONA, "Street door", ZoneId("zone_open"), STREET))
        toy.join(work)
        bind_door(work, DoorId("door_1"), toy.id)
    toy.open()
    return toy


class Phone:
    """The toy's own connection; what comes down waits in a queue."""

    def __init__(self, toy: ToyController, keys: CloudKeys, port: int) -> None:
        self.toy = toy
        self.ring = KeyRing([keys.working.public(Kind.ACK, Kind.DELTA)])
        self.down: queue.Queue[dict[Kind, bytes]] = queue.Queue()
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.subscribe(f"aldaba/1/{toy.site}/{toy.id}/down", qos=1)
        self.client.loop_start()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.down.put(unpack(bytes(message.payload)))

    def send(self, first: int, last: int | None = None) -> None:
        sealed = self.toy.sealed(self.toy.batch(first, last))
        self.client.publish(f"aldaba/1/{self.toy.site}/{self.toy.id}/up", pack({Kind.BATCH: sealed}), qos=1)

    def next_of(self, kind: Kind, shape: type) -> object:
        while True:
            found = self.down.get(timeout=PATIENCE_SECONDS)
            if kind in found:
                return unseal(kind, self.toy.id, found[kind], self.ring, shape)


@contextmanager
def linked(database: Database, keyring: Keyring, keys: CloudKeys, port: int) -> Iterator[Broker]:
    def end(broker: Broker) -> CloudEnd:
        return CloudEnd(database, keyring, keys, clock=SystemClock(), hub=Hub(), live=Live(), send=broker.send)

    broker = Broker(Account("127.0.0.1", port), end)
    broker.start()
    assert broker.connected.wait(PATIENCE_SECONDS)
    try:
        yield broker
    finally:
        broker.stop()


def publish_rules(database: Database, keyring: Keyring) -> None:
    with database.write() as db:
        work = Work(db, Scope(NETWORK, frozenset({BARCELONA})), SystemClock().now())
        publish.publish(work, BARCELONA, keyring, controller_keys(work, keyring))


def test_ten_thousand_queued_lines_are_committed_and_acknowledged(
    toy: ToyController, database: Database, keyring: Keyring, keys: CloudKeys
) -> None:
    for number in range(9_999):
        toy.tap(f"hld_{number % 150}", "zone_open")
    port = free_port()
    with mosquitto(port), linked(database, keyring, keys, port):
        phone = Phone(toy, keys, port)
        started = time.monotonic()
        for first in range(1, 10_001, 500):
            phone.send(first, first + 499)
        mark = 0
        while mark < 10_000:
            ack = phone.next_of(Kind.ACK, Ack)
            assert isinstance(ack, Ack)
            mark = ack.watermark
        print(f"10,000 lines in {time.monotonic() - started:.2f} s")  # noqa: T201 - the figure is for the reader
        part(phone.client)
    with database.read() as db:
        work = Work(db, Scope(NETWORK), START)
        assert [row.sequence for row in books.journal_lines(work, toy.id, "j1")] == list(range(1, 10_001))


def test_a_change_of_rules_reaches_the_door_and_its_confirmation_the_books(
    toy: ToyController, database: Database, keyring: Keyring, keys: CloudKeys
) -> None:
    publish_rules(database, keyring)
    port = free_port()
    with mosquitto(port), linked(database, keyring, keys, port):
        phone = Phone(toy, keys, port)
        phone.send(1)
        phone.next_of(Kind.ACK, Ack)
        with database.write() as db:
            add_zone(Work(db, Scope(NETWORK), START), Zone(ZoneId("zone_new"), BARCELONA, "New"))
        started = time.monotonic()
        publish_rules(database, keyring)
        delta = phone.next_of(Kind.DELTA, Delta)
        assert isinstance(delta, Delta)
        toy.write(RulesApplied(delta.head.epoch, delta.head.version, delta.head.set_hash))
        phone.send(2)
        phone.next_of(Kind.ACK, Ack)
        took = time.monotonic() - started
        print(f"confirmed after {took * 1000:.0f} ms")  # noqa: T201 - the figure is for the reader
        part(phone.client)
    with database.read() as db:
        (now,) = service.controllers_now(Work(db, Scope(NETWORK), START))
    assert now.controller.confirmed == delta.head.generation


def test_a_broker_that_dies_and_comes_back_is_found_again(
    toy: ToyController, database: Database, keyring: Keyring, keys: CloudKeys
) -> None:
    port = free_port()
    with mosquitto(port):
        broker = linked(database, keyring, keys, port)
        link = broker.__enter__()
    try:
        wait_until(lambda: not link.connected.is_set())
        with mosquitto(port):
            assert link.connected.wait(PATIENCE_SECONDS)
            phone = Phone(toy, keys, port)
            phone.send(1)
            ack = phone.next_of(Kind.ACK, Ack)
            part(phone.client)
    finally:
        broker.__exit__(None, None, None)
    assert isinstance(ack, Ack)
    assert ack.watermark == 1
