"""One service as several processes on PostgreSQL and Mosquitto: who sees, who takes in, who repeats."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import select

from aldaba_cloud.auth.models import Grant, Role
from aldaba_cloud.auth.service import NewAccount, Passwords, open_account
from aldaba_cloud.config import Config
from aldaba_cloud.db import ALL_SITES, Database, Scope, Work
from aldaba_cloud.fleet import books
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.jobs import leases
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link.running import SPEAKING
from aldaba_cloud.places.models import Site, Zone
from aldaba_cloud.places.store import add_network, add_site, add_zone
from aldaba_cloud.schema import migrate
from aldaba_shared.ids import ZoneId
from aldaba_shared.messages import Kind
from aldaba_shared.parcel import pack
from tests.cloud.toy_controller import BARCELONA, NETWORK, ToyController
from tests.system.mosquitto import free_port, mosquitto, part
from tests.system.postgres import postgres

pytestmark = pytest.mark.system
PASSWORD = "four plain words here"
PATIENCE_SECONDS = 120.0
PROGRAM = Path(sys.executable).with_name("aldaba-cloud")


class Space:
    """The state all processes of one service share."""

    def __init__(self, folder: Path, url: str, broker: int) -> None:
        self._folder = folder
        self.environment = {
            **os.environ,
            "ALDABA_STATE_DIR": str(folder),
            "ALDABA_DATABASE_URL": url,
            "ALDABA_MQTT_HOST": "127.0.0.1",
            "ALDABA_MQTT_PORT": str(broker),
            "ALDABA_MQTT_SHARE": "aldaba",
        }
        self.database = Database(url)
        self.toy = ToyController("ctl_replicas")
        migrate(self.database)
        make_keys(Keyring(folder / "keys"), folder / "root.key", datetime.now(UTC))
        with self.database.write() as db:
            work = Work(db, Scope(NETWORK), datetime.now(UTC))
            add_network(work, "Shared")
            add_site(work, Site(BARCELONA, NETWORK, "Barcelona", "Europe/Madrid"))
            add_zone(work, Zone(ZoneId("zone_open"), BARCELONA, "Open space"))
            self.toy.join(work)
            account = NewAccount("operator@replicas.test", "operator", PASSWORD, (Grant(Role.OPERATOR, ALL_SITES),))
            cheap = Config(argon2_time_cost=1, argon2_memory_kib=8)
            open_account(work, account, Passwords(cheap))

    def watermark(self) -> int:
        """How far the books have the toy's journal."""
        with self.database.read() as db:
            return books.find_watermark(Work(db, Scope(NETWORK), datetime.now(UTC)), self.toy.id, "j1").sequence

    def holders(self) -> dict[str, str]:
        """Who holds each lease."""
        with self.database.read() as db:
            return {row.name: row.holder for row in db.execute(select(leases))}

    @contextmanager
    def part(self, only: str, *more: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process of the service."""
        command = [str(PROGRAM), "serve", "--only", only, *more]
        with (self._folder / f"{only}{'-'.join(more)}-{time.monotonic_ns()}.log").open("wb") as log:
            process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
            try:
                yield process
            finally:
                process.terminate()
                assert process.wait(timeout=30) in {0, -15}


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with postgres() as url, mosquitto() as broker:
        made = Space(tmp_path, url, broker)
        yield made
        made.database.close()


def until(so: Callable[[], object]) -> None:
    """Other processes cannot be awaited otherwise."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not so():
        assert time.monotonic() < end
        time.sleep(0.05)


class Browser:
    """A board that is open, read by a thread of its own."""

    def __init__(self, port: int) -> None:
        until(lambda: self._answers(port))
        cookie = self._sign_in(port)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        self._connection.request("GET", f"/board/live?site={BARCELONA}", headers={"cookie": cookie})
        self._answer = self._connection.getresponse()
        assert self._answer.status == HTTPStatus.OK
        assert self._answer.readline()

    def _answers(self, port: int) -> bool:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == HTTPStatus.OK
        except OSError:
            return False

    def _sign_in(self, port: int) -> str:
        body = json.dumps({"email": "operator@replicas.test", "password": PASSWORD})
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
            connection.request("POST", "/api/v1/session", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == HTTPStatus.CREATED
            return answer.headers["set-cookie"].partition(";")[0]

    def sees(self, marker: str) -> float:
        """The moment a line with this in it came."""
        while marker.encode() not in self._answer.readline():
            pass
        return time.monotonic()

    def close(self) -> None:
        """Go away."""
        self._answer.close()
        self._connection.close()


@contextmanager
def publisher(port: int) -> Iterator[Client]:
    ready = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert ready.wait(PATIENCE_SECONDS)
    yield client
    part(client)


def tap(space: Space, door: Client) -> int:
    toy = space.toy
    sequence = toy.tap(f"hld_{len(toy.lines)}", "zone_open", datetime.now(UTC))
    door.publish(f"aldaba/1/{toy.site}/{toy.id}/up", pack({Kind.BATCH: toy.sealed(toy.batch(sequence))}), qos=1)
    return sequence


def test_every_web_process_shows_live_what_the_ingest_process_took_in(space: Space) -> None:
    first, second = free_port(), free_port()
    with ExitStack() as stack:
        stack.enter_context(space.part("web", "--port", str(first)))
        stack.enter_context(space.part("web", "--port", str(second)))
        stack.enter_context(space.part("ingest"))
        door = stack.enter_context(publisher(int(space.environment["ALDABA_MQTT_PORT"])))
        boards = [Browser(port) for port in (first, second)]
        for board in boards:
            stack.callback(board.close)
        until(lambda: SPEAKING in space.holders())
        # The first line says when the ingest process listens; those that came too early are sent again.
        space.toy.open()
        payload = pack({Kind.BATCH: space.toy.sealed(space.toy.batch())})
        until(
            lambda: door.publish(f"aldaba/1/{BARCELONA}/{space.toy.id}/up", payload, qos=1) and space.watermark() == 1
        )
        told = time.monotonic()
        sequence = tap(space, door)
        seen = [board.sees(f"event-{space.toy.id}-j1-{sequence}") for board in boards]
    assert max(seen) - told < 5, "quiet boards draw anew every ten seconds by themselves"


def test_what_several_ingest_processes_share_is_in_the_books_once(space: Space) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(space.part("ingest"))
        door = stack.enter_context(publisher(int(space.environment["ALDABA_MQTT_PORT"])))
        space.toy.open()
        until(lambda: tap(space, door) and resent(space, door) and space.watermark() >= 40)
        wanted = len(space.toy.lines)
        until(lambda: resent(space, door) and space.watermark() == wanted)
        assert set(space.holders()) == {SPEAKING}
    with space.database.read() as db:
        work = Work(db, Scope(NETWORK), datetime.now(UTC))
        assert [row.sequence for row in books.journal_lines(work, space.toy.id, "j1")] == list(range(1, wanted + 1))


def resent(space: Space, door: Client) -> bool:
    """What the toy does for want of acks: everything from the watermark on."""
    first = space.watermark() + 1
    if first <= len(space.toy.lines):
        payload = pack({Kind.BATCH: space.toy.sealed(space.toy.batch(first))})
        door.publish(f"aldaba/1/{BARCELONA}/{space.toy.id}/up", payload, qos=1)
    return True


def test_jobs_stay_with_the_process_that_holds_their_lease(space: Space) -> None:
    with space.part("jobs"):
        until(lambda: len(space.holders()) >= 2)
        held = space.holders()
        assert len(set(held.values())) == 1
        with space.part("jobs"):
            until(lambda: any(b"part_started" in log.read_bytes() for log in logs(space)[1:]))
            assert held.items() <= space.holders().items(), "who is slow may still take more, and nobody takes these"


def logs(space: Space) -> list[Path]:
    return sorted(Path(space.environment["ALDABA_STATE_DIR"]).glob("jobs-*.log"))


def test_sqlite_serves_one_process(tmp_path: Path) -> None:
    environment = {**os.environ, "ALDABA_STATE_DIR": str(tmp_path), "ALDABA_DATABASE_URL": ""}
    command = [str(PROGRAM), "serve", "--only", "web"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 2
    assert "database_url" in said.stderr
