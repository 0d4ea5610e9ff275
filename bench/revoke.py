"""From a card switched off in the cloud to the door's confirmation in the cloud's books, with 15,000 members.

A revoke becomes a signed delta; the door applies it, writes it in its journal and
sends the line; what counts is the committed row that says so. First one controller
as it runs on a Pi (`bench.space`); floor: the broker's hop alone, the same bytes
from one paho to another. Then 200 doors on 10 controllers that hold every member:
they are stand-ins that check the delta and sign the confirmation at once, since
real ones have processors of their own, and the figure is until the last of them.
There is no peer on PyPI (MemberMatters, from source: 95 ms at 150 members, 8.75 s
at 15,000).
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from paho.mqtt.client import Client, MQTTMessage

from bench.harness import Case, Samples, timed
from bench.many_doors import SITE_OF_MANY, stand_ins
from bench.publisher import PATIENCE_SECONDS, publisher
from bench.space import cloud_side, controller
from tests.system.mosquitto import mosquitto

REVOKES = 8
DELTA_BYTES = 900
"""About what a delta of one credential weighs in its envelope."""


def cases(room: Path) -> Iterator[Case]:
    """One revoke after another, each of a card that was good."""
    with ExitStack() as stack:
        port = stack.enter_context(mosquitto())
        side = stack.enter_context(cloud_side(room / "one", port))
        stack.enter_context(controller(room / "one", side))
        side.wait_confirmed()
        yield Case(
            "revoke to door's confirmation",
            lambda: [side.one_revoke() for _ in range(REVOKES)],
            lambda: _hops(port),
            at_most=0.5,
            p99_at_most=1.0,
            unit="ms",
        )
    with ExitStack() as stack:
        port = stack.enter_context(mosquitto())
        many = stack.enter_context(cloud_side(room / "many", port, SITE_OF_MANY.build))
        stack.enter_context(stand_ins(many, port))
        many.wait_confirmed()
        yield Case(
            "revoke to the last of 200 doors",
            lambda: [many.one_revoke() for _ in range(REVOKES)],
            p99_at_most=1.0,
            unit="ms",
        )


def _hops(port: int) -> Samples:
    came: SimpleQueue[bytes] = SimpleQueue()

    def heard(_client: Client, _data: object, message: MQTTMessage) -> None:
        came.put(bytes(message.payload))

    body = bytes(DELTA_BYTES)
    with publisher(port) as there, publisher(port) as here:
        here.on_message = heard
        ready = threading.Event()
        here.on_subscribe = lambda *_: ready.set()
        here.subscribe("bench/hop", qos=1)
        assert ready.wait(PATIENCE_SECONDS)

        def hop() -> None:
            there.publish("bench/hop", body, qos=1)
            assert came.get(timeout=PATIENCE_SECONDS) == body

        return timed(hop, 50)
