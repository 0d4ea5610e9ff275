"""10,000 lines that waited out an outage, until the last of them is acknowledged.

The controller of `bench.space` records them while it is offline, each batch on the
platter; the clock starts when it may send again and stops when it believes the
cloud's signed ack of the last. Floor: the same number of bytes in as many messages
from one paho to another through the same broker, which promises nothing.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage

from bench.harness import Case, Samples
from bench.publisher import PATIENCE_SECONDS, publisher
from bench.space import Running, cloud_side, controller
from bench.visits import granted_visit
from tests.system.mosquitto import mosquitto

LINES = 10_000
LINES_A_MESSAGE = 500
LINE_BYTES = 500


def cases(room: Path) -> Iterator[Case]:
    """One outage after another."""
    with ExitStack() as stack:
        port = stack.enter_context(mosquitto())
        side = stack.enter_context(cloud_side(room, port))
        running = stack.enter_context(controller(room, side))
        side.wait_confirmed()
        yield Case(
            f"{LINES:,} queued lines acked", lambda: [_drained(running)], lambda: _sent(port), at_most=2.0, unit="s"
        )


def _drained(running: Running) -> float:
    return asyncio.run_coroutine_threadsafe(_one_outage(running), running.loop).result(PATIENCE_SECONDS)


async def _one_outage(running: Running) -> float:
    uplink, journal = running.core.sync.uplink, running.books.journal
    await _until(lambda: uplink.watermark == journal.durable.sequence)
    uplink.stop()
    for number in range(LINES):
        journal.record(granted_visit(f"h{number:05}"))
    await _until(lambda: journal.durable.sequence == journal.last)
    start = time.perf_counter()
    uplink.reconnected(secrets.token_bytes(16))
    await _until(lambda: uplink.watermark == journal.last)
    return time.perf_counter() - start


async def _until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not so():  # noqa: ASYNC110 - a watermark tells nobody that it moved
            await asyncio.sleep(0.001)


def _sent(port: int) -> Samples:
    """The floor: as many messages as big, all of them come."""
    wanted, done = LINES // LINES_A_MESSAGE, threading.Event()
    came: list[int] = []

    def heard(_client: Client, _data: object, message: MQTTMessage) -> None:
        came.append(len(message.payload))
        if len(came) == wanted:
            done.set()

    with publisher(port) as there, publisher(port) as here:
        here.on_message = heard
        ready = threading.Event()
        here.on_subscribe = lambda *_: ready.set()
        here.subscribe("bench/drain", qos=1)
        assert ready.wait(PATIENCE_SECONDS)
        body = bytes(LINES_A_MESSAGE * LINE_BYTES)
        start = time.perf_counter()
        for _ in range(wanted):
            there.publish("bench/drain", body, qos=1)
        assert done.wait(PATIENCE_SECONDS)
        return [time.perf_counter() - start]
