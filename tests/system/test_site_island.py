"""A site with a broker of its own: two real Mosquittos, bridged by TLS, cut and healed; two real controllers.

While the bridge is cut the doors keep passback between them by the site's broker
alone, and once it stands again every line is in the cloud's books. The site's
broker learns by the bridge who is paired and who was retired.
"""

import getpass
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from paho.mqtt import publish
from sqlalchemy import text, update

from aldaba_cloud.auth.service import Passwords
from aldaba_cloud.broker_accounts import CLOUD_ACCOUNT, CONTROL, cloud_password
from aldaba_cloud.cli.broker import plugin_here
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import service
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.fleet.pairing import issue_code
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door
from aldaba_cloud.schema import migrate
from aldaba_edge.journal_file import JournalFile
from aldaba_edge.keyfile import read_identity
from aldaba_edge.pairing import keep, pair
from aldaba_edge.presences import Heard
from aldaba_edge.state import SOON_SECONDS, Slot, peek
from aldaba_shared.decide import Passback
from aldaba_shared.events import AccessDecided
from aldaba_shared.ids import DoorId, HolderId
from aldaba_shared.keys import CredentialKind
from aldaba_sim.barcelona import FLOOR, NETWORK, QUIET, SITE, SeededSpace, seed_space
from aldaba_sim.cards import UidCard
from aldaba_sim.pin_panel import PinPanel
from aldaba_sim.pn532 import Pn532Board
from tests.system.mosquitto import free_port, program, wait_for_port
from tests.system.mosquitto_guarded import guarded_mosquitto, with_broker
from tests.system.programs import START_SECONDS, answers, as_environment, run_program, wait_until

pytestmark = pytest.mark.system

LOCK = 17
DOORS = ("quiet", "quiet-back")

EDGE = """
data_dir = "{folder}/data"
runtime_dir = "{folder}/run"
cloud_url = "{cloud}"
broker = {{ host = "127.0.0.1", port = {broker} }}
pins = {{ profile = "simulated", options = {{ socket = "{folder}/panel" }} }}

[[door]]
id = "{door}"
in_zone = "quiet"
out_zone = "floor"
egress = true
handle = true
release_seconds = 1
lock = {{ profile = "strike-fail-secure", pin = 17, fail_safe = false, max_on_ms = 30000 }}
relay = {{ contact = "NO" }}
board = {{ profile = "gpio-direct", active_low = false }}

[[door.readers]]
side = "in"
profile = "pn532-hsu"
options = {{ path = "{folder}/reader", poll_ms = 5, absent_ms = 60, probe_ms = 60 }}
"""


class Cable:
    """A TCP line between two brokers that can be cut and joined; while it is cut nobody listens at its end."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port: int = 0
        self.join()

    def cut(self) -> None:
        for end in (self._door, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._open.clear()
        self._threads.clear()

    def join(self) -> None:
        self._door = socket.create_server(("127.0.0.1", self.port))
        self.port = self._door.getsockname()[1]
        self._run(self._welcome, self._door)

    def close(self) -> None:
        self.cut()

    def _run(self, what: Callable[..., None], *told: object) -> None:
        thread = threading.Thread(target=what, args=told, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _welcome(self, door: socket.socket) -> None:
        with suppress(OSError), door:
            while True:
                near, _ = door.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    self._run(_carry, one, other)


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
    one.close()


@dataclass
class Controller:
    """One controller's folder, pins and reader."""

    folder: Path
    door: str
    panel: PinPanel
    board: Pn532Board

    def tap(self, uid: bytes) -> None:
        self.board.hold(UidCard(uid))

    def status(self) -> dict[str, object]:
        done = subprocess.run(
            [Path(sys.executable).with_name("aldaba-edge"), "status", "--config", self.folder / "edge.toml", "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {}

    def follows_rules(self) -> bool:
        """Whether it decides by rules that came by the bridge."""
        return self.status().get("rules_verified") is True

    def heard_of_peers(self) -> int:
        """How far the news goes that it believed of its peers."""
        known = peek(self.folder / "data" / "state.db", Slot.PEER_COUNTERS, dict[str, Heard])
        return sum(one.counter for one in (known or {}).values())

    def reasons(self) -> list[str]:
        """What it answered to each card."""
        with JournalFile(self.folder / "data" / "journal.db") as journal:
            events = [line.event for line in journal.events()]
        return [one.decision.reason.value for one in events if isinstance(one, AccessDecided)]


def settled(value: Callable[[], int]) -> int:
    """What a controller keeps, once it has not changed for as long as it may wait to write it."""
    known, since = value(), time.monotonic()

    def still() -> bool:
        nonlocal known, since
        if (now := value()) != known:
            known, since = now, time.monotonic()
        return time.monotonic() - since > SOON_SECONDS + 1

    wait_until(still, "a controller that hears nothing new")
    return known


@dataclass
class Island:
    """The site and the cloud, with the cable between their brokers."""

    database: Database
    seeded: SeededSpace
    cable: Cable
    one: Controller
    two: Controller

    def card(self) -> tuple[HolderId, bytes]:
        person = next(one for one in self.seeded.people if one.plan == "plan_247")
        return person.holder, next(one.canonical for one in person.carried if one.kind is CredentialKind.UID)

    def in_the_books(self) -> dict[str, int]:
        """The last line of each controller's journal that the cloud has, by door."""
        with self.database.read() as db:
            found = db.execute(
                text("SELECT d.id, max(e.sequence) FROM events e JOIN doors d USING (controller_id) GROUP BY d.id")
            )
            return {row[0]: row[1] for row in found}

    def holes(self) -> int:
        with self.database.read() as db:
            return int(db.execute(text("SELECT count(*) FROM journal_holes")).scalar_one())


def seeded(config: Config, database: Database, room: Path) -> tuple[SeededSpace, list[str]]:
    """Two doors into the quiet room, where nobody may come in twice, and a pairing code for each."""
    config.state_dir.mkdir(mode=0o700)
    keyring, now = Keyring(config.key_dir), datetime.now(UTC)
    make_keys(keyring, room / "root.key", now)
    migrate(database)
    with database.write() as db:
        work = Work(db, Scope(NETWORK), now)
        places_made = seed_space(work, keyring, Passwords(config), Random(1))
        places.add_door(work, Door(DoorId("quiet-back"), SITE, "Porta del darrere", QUIET, FLOOR))
        db.execute(update(places.zones).where(places.zones.c.id == QUIET).values(passback=Passback.HARD))
        codes = [issue_code(work, keyring, SITE, door, [DoorId(door)]) for door in DOORS]
    return places_made, codes


@contextmanager
def site_broker(room: Path, cloud: Config, cable: Cable) -> Iterator[int]:
    """Write the site's broker with our own command, and run it on what was written, unchanged but for its account."""
    port, folder = free_port(), room / "site-broker"
    words = ["site-broker", SITE, str(folder), "--name", "127.0.0.1", "--listen", "127.0.0.1", "--port", str(port)]
    words += ["--cloud-host", "127.0.0.1", "--cloud-port", str(cable.port), "--plugin", str(plugin_here())]
    words += ["--runs-in", str(folder)]
    command = [str(Path(sys.executable).with_name("aldaba-cloud")), *words]
    subprocess.run(command, env=as_environment(cloud), check=True, stdout=subprocess.DEVNULL)
    tell_cloud_broker(cloud, (folder / "cloud-accounts.json").read_bytes())
    configuration = folder / "mosquitto.conf"
    as_me = folder / "run.conf"
    as_me.write_text(configuration.read_text() + f"user {getpass.getuser()}\n")
    with (folder / "log").open("wb") as log:
        broker = subprocess.Popen([program(), "-c", str(as_me)], stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_port(port)
        yield port
    finally:
        broker.terminate()
        broker.wait(timeout=10)


def tell_cloud_broker(cloud: Config, commands: bytes) -> None:
    """What `mosquitto_pub -f cloud-accounts.json` does on the cloud's machine."""
    password = cloud_password(Keyring(cloud.key_dir))
    publish.single(
        CONTROL,
        commands,
        qos=1,
        hostname=cloud.mqtt_host,
        port=cloud.mqtt_port,
        auth={"username": CLOUD_ACCOUNT, "password": password},
    )


@pytest.fixture(name="island")
def _island(tmp_path: Path) -> Iterator[Island]:
    with ExitStack() as stack:
        port = free_port()
        plain = Config(
            state_dir=tmp_path / "cloud",
            port=port,
            base_url=f"http://127.0.0.1:{port}",
            argon2_time_cost=1,
            argon2_memory_kib=8,
        )
        database = Database(plain.database)
        stack.callback(database.close)
        people, codes = seeded(plain, database, tmp_path)
        guarded = stack.enter_context(guarded_mosquitto(tmp_path / "broker", as_environment(plain)))
        config = with_broker(plain, guarded)
        cable = Cable(guarded.doors_port)
        stack.callback(cable.close)
        stack.enter_context(run_program("aldaba-cloud", ["serve"], as_environment(config), tmp_path / "cloud.log"))
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(port), "the cloud's answer", START_SECONDS)
        broker = stack.enter_context(site_broker(tmp_path, config, cable))
        made = []
        for door, code in zip(DOORS, codes, strict=True):
            folder = tmp_path / door
            folder.mkdir()
            # The site's broker runs already: it hears of this controller by the bridge.
            keep(folder / "data", pair(address, code, None, "test"))
            (folder / "edge.toml").write_text(EDGE.format(folder=folder, cloud=address, broker=broker, door=door))
            (folder / "edge.toml").chmod(0o600)
            panel, board = PinPanel(folder / "panel", lambda _pin, _level: None), Pn532Board(folder / "reader")
            stack.callback(panel.close)
            stack.callback(board.close)
            made.append(Controller(folder, door, panel, board))
            words = ["run", str(folder / "edge.toml")]
            stack.enter_context(run_program("aldaba-edge", words, dict(os.environ), folder / "log"))
        yield Island(database, people, cable, *made)


def test_a_site_cut_off_keeps_passback_between_its_doors_and_loses_nothing(island: Island) -> None:
    _, card = island.card()
    one, two = island.one, island.two
    for controller in (one, two):
        wait_until(controller.follows_rules, f"rules by the bridge at {controller.door}")

    island.cable.cut()
    heard = settled(two.heard_of_peers)
    one.tap(card)
    assert one.panel.wait_for(lambda panel: panel.outputs.get(LOCK, False), 30)
    one.board.take()
    wait_until(lambda: two.heard_of_peers() > heard, "the first door's news at the second")
    two.tap(card)
    wait_until(lambda: bool(two.reasons()), "a tap at the second door")
    two.board.take()
    assert one.reasons() == ["granted"]
    assert two.reasons() == ["passback"]
    assert not two.panel.outputs.get(LOCK, False)

    before = island.in_the_books()
    last = {one.door: one.status()["durable_sequence"], two.door: two.status()["durable_sequence"]}
    assert any(before.get(door, 0) < int(str(sequence)) for door, sequence in last.items()), "nothing crosses a cut"

    island.cable.join()
    wait_until(
        lambda: all(island.in_the_books().get(door, 0) >= int(str(sequence)) for door, sequence in last.items()),
        "every line in the cloud's books",
    )
    assert island.holes() == 0

    stolen = read_identity(one.folder / "data" / "identity").answer.controller
    assert one.status()["connected"]
    with island.database.write() as db:
        service.retire(Work(db, Scope(NETWORK), datetime.now(UTC)), stolen)
    wait_until(lambda: not one.status()["connected"], "the end of the retired controller's session at the site")
    assert two.status()["connected"]
