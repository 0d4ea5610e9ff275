"""From a line on its way to the cloud to the last of 1,000 open boards.

Ours: a signed batch of one line goes through Mosquitto, is checked, kept and
committed, and 1,000 streams of `/board/live`, as browsers have them open, get
the drawn event from uvicorn; the service is one process with its own connection
to the broker. What the door needs before it publishes is another figure (the tap's).
Floor: a bare ASGI application on the same uvicorn that writes as many bytes to
as many streams when told. Both are read by one other process, which says when
the last stream had it. Nothing that runs doors and installs from PyPI has live
boards, so there is no peer.
"""

import asyncio
import http.client
import json
import resource
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from paho.mqtt.client import Client

from aldaba_cloud.app import create_app
from aldaba_cloud.auth.models import Grant, Role
from aldaba_cloud.auth.service import NewAccount, Passwords, open_account
from aldaba_cloud.config import Config
from aldaba_cloud.db import ALL_SITES, Database, Scope, Work
from aldaba_cloud.deps import Cloud
from aldaba_cloud.fleet import books
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.places.models import Site, Zone
from aldaba_cloud.places.store import add_network, add_site, add_zone
from aldaba_cloud.schema import migrate
from aldaba_shared.ids import ZoneId
from aldaba_shared.messages import Kind
from aldaba_shared.parcel import pack
from bench.harness import Case, Samples
from bench.publisher import publisher
from bench.streams import ROOM_FOR_FILES, Readers, readers
from tests.cloud.toy_controller import BARCELONA, NETWORK, ToyController
from tests.system.mosquitto import free_port, mosquitto

BOARDS = 1_000
EVENTS = 5
PASSWORD = "four plain words here"  # noqa: S105 - of an account that lives for a minute


def cases(room: Path) -> Iterator[Case]:
    """The fan-out of one event."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (ROOM_FOR_FILES, ROOM_FOR_FILES))
    with ExitStack() as stack:
        ours = stack.enter_context(_our_boards(room, stack.enter_context(mosquitto())))
        floor = stack.enter_context(_bare_boards())
        yield Case(f"event to screen, {BOARDS:,} boards", ours, floor, at_most=0.25, unit="ms")


@contextmanager
def _our_boards(room: Path, broker_port: int) -> Iterator[Callable[[], Samples]]:
    port = free_port()
    config = Config(
        state_dir=room,
        database_url=f"sqlite:///{room / 'cloud.db'}",
        port=port,
        base_url=f"http://localhost:{port}",
        argon2_time_cost=1,
        argon2_memory_kib=8,
        mqtt_host="127.0.0.1",
        mqtt_port=broker_port,
    )
    database = Database(config.database)
    migrate(database)
    app = create_app(config, database=database)
    cloud: Cloud = app.state.cloud
    toy = _site(cloud)
    make_keys(cloud.keyring, room / "root.key", datetime.now(UTC))
    with ExitStack() as stack:
        stack.enter_context(_served(app, port))
        door = stack.enter_context(publisher(broker_port))
        screens = stack.enter_context(readers(port, f"/board/live?site={BARCELONA}", _sign_in(port), BOARDS))
        _first_heard(cloud, door, toy)
        yield lambda: [_one_event(door, toy, screens) for _ in range(EVENTS)]
    database.close()


def _site(cloud: Cloud) -> ToyController:
    toy = ToyController("ctl_screen")
    with cloud.database.write() as db:
        work = Work(db, Scope(NETWORK), datetime.now(UTC))
        add_network(work, "Bench")
        add_site(work, Site(BARCELONA, NETWORK, "Barcelona", "Europe/Madrid"))
        add_zone(work, Zone(ZoneId("zone_open"), BARCELONA, "Open space"))
        toy.join(work)
        account = NewAccount("operator@bench.test", "operator", PASSWORD, (Grant(Role.OPERATOR, ALL_SITES),))
        open_account(work, account, Passwords(cloud.config))
    return toy


def _first_heard(cloud: Cloud, door: Client, toy: ToyController) -> None:
    """Say something until the service has it: its connection to the broker is made in its own time."""
    sequence = toy.tap("hld_first", "zone_open", datetime.now(UTC))
    for _ in range(600):
        door.publish(f"aldaba/1/{toy.site}/{toy.id}/up", pack({Kind.BATCH: toy.sealed(toy.batch(sequence))}), qos=1)
        with cloud.database.read() as db:
            if books.find_watermark(Work(db, Scope(NETWORK), datetime.now(UTC)), toy.id, toy.journal).sequence:
                return
        time.sleep(0.1)
    raise TimeoutError


def _one_event(door: Client, toy: ToyController, screens: Readers) -> float:
    sequence = toy.tap(f"hld_{len(toy.lines)}", "zone_open", datetime.now(UTC))
    payload = pack({Kind.BATCH: toy.sealed(toy.batch(sequence))})
    screens.expect(f'id="event-{toy.id}-{toy.journal}-{sequence}"')
    start = time.perf_counter()
    door.publish(f"aldaba/1/{toy.site}/{toy.id}/up", payload, qos=1)
    return screens.heard_at() - start


def _sign_in(port: int) -> str:
    connection = http.client.HTTPConnection("localhost", port)
    body = json.dumps({"email": "operator@bench.test", "password": PASSWORD})
    connection.request("POST", "/api/v1/session", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == http.HTTPStatus.CREATED, answer.read()
    cookie = answer.headers["set-cookie"].partition(";")[0]
    connection.close()
    return cookie


@contextmanager
def _bare_boards() -> Iterator[Callable[[], Samples]]:
    port, boards, number = free_port(), Bare(), iter(range(1, 1_000_000))
    with _served(boards, port), readers(port, "/", "none", BOARDS) as screens:

        def once() -> float:
            marker = f'"sequence":{next(number)},'
            screens.expect(marker)
            start = time.perf_counter()
            boards.tell(f"event: event\ndata: {marker}{'x' * 240}\n\n".encode())
            return screens.heard_at() - start

        yield lambda: [once() for _ in range(EVENTS)]


class Bare:
    """An ASGI application that does nothing but write the same bytes to every stream."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[bytes]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def tell(self, data: bytes) -> None:
        """Write to all; from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._put, data)

    def _put(self, data: bytes) -> None:
        for waiting in self._queues:
            waiting.put_nowait(data)

    async def __call__(self, scope: MutableMapping[str, Any], _receive: object, send: Callable[..., Any]) -> None:
        """Serve one stream for ever."""
        if scope["type"] != "http":
            return
        self._loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._queues.add(waiting)
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        data = b"event: beat\ndata: \n\n"
        while True:
            await send({"type": "http.response.body", "body": data, "more_body": True})
            data = await waiting.get()


@contextmanager
def _served(app: Any, port: int) -> Iterator[None]:  # noqa: ANN401 - an ASGI application of either kind
    settings = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="critical", backlog=2048, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, name=f"uvicorn {port}")
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
