"""One cloud, one broker, and one controller as it runs on a Pi: what several benches measure parts of.

The cloud's service and its end of the link, Mosquitto, and a controller of paho,
sync, rules and a journal with every commit on the platter, on a loop of its own.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from queue import SimpleQueue

from sqlalchemy import Connection

from aldaba_cloud.access import publish
from aldaba_cloud.access.service import confirmations, restore_credential, revoke_credential
from aldaba_cloud.broker import Account, Broker
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.deps import SystemClock
from aldaba_cloud.fanout import Hub
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.keys import CloudKeys, make_keys
from aldaba_cloud.fleet.pairing import BrokerAddress, Pairing, issue_code, pair
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link.end import CloudEnd
from aldaba_cloud.live import Live
from aldaba_cloud.members import store as members
from aldaba_cloud.places import store as places
from aldaba_cloud.schema import migrate
from aldaba_edge.books import Books, open_books, threaded
from aldaba_edge.clock import AsyncioClock
from aldaba_edge.core import Core, Ways, open_core
from aldaba_edge.keyfile import Identity
from aldaba_edge.mqtt import PahoLink, broker_of, subscriptions
from aldaba_edge.runner import ThreadRunner
from aldaba_edge.snapshot_child import verified_in_child
from aldaba_shared.envelope import SigningKey
from aldaba_shared.ids import DoorId, HolderId
from aldaba_shared.messages import PairAnswer, PairRequest
from bench.compile_rules import NETWORK, SITE, build

PATIENCE_SECONDS = 60.0


class CloudSide:
    """The cloud with its end of the link, and who waits for a confirmation."""

    def __init__(self, room: Path, port: int, site: Callable[[Work, Keyring], None]) -> None:
        room.mkdir(exist_ok=True)
        self.database = Database(f"sqlite:///{room / 'cloud.db'}")
        migrate(self.database)
        self.keyring = Keyring(room / "keys")
        self.keys: CloudKeys = make_keys(self.keyring, room / "root.key", datetime.now(UTC))
        self.port = port
        self._news: SimpleQueue[None] = SimpleQueue()
        with self.database.write() as db:
            site(Work(db, Scope(NETWORK), datetime.now(UTC)), self.keyring)
        self._holders = cycle(HolderId(f"h{number:05}") for number in range(0, 15_000, 37))
        self.end: CloudEnd

    def work(self, db: Connection) -> Work:
        """A caller's transaction, now."""
        return Work(db, Scope(NETWORK), datetime.now(UTC))

    def make_end(self, broker: Broker) -> "CloudSide":
        """What the broker's connection talks to: the real end, and us behind it."""
        self.end = CloudEnd(
            self.database,
            self.keyring,
            self.keys,
            clock=SystemClock(),
            hub=Hub(),
            live=Live(),
            send=broker.send,
        )
        return self

    def receive_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Messages from controllers, then a look whether the one waited for was among them."""
        self.end.receive_all(messages)
        self._news.put(None)

    def tick(self) -> None:
        """What the end does by itself."""
        self.end.tick()

    def paired(self) -> tuple[PairAnswer, SigningKey]:
        """A controller with the first door, and the site published for it."""
        key = SigningKey.generate(b"bench")
        now = datetime.now(UTC)
        with self.database.write() as db:
            work = self.work(db)
            places.bind_door(work, DoorId("d0"), None)  # the site was built for controllers that were never paired
            code = issue_code(work, self.keyring, SITE, "bench", [DoorId("d0")])
            pairing = Pairing(self.keyring, self.keys, BrokerAddress("127.0.0.1", self.port))
            answer = pair(db, pairing, PairRequest(code, key.public().public_key, "bench"), now)
            assert isinstance(answer, PairAnswer)
        with self.database.write() as db:
            work = self.work(db)
            publish.publish(work, SITE, self.keyring, controller_keys(work, self.keyring))
        return answer, key

    def one_revoke(self) -> float:
        """Seconds from the service call to the committed confirmation; the card is restored afterwards."""
        holder = next(self._holders)
        with self.database.read() as db:
            card = members.credentials_of(self.work(db), [holder])[0][0].id
        start = time.perf_counter()
        self._change(lambda work: revoke_credential(work, card, "lost", self.keyring))
        self.wait_confirmed()
        took = time.perf_counter() - start
        self._change(lambda work: restore_credential(work, card, self.keyring))
        self.wait_confirmed()
        return took

    def _change(self, change: Callable[[Work], object]) -> None:
        with self.database.write() as db:
            change(self.work(db))

    def wait_confirmed(self) -> None:
        """Until every controller confirmed what was published last."""
        while not self._confirmed():
            self._news.get(timeout=PATIENCE_SECONDS)

    def _confirmed(self) -> bool:
        with self.database.read() as db:
            said = confirmations(self.work(db))
        return bool(said) and all(one.published == one.confirmed for one in said)


@contextmanager
def cloud_side(room: Path, port: int, site: Callable[[Work, Keyring], None] = build) -> Iterator[CloudSide]:
    """The service, connected to the broker on that port, with a site in its books."""
    side = CloudSide(room, port, site)
    broker = Broker(Account("127.0.0.1", port), side.make_end)
    broker.start()
    assert broker.connected.wait(PATIENCE_SECONDS)
    try:
        yield side
    finally:
        broker.stop()
        side.database.close()


class Fetched:
    """Whole rule sets straight from the cloud's function: HTTP is not what is measured."""

    def __init__(self, side: CloudSide) -> None:
        self._side = side

    def fetch(self, request: bytes, into: Path, then: Callable[[bool], None]) -> None:
        """Write the snapshot where the controller wants it."""
        into.parent.mkdir(parents=True, exist_ok=True)
        into.write_bytes(self._side.end.snapshot(request))
        then(True)  # noqa: FBT003 - the shape of the port


@dataclass(frozen=True)
class Running:
    """A controller that runs, and the loop it lives on."""

    core: Core
    books: Books
    loop: asyncio.AbstractEventLoop


@contextmanager
def controller(room: Path, side: CloudSide) -> Iterator["Running"]:
    """A controller that is paired with the cloud, and started."""
    answer, key = side.paired()
    identity = Identity(answer, key.private_bytes())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="controller")
    thread.start()
    clock = AsyncioClock(loop)

    async def build_it() -> tuple[Core, Books]:
        books = open_books(room / "edge", clock, threaded(clock.post), boot="bench", on_broken=_broken)
        wanted = subscriptions(SITE, answer.controller)
        link = PahoLink(broker_of(answer, room), str(answer.controller), wanted, clock.post)
        ways = Ways(link, Fetched(side), ThreadRunner(clock.post), verified_in_child)
        core = open_core(room / "edge", books, identity, clock, ways, software="bench")
        core.start()
        return core, books

    core, books = asyncio.run_coroutine_threadsafe(build_it(), loop).result()

    async def end() -> None:
        core.stop()
        books.close()

    try:
        yield Running(core, books, loop)
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _broken(error: Exception) -> None:
    raise error
