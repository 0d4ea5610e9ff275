"""A signed bundle of real wheels in real virtual environments: kept when its daemon serves doors, else left."""

import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aldaba_cloud.fleet.keys import CloudKeys, make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_edge import bundle as bundles
from aldaba_edge.update import Running, Slots, guard, install
from aldaba_edge.update_adapters import PipInstaller, SystemdService

pytestmark = pytest.mark.system
MODULE = """
import json, os, socket, sys
from pathlib import Path

def main():
    where = sys.argv[1]
    Path(where).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(where)
        listener.listen()
        while True:
            peer, _ = listener.accept()
            with peer, peer.makefile("rwb") as stream:
                while stream.readline():
                    said = {"ok": True, "program": Path(sys.prefix).name, "up_seconds": 60, "watchdog_fed": FED}
                    stream.write(json.dumps(said).encode() + b"\\n")
                    stream.flush()
"""
"""A program that says that it has fed the watchdog so often, and does nothing else."""


class Unit:
    """What systemd is to the guard: has `current` run, and stops what ran."""

    def __init__(self, slots: Slots, socket: Path) -> None:
        self.slots = slots
        self.socket = socket
        self.asked = SystemdService(socket)
        self.process: subprocess.Popen[bytes] | None = None

    def restart(self) -> None:
        self.stop()
        program = self.slots.folder / "current" / "bin" / "aldaba-edge"
        self.process = subprocess.Popen([program, self.socket])

    def running(self) -> Running | None:
        return self.asked.running()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def wheel(folder: Path, version: str, fed: int) -> None:
    info = f"aldaba_edge-{version}.dist-info"
    with zipfile.ZipFile(folder / f"aldaba_edge-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny_edge.py", MODULE.replace("FED", str(fed)))
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: aldaba-edge\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\naldaba-edge = tiny_edge:main\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[CloudKeys, Path]:
    room = tmp_path_factory.mktemp("keys")
    return make_keys(Keyring(room / "keys"), room / "root.key", datetime.now(UTC)), room / "root.key"


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    slots = Slots(tmp_path / "aldaba")
    slots.versions.mkdir(parents=True)
    made = Unit(slots, tmp_path / "edge.sock")
    yield made
    made.stop()


def take(unit: Unit, keys: tuple[CloudKeys, Path], version: str, fed: int) -> str:
    """Sign a bundle with the cloud's own command, and install it."""
    room = unit.socket.parent / version
    room.mkdir()
    wheel(room, version, fed)
    program = Path(sys.executable).with_name("aldaba-cloud")
    words = ["bundle", str(room), str(room / "a.bundle"), "--root", str(keys[1])]
    environment = {**os.environ, "ALDABA_STATE_DIR": str(room)}
    subprocess.run([program, *words], check=True, capture_output=True, env=environment)
    with bundles.opened(room / "a.bundle", keys[0].root_key) as bundle:
        return install(unit.slots, bundle, PipInstaller())


def test_a_version_that_feeds_the_watchdog_is_kept_and_one_that_does_not_is_left(
    unit: Unit, keys: tuple[CloudKeys, Path]
) -> None:
    first = take(unit, keys, "1.0", fed=9)
    unit.slots.point("good", first)
    unit.slots.point("current", first)
    second = take(unit, keys, "2.0", fed=9)
    unit.slots.point("current", second)
    assert guard(unit.slots, unit, time.sleep) is True
    assert unit.slots.named("good") == second
    third = take(unit, keys, "3.0", fed=0)
    unit.slots.point("current", third)
    assert guard(unit.slots, unit, lambda _: time.sleep(0.05)) is False
    assert unit.slots.named("current") == second
    for _ in range(200):
        now = unit.running()
        if now is not None:
            break
        time.sleep(0.05)
    assert now is not None
    assert now.name == second
