"""`aldaba-edge pair` against `aldaba-cloud serve`: two programs, a code, and what each keeps."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from aldaba_cloud.auth.service import Passwords
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import store
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.fleet.pairing import issue_code
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.schema import migrate
from aldaba_edge.keyfile import read_identity
from aldaba_shared.ids import DoorId
from aldaba_sim.barcelona import NETWORK, SITE, seed_space
from tests.system.mosquitto import free_port
from tests.system.programs import START_SECONDS, answers, as_environment, run_program, wait_until
from tests.system.whole_space import edge_config

pytestmark = pytest.mark.system


@dataclass
class Pairing:
    """A cloud that runs, and a controller that nobody knows yet."""

    room: Path
    address: str
    database: Database
    keyring: Keyring
    root: str

    def code(self) -> str:
        with self.database.write() as db:
            work = Work(db, Scope(NETWORK), datetime.now(UTC))
            return issue_code(work, self.keyring, SITE, "The street door", [DoorId("street")])

    def pair(self, code: str, *words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("aldaba-edge")
        command = [str(program), "pair", code, "--config", str(self.room / "edge.toml"), *words]
        return subprocess.run(command, input=answer, capture_output=True, text=True, check=False, timeout=60)

    @property
    def paired(self) -> bool:
        return (self.room / "edge" / "identity").exists()

    def controllers(self) -> list[str]:
        with self.database.write() as db:
            return [one.name for one in store.list_controllers(Work(db, Scope(NETWORK), datetime.now(UTC)))]


@pytest.fixture(scope="module")
def pairing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairing]:
    room = tmp_path_factory.mktemp("pairing")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    config = Config(state_dir=room / "cloud", port=port, base_url=address, argon2_time_cost=1, argon2_memory_kib=8)
    config.state_dir.mkdir(mode=0o700)
    database, keyring = Database(config.database), Keyring(config.key_dir)
    keys = make_keys(keyring, room / "root.key", datetime.now(UTC))
    migrate(database)
    with database.write() as db:
        seed_space(Work(db, Scope(NETWORK), datetime.now(UTC)), keyring, Passwords(config), Random(1))
    (room / "edge.toml").write_text(edge_config(room, address))
    (room / "edge.toml").chmod(0o600)
    with run_program("aldaba-cloud", ["serve"], as_environment(config), room / "cloud.log"):
        wait_until(lambda: answers(port), f"the cloud's answer at {address}", START_SECONDS)
        yield Pairing(room, address, database, keyring, sha256(keys.root_key).hexdigest())
    database.close()


@pytest.fixture(autouse=True)
def _unpaired(pairing: Pairing) -> None:
    (pairing.room / "edge" / "identity").unlink(missing_ok=True)


@pytest.mark.feature(136)
def test_a_code_and_the_fingerprint_of_the_root_pair_a_controller(pairing: Pairing) -> None:
    done = pairing.pair(pairing.code(), "--root-fingerprint", pairing.root, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    kept = read_identity(pairing.room / "edge" / "identity")
    assert (said["controller"], said["doors"]) == (kept.answer.controller, ["street"])
    assert "The street door" in pairing.controllers()
    assert kept.answer.controller_key.hex() not in done.stdout + done.stderr


def test_a_code_works_once(pairing: Pairing) -> None:
    code = pairing.code()
    assert pairing.pair(code, "--root-fingerprint", pairing.root).returncode == 0
    (pairing.room / "edge" / "identity").unlink()
    again = pairing.pair(code, "--root-fingerprint", pairing.root)
    assert again.returncode != 0
    assert "the code was not accepted" in again.stderr
    assert not pairing.paired


def test_another_root_than_the_one_on_the_page_is_refused(pairing: Pairing) -> None:
    done = pairing.pair(pairing.code(), "--root-fingerprint", "00" * 32)
    assert done.returncode != 0
    assert "the root key is another one" in done.stderr
    assert not pairing.paired


def test_without_a_voucher_a_person_compares_four_words(pairing: Pairing) -> None:
    no = pairing.pair(pairing.code(), answer="n\n")
    assert no.returncode == 1
    assert not pairing.paired
    yes = pairing.pair(pairing.code(), answer="y\n")
    assert yes.returncode == 0, yes.stderr
    words = yes.stderr.split("with those on the page: ")[1].splitlines()[0]
    assert len(words.split()) == 4
    assert read_identity(pairing.room / "edge" / "identity").answer.words == words


def test_a_cloud_that_is_not_there_is_said_without_a_traceback(pairing: Pairing) -> None:
    done = pairing.pair("123456", "--cloud", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not pairing.paired
