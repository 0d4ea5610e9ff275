"""A Mosquitto of our own on a free loopback port, stopped by its pid."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt.client import Client

START_SECONDS = 60.0


class MosquittoMissing(Exception):
    """The program is not installed."""

    def __init__(self) -> None:
        super().__init__("Mosquitto is not installed: apt install mosquitto (make test does it).")


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program() -> str:
    """Where Mosquitto is."""
    found = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
    if found is None:
        raise MosquittoMissing
    return found


@contextmanager
def mosquitto(port: int = 0) -> Iterator[int]:
    """Start a broker that lets anyone in on loopback, give its port, and stop it.

    With `port` it comes back where it was, as after a restart.
    """
    with tempfile.TemporaryDirectory(prefix="aldaba-mqtt-") as folder:
        port = port or free_port()
        file = Path(folder) / "mosquitto.conf"
        file.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        broker = subprocess.Popen([program(), "-c", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for_port(port)
            yield port
        finally:
            broker.terminate()
            broker.wait(timeout=10)


def part(client: Client) -> None:
    """End a client at once: it closes its own sockets when it ends, and what it calls keeps it alive until then."""
    client.disconnect()
    client.loop_stop()
    client.on_connect = client.on_disconnect = None
    client.on_subscribe = client.on_message = None


def wait_for_port(port: int) -> None:
    """Wait until something listens there."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)  # a process of the system's; nothing of ours can tell us
    message = f"Mosquitto did not listen on port {port} within {START_SECONDS:.0f} s."
    raise TimeoutError(message)
