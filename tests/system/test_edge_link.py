"""The sync over a real Mosquitto: paho's link on one side, the naive cloud on the other."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aldaba_edge.books import open_books, threaded
from aldaba_edge.clock import AsyncioClock
from aldaba_edge.core import Ways, open_core
from aldaba_edge.mqtt import Broker, PahoLink, subscriptions
from aldaba_edge.runner import ThreadRunner
from aldaba_edge.snapshot_child import verified_in_child
from aldaba_shared.envelope import KeyRing, seal, unseal
from aldaba_shared.events import DoorOpened
from aldaba_shared.ids import SiteId
from aldaba_shared.messages import Ack, Batch, Kind
from aldaba_shared.parcel import pack, unpack
from aldaba_shared.topics import Channel, topic
from tests.edge.places import FRONT, ME, SITE, Keys, no_break
from tests.system.mosquitto import mosquitto

pytestmark = pytest.mark.system
LINES = 10_000
PATIENCE_SECONDS = 120.0


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    with mosquitto() as port:
        yield port


class AckingCloud:
    """Acks every batch that continues what it has."""

    def __init__(self, port: int, keys: Keys, clock: AsyncioClock) -> None:
        self.keys, self.clock = keys, clock
        self.count = 0
        broker = Broker("127.0.0.1", port, "cloud", "p", tls=False)
        self.link = PahoLink(broker, "cloud", (f"aldaba/1/{SITE}/+/up",), clock.post)
        self.ring = KeyRing([keys.me.public(Kind.HELLO, Kind.BATCH)])

    def start(self, ready: Callable[[], None]) -> None:
        self.link.start(ready, self.hear)

    def hear(self, _topic: str, payload: bytes) -> None:
        envelope = unpack(payload).get(Kind.BATCH)
        if envelope is None:
            return
        batch = unseal(Kind.BATCH, "cloud", envelope, self.ring, Batch)
        self.count = max(self.count, batch.first_sequence + len(batch.lines) - 1)
        ack = Ack(ME, batch.journal, self.count, batch.nonce, self.clock.now())
        down = topic(SiteId(SITE), ME, Channel.DOWN)
        self.link.publish(down, pack({Kind.ACK: seal(Kind.ACK, ME, ack, self.keys.cloud)}))


async def until(done: Callable[[], bool]) -> None:
    """Wait for a condition, on the loop the callbacks run on; how long it takes is for `make bench` to say."""
    started = time.monotonic()
    while not done():
        assert time.monotonic() - started < PATIENCE_SECONDS, "it never came"
        await asyncio.sleep(0.005)


async def drained(folder: Path, port: int) -> None:
    """Record an outage's worth of lines, connect, and wait until all are acked; then one line by itself."""
    clock, keys = AsyncioClock(asyncio.get_running_loop()), Keys()
    books = open_books(folder, clock, threaded(clock.post), boot="b1", on_broken=no_break)
    for _ in range(LINES - 1):
        books.journal.record(DoorOpened(FRONT))
    await until(lambda: books.journal.durable.sequence == LINES)
    cloud, ready = AckingCloud(port, keys, clock), asyncio.Event()
    cloud.start(ready.set)
    await asyncio.wait_for(ready.wait(), PATIENCE_SECONDS)
    runner = ThreadRunner(clock.post)
    link = PahoLink(Broker("127.0.0.1", port, "c1", "p", tls=False), "c1", subscriptions(SiteId(SITE), ME), clock.post)

    class NoSnapshots:
        def fetch(self, _request: bytes, _into: Path, then: Callable[[bool], None]) -> None:
            then(False)  # noqa: FBT003 - the shape of the port

    ways = Ways(link, NoSnapshots(), runner, verified_in_child)
    core = open_core(folder, books, keys.identity(), clock, ways, software="t")
    core.start()
    await until(lambda: core.sync.uplink.watermark == LINES)
    books.journal.record(DoorOpened(FRONT))
    await until(lambda: core.sync.uplink.watermark == LINES + 1)
    core.stop()
    cloud.link.stop()
    books.close()


def test_ten_thousand_lines_drain_over_mosquitto_and_the_next_line_follows(tmp_path: Path, port: int) -> None:
    asyncio.run(drained(tmp_path / "edge", port))
