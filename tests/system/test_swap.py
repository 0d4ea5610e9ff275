"""A dead controller is swapped: another computer, the same doors and configuration, the old keys believed no more."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from aldaba_cloud.auth.service import Passwords
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import configurations, store
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.fleet.pairing import issue_code
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.schema import migrate
from aldaba_edge.cloud_http import CloudUnreachable, post
from aldaba_edge.keyfile import Identity, read_identity
from aldaba_shared.envelope import seal
from aldaba_shared.ids import ControllerId, DoorId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.messages import Kind, SnapshotRequest
from aldaba_sim.barcelona import NETWORK, SITE, SeededSpace, seed_space
from aldaba_sim.cards import UidCard
from aldaba_sim.pin_panel import PinPanel
from aldaba_sim.pn532 import Pn532Board
from tests.system.mosquitto import free_port
from tests.system.mosquitto_guarded import guarded_mosquitto, with_broker
from tests.system.programs import PATIENCE, START_SECONDS, answers, as_environment, run_program, wait_until

pytestmark = pytest.mark.system
LOCK = 17
CONFIG = """# The street door, as its installer wrote it.
data_dir = "{room}/edge"
runtime_dir = "{room}/run"
cloud_url = "{address}"
pins = {{ profile = "simulated", options = {{ socket = "{room}/pins.sock" }} }}

[[door]]
id = "street"
in_zone = "lobby"
out_zone = "street"
egress = true
handle = true
release_seconds = 1
lock = {{ profile = "strike-fail-secure", pin = 17, fail_safe = false, max_on_ms = 30000 }}
relay = {{ contact = "NO" }}
board = {{ profile = "gpio-direct", active_low = false }}

[[door.readers]]
side = "in"
profile = "pn532-hsu"
options = {{ path = "{room}/pn532" }}
"""


@dataclass
class Site:
    """A cloud that runs, one door's devices, and the folder in which its controller lives."""

    room: Path
    address: str
    database: Database
    keyring: Keyring
    seeded: SeededSpace
    panel: PinPanel
    board: Pn532Board
    changes: list[tuple[int, bool]]

    @property
    def config(self) -> Path:
        return self.room / "edge.toml"

    def pair(self) -> dict[str, str]:
        with self.database.write() as db:
            work = Work(db, Scope(NETWORK), datetime.now(UTC))
            code = issue_code(work, self.keyring, SITE, "Street", [DoorId("street")])
        program = Path(sys.executable).with_name("aldaba-edge")
        command = [str(program), "pair", code, "--config", str(self.config), "--cloud", self.address, "--yes", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        said: dict[str, str] = json.loads(done.stdout)
        return said

    def kept(self, controller: ControllerId) -> str | None:
        with self.database.read() as db:
            found = configurations.of_controller(Work(db, Scope(NETWORK), datetime.now(UTC)), controller)
        return found.text if found else None

    def in_use(self) -> list[ControllerId]:
        with self.database.read() as db:
            known = store.list_controllers(Work(db, Scope(NETWORK), datetime.now(UTC)))
        return [one.id for one in known if one.retired_at is None]

    def confirmed(self, controller: ControllerId) -> bool:
        with self.database.read() as db:
            found = store.find_controller(Work(db, Scope(NETWORK), datetime.now(UTC)), controller)
        return found is not None and found.confirmed > (0, 0)

    def card_opens(self) -> None:
        person = next(one for one in self.seeded.people if one.plan == "plan_247")
        canonical = next(one.canonical for one in person.carried if one.kind is CredentialKind.UID)
        before = self.changes.count((LOCK, True))
        self.board.hold(UidCard(canonical))
        assert self.panel.wait_for(lambda _: self.changes.count((LOCK, True)) > before, PATIENCE)
        self.board.take()
        assert self.panel.wait_for(lambda panel: not panel.outputs.get(LOCK, False), PATIENCE)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    config = Config(state_dir=tmp_path / "cloud", port=port, base_url=address)
    config = config.model_copy(update={"argon2_time_cost": 1, "argon2_memory_kib": 8})
    config.state_dir.mkdir(mode=0o700)
    database, keyring = Database(config.database), Keyring(config.key_dir)
    make_keys(keyring, tmp_path / "root.key", datetime.now(UTC))
    migrate(database)
    with database.write() as db:
        work = Work(db, Scope(NETWORK), datetime.now(UTC))
        seeded = seed_space(work, keyring, Passwords(config), Random(1))
    changes: list[tuple[int, bool]] = []
    panel = PinPanel(tmp_path / "pins.sock", lambda pin, level: changes.append((pin, level)))
    board = Pn532Board(tmp_path / "pn532")
    with (
        guarded_mosquitto(tmp_path / "broker", as_environment(config)) as broker,
        run_program("aldaba-cloud", ["serve"], as_environment(with_broker(config, broker)), tmp_path / "cloud.log"),
    ):
        wait_until(lambda: answers(port), f"the cloud's answer at {address}", START_SECONDS)
        yield Site(tmp_path, address, database, keyring, seeded, panel, board, changes)
    board.close()
    panel.close()
    database.close()


@contextmanager
def running(site: Site, log: str) -> Iterator[None]:
    """A controller until its power fails."""
    program = Path(sys.executable).with_name("aldaba-edge")
    with (site.room / log).open("wb") as said:
        process = subprocess.Popen([program, "run", site.config], stdout=said, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.kill()
            process.wait(timeout=15)


def ask_for_rules(site: Site, identity: Identity) -> None:
    body = SnapshotRequest(identity.answer.controller, datetime.now(UTC), secrets.token_bytes(16), 0, 0)
    envelope = seal(Kind.REQUEST, "cloud", body, identity.signing_key())
    post(f"{site.address}/api/v1/snapshot", envelope, "application/cose", lambda _: None, 1 << 24)


def test_another_computer_takes_over_a_dead_ones_door_with_its_configuration(site: Site) -> None:
    site.config.write_text(CONFIG.format(room=site.room, address=site.address))
    site.config.chmod(0o640)
    old = ControllerId(site.pair()["controller"])
    with running(site, "old.log"):
        wait_until(lambda: site.confirmed(old), "the old controller's rules", START_SECONDS)
        site.card_opens()
        wait_until(lambda: site.kept(old) is not None, "its configuration in the cloud", START_SECONDS)
    (site.room / "edge").rename(site.room / "dead")
    site.config.unlink()
    said = site.pair()
    new = ControllerId(said["controller"])
    assert said["configuration"] == "written"
    assert site.config.read_text() == CONFIG.format(room=site.room, address=site.address)
    assert site.config.stat().st_mode & 0o777 == 0o640
    assert new != old
    assert old not in site.in_use()
    with running(site, "new.log"):
        wait_until(lambda: site.confirmed(new), "the new controller's rules", START_SECONDS)
        site.card_opens()
        ask_for_rules(site, read_identity(site.room / "edge" / "identity"))
        with pytest.raises(CloudUnreachable) as refused:
            ask_for_rules(site, read_identity(site.room / "dead" / "identity"))
    assert refused.value.status == 422
