"""A client of the broker as our programs are: without Nagle's delay, on a thread of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socket import IPPROTO_TCP, TCP_NODELAY, socket

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_SECONDS = 60.0


@contextmanager
def publisher(port: int) -> Iterator[Client]:
    """A client that is connected and whose thread runs."""
    ready = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_socket_open = _without_delay
    client.on_connect = lambda *_: ready.set()
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert ready.wait(PATIENCE_SECONDS)
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def _without_delay(_client: Client, _data: object, opened: object) -> None:
    assert isinstance(opened, socket)
    opened.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
