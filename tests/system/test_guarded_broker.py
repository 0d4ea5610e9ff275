"""Who gets in at a Mosquitto that asks for certificates, what they may say, and how a stolen controller is out."""

import queue
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import text

from aldaba_cloud.authority import Authority
from aldaba_cloud.broker import Account, Broker
from aldaba_cloud.broker_accounts import CLOUD_ACCOUNT, cloud_password
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.deps import SystemClock
from aldaba_cloud.fanout import Hub
from aldaba_cloud.fleet import pairing, service
from aldaba_cloud.fleet.keys import CloudKeys, make_keys
from aldaba_cloud.fleet.pairing import BrokerAddress, Pairing
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link.accounts import Accounts
from aldaba_cloud.link.end import CloudEnd, Powers
from aldaba_cloud.live import Live
from aldaba_cloud.places.models import Door, Site, Zone
from aldaba_cloud.places.store import add_door, add_network, add_site, add_zone
from aldaba_cloud.schema import migrate
from aldaba_edge.certificate import Draft, draft, write_certificate
from aldaba_edge.mqtt import PahoLink, broker_of, subscriptions
from aldaba_shared.envelope import SigningKey
from aldaba_shared.ids import ControllerId, DoorId, SiteId, ZoneId
from aldaba_shared.messages import PairAnswer, PairRequest
from aldaba_shared.presence import STREET
from aldaba_shared.topics import Channel, topic
from tests.cloud.toy_controller import BARCELONA, NETWORK, START
from tests.system.mosquitto import part
from tests.system.mosquitto_guarded import GuardedBroker, guarded_mosquitto
from tests.system.test_link_over_mosquitto import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.system

SHORT_SECONDS = 3.0
"""How long we wait to see that something does not happen."""
DOORS = ("street", "lane")


@dataclass
class Space:
    """A cloud with two doors behind a broker that knows its clients."""

    broker: GuardedBroker
    database: Database
    keyring: Keyring
    keys: CloudKeys
    heard: queue.Queue[str]

    def pair(self, door: str, folder: Path) -> PairAnswer:
        """Pair a controller for a door, as `aldaba-edge pair` does; its certificate is in the folder."""
        asked = draft()
        answer = self._paired(door, asked)
        write_certificate(folder, asked, answer.certificate)
        return answer

    def _paired(self, door: str, asked: Draft) -> PairAnswer:
        authority = Authority(self.keyring, SystemClock().now())
        address = BrokerAddress("127.0.0.1", self.broker.doors_port, tls=True)
        given = Pairing(self.keyring, self.keys, address, authority)
        spki = SigningKey.generate(b"").public().public_key
        now = SystemClock().now()
        with self.database.write() as db:
            code = pairing.issue_code(Work(db, Scope(NETWORK), now), self.keyring, BARCELONA, door, [DoorId(door)])
            answer = pairing.pair(db, given, PairRequest(code, spki, "test", certificate_request=asked.request), now)
        assert isinstance(answer, PairAnswer)
        return answer

    def retire(self, controller: ControllerId) -> None:
        """What the button on the page does."""
        with self.database.write() as db:
            service.retire(Work(db, Scope(NETWORK), SystemClock().now()), controller)


@dataclass
class Line:
    """A controller's connection, by the edge's own link; what it may read is collected."""

    answer: PairAnswer
    folder: Path
    connected: threading.Event = field(default_factory=threading.Event)
    messages: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        self.me = self.answer.controller
        wanted = subscriptions(SiteId(self.answer.site), self.me)
        self.link = PahoLink(broker_of(self.answer, self.folder), str(self.me), wanted, lambda call: call())

    def start(self) -> "Line":
        """Connect; `connected` tells when the broker took us."""
        self.link.start(self.connected.set, lambda where, payload: self.messages.put((where, payload)))
        return self


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    with guarded_space(tmp_path_factory.mktemp("guarded")) as made:
        yield made


@contextmanager
def guarded_space(room: Path) -> Iterator[Space]:
    """A cloud and a Mosquitto that knows its clients, in a folder."""
    database = Database(f"sqlite:///{room / 'aldaba.db'}")
    migrate(database)
    with database.write() as db:
        work = Work(db, Scope(NETWORK), START)
        add_network(work, "Test")
        add_site(work, Site(BARCELONA, NETWORK, "Barcelona", "Europe/Madrid"))
        add_zone(work, Zone(ZoneId("zone_open"), BARCELONA, "Open space"))
        for door in DOORS:
            add_door(work, Door(DoorId(door), BARCELONA, door, ZoneId("zone_open"), STREET))
    keyring = Keyring(room / "keys")
    keys = make_keys(keyring, room / "root.key", START)
    with guarded_mosquitto(room / "broker", {"ALDABA_STATE_DIR": str(room)}) as broker:
        heard: queue.Queue[str] = queue.Queue()
        with _served(Space(broker, database, keyring, keys, heard)) as served:
            yield served
    database.close()


@contextmanager
def _served(space: Space) -> Iterator[Space]:
    """The cloud's link; every message that came up is noted before it is read."""
    authority = Authority(space.keyring, SystemClock().now())
    accounts = Accounts(space.keyring, authority, space.broker.folder / "revocations.pem")

    class Noted(CloudEnd):
        def receive_all(self, messages: Iterable[tuple[str, bytes]]) -> None:
            for to, _ in messages:
                space.heard.put(to)
            super().receive_all(messages)

    def end(broker: Broker) -> CloudEnd:
        return Noted(
            space.database,
            space.keyring,
            space.keys,
            clock=SystemClock(),
            hub=Hub(),
            live=Live(),
            send=broker.send,
            powers=Powers(accounts=accounts),
        )

    account = Account("127.0.0.1", space.broker.cloud_port, CLOUD_ACCOUNT, cloud_password(space.keyring))
    broker = Broker(account, end)
    broker.start()
    assert broker.connected.wait(PATIENCE_SECONDS)
    yield space
    broker.stop()


@pytest.fixture
def joined(space: Space, tmp_path: Path) -> Iterator[Callable[[str], Line]]:
    """Pairs a controller for a door and connects it."""
    lines: list[Line] = []

    def join(door: str) -> Line:
        folder = tmp_path / f"{door}-{len(lines)}"
        folder.mkdir()
        line = Line(space.pair(door, folder), folder).start()
        lines.append(line)
        assert line.connected.wait(PATIENCE_SECONDS)
        return line

    yield join
    for line in lines:
        line.link.stop()


def test_a_paired_controller_comes_in_and_speaks_under_its_own_name_alone(
    space: Space, joined: Callable[[str], Line]
) -> None:
    street, lane = joined("street"), joined("lane")
    forged = topic(BARCELONA, lane.me, Channel.UP)
    own = topic(BARCELONA, street.me, Channel.UP)
    street.link.publish(forged, b"forged")
    street.link.publish(own, b"own")
    while (heard := space.heard.get(timeout=PATIENCE_SECONDS)) != own:
        assert heard != forged


def test_a_controller_hears_its_peers_presence_and_nothing_that_is_for_them(joined: Callable[[str], Line]) -> None:
    street, lane = joined("street"), joined("lane")
    presence = topic(BARCELONA, street.me, Channel.PRESENCE)
    street.link.publish(presence, b"presence of the street")
    wait_until(lambda: (presence, b"presence of the street") in list(lane.messages.queue))
    own_state = topic(BARCELONA, lane.me, Channel.STATE)
    wait_until(lambda: own_state in [where for where, _ in list(lane.messages.queue)])
    theirs = {topic(BARCELONA, street.me, channel) for channel in (Channel.STATE, Channel.DOWN)}
    assert theirs.isdisjoint(where for where, _ in list(lane.messages.queue))


def context_of(space: Space, certificate: Path | None) -> ssl.SSLContext:
    authority = Authority(space.keyring, SystemClock().now()).certificate.decode()
    context = ssl.create_default_context(cadata=authority)
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


def of_somebody_else(folder: Path) -> Path:
    """A certificate for the right name, by another authority."""
    asked = draft()
    write_certificate(folder, asked, Authority(Keyring(folder), START).controller(asked.request, "ctl_1", START).pem)
    return folder / "certificate.pem"


@pytest.mark.parametrize("shows", ["no certificate", "a certificate of another authority"])
def test_without_a_certificate_of_ours_nobody_gets_as_far_as_a_password(
    space: Space, tmp_path: Path, shows: str
) -> None:
    certificate = of_somebody_else(tmp_path) if "another" in shows else None
    assert not gets_in(space, certificate)


def gets_in(space: Space, certificate: Path | None) -> bool:
    """Whether TLS lets a client through that knows the best password there is."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
    client.username_pw_set(CLOUD_ACCOUNT, cloud_password(space.keyring))
    client.tls_set_context(context_of(space, certificate))
    outcome: queue.Queue[str] = queue.Queue()
    client.on_connect = lambda *_: outcome.put("in")
    client.on_disconnect = lambda *_: outcome.put("out")
    try:
        client.connect("127.0.0.1", space.broker.doors_port)
        client.loop_start()
        return outcome.get(timeout=PATIENCE_SECONDS) == "in"
    except OSError:  # TLS 1.3 may refuse a client at once, or after it believes to be through
        return False
    finally:
        part(client)


def test_a_controller_that_shows_anothers_name_and_password_is_not_that_controller(
    space: Space, joined: Callable[[str], Line]
) -> None:
    street, lane = joined("street"), joined("lane")
    theirs, forged = (topic(BARCELONA, lane.me, one) for one in (Channel.STATE, Channel.UP))
    own = topic(BARCELONA, street.me, Channel.UP)
    with client_of(space, lane.answer, street.folder / "certificate.pem") as (thief, refused):
        thief.subscribe([(theirs, 1), (topic(BARCELONA, street.me, Channel.STATE), 1)])
        assert refused.get(timeout=PATIENCE_SECONDS) == [True, False]
        thief.publish(forged, b"forged", qos=1)
        thief.publish(own, b"own", qos=1)
        while (heard := space.heard.get(timeout=PATIENCE_SECONDS)) != own:
            assert heard != forged


@contextmanager
def client_of(
    space: Space, answer: PairAnswer, certificate: Path
) -> Iterator[tuple[Client, "queue.Queue[list[bool]]"]]:
    """A client with one controller's name and password and a certificate that may be another's."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
    client.username_pw_set(answer.broker_username, answer.broker_password)
    client.tls_set_context(context_of(space, certificate))
    connected = threading.Event()
    refused: queue.Queue[list[bool]] = queue.Queue()
    client.on_connect = lambda *_: connected.set()
    client.on_subscribe = lambda _client, _data, _mid, codes, _properties: refused.put([it.is_failure for it in codes])
    client.connect("127.0.0.1", space.broker.doors_port)
    client.loop_start()
    try:
        assert connected.wait(PATIENCE_SECONDS)
        yield client, refused
    finally:
        part(client)


def test_a_stolen_controller_is_out_with_its_session_its_topics_its_key_and_its_certificate(
    space: Space, joined: Callable[[str], Line]
) -> None:
    stolen, peer = joined("street"), joined("lane")
    presence = topic(BARCELONA, stolen.me, Channel.PRESENCE)
    stolen.link.publish(presence, b"here", retain=True)
    wait_until(lambda: (presence, b"here") in list(peer.messages.queue))
    space.retire(stolen.me)
    wait_until(lambda: not stolen.link.connected)
    wait_until(lambda: (presence, b"") in list(peer.messages.queue))
    with space.database.read() as db:
        peers = [one.kid for one in service.presence_keys(Work(db, Scope(NETWORK), START), BARCELONA)]
        revoked = db.execute(text("SELECT count(*) FROM certificates WHERE revoked_at IS NOT NULL")).scalar_one()
    assert stolen.answer.kid not in peers
    assert peer.answer.kid in peers
    assert revoked >= 1
    stolen.connected.clear()
    assert not stolen.connected.wait(SHORT_SECONDS), "it hears what is said at the site again"
    assert gets_in(space, peer.folder / "certificate.pem")
    space.broker.reload()
    wait_until(lambda: not gets_in(space, stolen.folder / "certificate.pem"))
