"""From the button that takes a stolen controller out of use to the last effect that others see.

A real Mosquitto with TLS and a real link of the cloud; the stolen controller and
its peer are the edge's own links. One theft is over when the stolen one's session
is ended, its retained presence is gone at its peer, and its certificate stands on
the list that Mosquitto refuses. There is no peer: nothing on PyPI does this.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

from aldaba_shared.topics import Channel, topic
from bench.harness import Case, Samples
from tests.cloud.toy_controller import BARCELONA
from tests.system.test_guarded_broker import Line, Space, guarded_space
from tests.system.test_link_over_mosquitto import wait_until

THEFTS = 3


def cases(room: Path) -> Iterator[Case]:
    """One theft after another, each of a controller that was just paired."""
    with guarded_space(room) as space:
        yield Case("theft to the last effect", lambda: _thefts(space), p99_at_most=2.0, unit="ms", rounds=1)


def _thefts(space: Space) -> Samples:
    return [_one(space, Path(mkdtemp(dir=space.broker.folder.parent))) for _ in range(THEFTS)]


def _one(space: Space, room: Path) -> float:
    stolen, peer = (_joined(space, door, room) for door in ("street", "lane"))
    presence = topic(BARCELONA, stolen.me, Channel.PRESENCE)
    stolen.link.publish(presence, b"here", retain=True)
    wait_until(lambda: (presence, b"here") in list(peer.messages.queue))
    listed = space.broker.folder / "revocations.pem"
    before = listed.read_bytes()
    began = time.perf_counter()
    space.retire(stolen.me)
    while stolen.link.connected or (presence, b"") not in list(peer.messages.queue) or listed.read_bytes() == before:
        time.sleep(0.002)  # what is waited for happens in the broker, which tells nobody but its clients
    took = time.perf_counter() - began
    stolen.link.stop()
    peer.link.stop()
    return took


def _joined(space: Space, door: str, room: Path) -> Line:
    folder = room / door
    folder.mkdir()
    line = Line(space.pair(door, folder), folder).start()
    line.connected.wait()
    return line
