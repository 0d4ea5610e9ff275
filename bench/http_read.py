"""One row read over HTTP by somebody signed in, on 32 connections that never rest.

Ours: `GET /api/v1/holders/{id}` of a real `aldaba-cloud serve` on SQLite, one process:
session, role and scope are looked up, the row is read, the request is logged.
Floor: a bare ASGI application on the same server; peer: a FastAPI route with the
same body and no database. Every answer is 200 and holds the row. Beside the speed:
without the cookie, with a made-up one and for a row that is not there, no row comes.
"""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from aldaba_cloud.auth.models import Grant, Role
from aldaba_cloud.auth.service import NewAccount, Passwords, open_account
from aldaba_cloud.config import Config
from aldaba_cloud.db import ALL_SITES, Database, Scope, Work
from aldaba_cloud.members.models import Holder, HolderKind
from aldaba_cloud.members.store import add_holders
from aldaba_cloud.places.models import Site
from aldaba_cloud.places.store import add_network, add_site
from aldaba_cloud.schema import migrate
from aldaba_shared.ids import HolderId
from bench.harness import Case, Samples
from bench.http_floor import ROW
from tests.cloud.toy_controller import BARCELONA, NETWORK
from tests.system.mosquitto import free_port

HOLDERS = 1_000
REQUESTS = 640
"""In one sample of the throughput."""
SAMPLES = 2
PASSWORD = "four plain words here"  # noqa: S105 - of an account that lives for a minute
PATH = f"/api/v1/holders/{ROW.id}"
PROGRAM = Path(sys.executable).with_name("aldaba-cloud")
START_SECONDS = 60.0


def cases(room: Path) -> Iterator[Case]:
    """The time a request takes of the worker, and how long whoever asks waits."""
    with ExitStack() as stack:
        port = stack.enter_context(_our_service(room))
        cookie = _sign_in(port)
        _prove(port, cookie)
        ours = stack.enter_context(_client(port, cookie))
        raw = stack.enter_context(_client(stack.enter_context(_floor("raw")), "none"))
        framework = stack.enter_context(_client(stack.enter_context(_floor("as_json")), "none"))
        yield Case(
            "HTTP read (one row), per request",
            _throughput(ours),
            _throughput(raw),
            _throughput(framework),
            peer_name="FastAPI without a database",
            at_most=1 / 1_000,
        )
        yield Case("HTTP read, wait at 32 connections", _waits(ours), _waits(raw), p99_at_most=0.06, unit="ms")


@contextmanager
def _our_service(room: Path) -> Iterator[int]:
    port = free_port()
    told = {"STATE_DIR": str(room), "PORT": str(port), "BASE_URL": f"http://localhost:{port}"}
    told |= {"ARGON2_TIME_COST": "1", "ARGON2_MEMORY_KIB": "8"}
    settings = {f"ALDABA_{name}": value for name, value in told.items()}
    _fill(Config(state_dir=room, argon2_time_cost=1, argon2_memory_kib=8))
    with (room / "log").open("wb") as out, _running(PROGRAM, "serve", env=settings, out=out):
        _wait_for(port)
        yield port


def _fill(config: Config) -> None:
    database = Database(config.database)
    migrate(database)
    with database.write() as db:
        work = Work(db, Scope(NETWORK), datetime.now(UTC))
        add_network(work, "Bench")
        add_site(work, Site(BARCELONA, NETWORK, "Barcelona", "Europe/Madrid"))
        ids = [HolderId(f"hld_{number}") for number in range(HOLDERS)]
        add_holders(work, [Holder(one, HolderKind.MEMBER, f"Holder {one[4:]}") for one in ids])
        account = NewAccount("operator@bench.test", "operator", PASSWORD, (Grant(Role.OPERATOR, ALL_SITES),))
        open_account(work, account, Passwords(config))
    database.close()


@contextmanager
def _floor(name: str) -> Iterator[int]:
    port = free_port()
    with _running(
        sys.executable, "-m", "uvicorn", f"bench.http_floor:{name}", "--port", str(port), "--log-level", "critical"
    ):
        _wait_for(port)
        yield port


@contextmanager
def _running(
    *command: str | Path, env: dict[str, str] | None = None, out: object = subprocess.DEVNULL
) -> Iterator[None]:
    process = subprocess.Popen(command, env=os.environ | (env or {}), stdout=out, stderr=out)  # type: ignore[call-overload] # a file or a word
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        try:
            _answer(port, "/healthz")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(port)


def _answer(port: int, path: str, cookie: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    connection.request("GET", path, headers={"cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def _sign_in(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    body = json.dumps({"email": "operator@bench.test", "password": PASSWORD})
    connection.request("POST", "/api/v1/session", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == HTTPStatus.CREATED, answer.read()
    cookie = answer.headers["set-cookie"].partition(";")[0]
    connection.close()
    return cookie


def _prove(port: int, cookie: str) -> None:
    """Who may not read gets nothing, and who may gets the very row."""
    status, body = _answer(port, PATH, cookie)
    assert (status, json.loads(body)) == (HTTPStatus.OK, ROW.model_dump())
    assert _answer(port, PATH)[0] == _answer(port, PATH, "aldaba=made-up")[0] == HTTPStatus.UNAUTHORIZED
    assert _answer(port, "/api/v1/holders/nobody", cookie)[0] == HTTPStatus.NOT_FOUND


class Client:
    """The process that asks."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, times: int) -> tuple[float, Samples]:
        """Seconds for all, and the wait of each."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{times}\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        return said["seconds"], said["waits"]


@contextmanager
def _client(port: int, cookie: str) -> Iterator[Client]:
    command = [sys.executable, "-m", "bench.http_client", str(port), PATH, cookie, ROW.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Client(process)


def _throughput(client: Client) -> Callable[[], Samples]:
    return lambda: [client.ask(REQUESTS)[0] / REQUESTS for _ in range(SAMPLES)]


def _waits(client: Client) -> Callable[[], Samples]:
    return lambda: client.ask(REQUESTS)[1]
