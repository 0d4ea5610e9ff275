"""The demo's broker as a process of its own, spoken to by the library the doors use."""

import json
import queue
import socket
import sys
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from aldaba_sim.children import Children
from tests.system.mosquitto import part

pytestmark = pytest.mark.system


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


class Guest:
    """A client with a name and a password, and what it heard."""

    def __init__(self, port: int, name: str, password: str, topic: str) -> None:
        self.heard: queue.Queue[bytes] = queue.Queue()
        self.answers: queue.Queue[bool] = queue.Queue()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self.client.username_pw_set(name, password)
        self.client.on_connect = lambda _c, _u, _f, code, _p: self._connected(bad=code.is_failure, topic=topic)
        self.client.on_subscribe = lambda _c, _u, _m, codes, _p: self.answers.put(not codes[0].is_failure)
        self.client.on_message = lambda _c, _u, message: self.heard.put(bytes(message.payload))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _connected(self, *, bad: bool, topic: str) -> None:
        if bad:
            self.answers.put(item=False)
        else:
            self.client.subscribe(topic, 1)

    def close(self) -> None:
        part(self.client)


def test_the_embedded_broker_knows_its_guests_and_keeps_them_apart(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"cloud": "one", "c-1": "two", "c-2": "three"}))
    port = free_port()
    with Children(tmp_path / "logs") as children:
        children.start("broker", [sys.executable, "-m", "aldaba_sim.embedded_broker", str(port), str(passwords)])
        assert listening(port), children.last_words("broker")
        cloud = Guest(port, "cloud", "one", "aldaba/1/+/+/up")
        door = Guest(port, "c-1", "two", "aldaba/1/bcn/c-1/state")
        thief = Guest(port, "c-2", "guessed", "aldaba/1/bcn/c-1/state")
        try:
            assert cloud.answers.get(timeout=60)
            assert door.answers.get(timeout=60)
            assert not thief.answers.get(timeout=60)
            door.client.publish("aldaba/1/bcn/c-2/up", b"forged", 1).wait_for_publish(5)
            door.client.publish("aldaba/1/bcn/c-1/up", b"hello", 1).wait_for_publish(5)
            assert cloud.heard.get(timeout=60) == b"hello"
        finally:
            for guest in (cloud, door, thief):
                guest.close()
