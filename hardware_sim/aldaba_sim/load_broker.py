"""The broker of `aldaba-sim load`: Mosquitto where it is installed, else the demo's own; on loopback, for one run."""

import json
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from aldaba_shared.errors import AldabaError
from aldaba_sim.children import Children

TRIES, EACH_SECONDS = 600, 0.05
EMBEDDED = "the embedded broker"


class LoadFailed(AldabaError):
    """A part of it did not come up, ended before its time, or said nothing any more."""

    code = "load_failed"

    def __init__(self, why: str) -> None:
        super().__init__(f"The load could not be run: {why}. Try fewer doors, or look at the lines above.")


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def load_broker(room: Path, port: int, passwords: Mapping[str, str]) -> Iterator[str]:
    """Run it and give its name; `passwords` are by user.

    Raises:
        LoadFailed: it does not listen.
    """
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
    known = room / "passwords.json"
    known.write_text(json.dumps(dict(passwords)))
    with Children(room / "logs") as children:
        if mosquitto:
            conf = room / "mosquitto.conf"
            conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
            children.start("broker", [mosquitto, "-c", str(conf)])
        else:
            children.start("broker", [sys.executable, "-m", "aldaba_sim.embedded_broker", str(port), str(known)])
        _wait_for(port, children)
        yield "mosquitto" if mosquitto else EMBEDDED


def _wait_for(port: int, children: Children) -> None:
    for _ in range(TRIES):
        children.check()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(EACH_SECONDS)
    raise LoadFailed(f"the broker did not listen on port {port}")
