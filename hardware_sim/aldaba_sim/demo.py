"""The demo: a Barcelona space alive on one machine, every part a real process with real wires between them.

Cloud, broker and eight controllers are programs of their own; the simulator
holds the other end of their serial lines and pins, and walks the people. All of
it lives in one temporary directory and ends with this process.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from subprocess import run
from typing import Final

import uvicorn

from aldaba_cloud import schema
from aldaba_cloud.auth.service import Passwords
from aldaba_cloud.config import Config, load_config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import pairing
from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_edge.codecs.wiegand import CardNumber
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import DoorId
from aldaba_shared.keys import CredentialKind
from aldaba_sim import barcelona, shop
from aldaba_sim.building import Building, Opening, Space
from aldaba_sim.children import Children
from aldaba_sim.crowd import Crowd, Passer
from aldaba_sim.page import CardOnTable, page
from aldaba_sim.stage import Card, DemoStage
from aldaba_sim.wired_door import Wallet, WiredDoor

WEB_PORT: Final = 8080
PAGE_PORT: Final = 8090
START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
"""For closing simulated devices; their threads are daemons and end with the process anyway."""
WIEGAND_DOORS: Final = frozenset({"quiet"})
BIN: Final = Path(sys.executable).parent
CARDS_ON_TABLE: Final = 24


class DemoFailed(AldabaError):
    """A part of the demo did not come up."""

    code = "demo_failed"

    def __init__(self, what: str, said: str) -> None:
        super().__init__(f"{what} did not come up. It said:\n{said}\nStart the demo again; if it stays so, report it.")


@dataclass(slots=True)
class Seeded:
    """The cloud's database, filled, and the pairing code of each door."""

    config: Config
    database: Database
    keyring: Keyring
    space: barcelona.SeededSpace
    codes: dict[str, str] = field(repr=False)


def barcelona_building(only: str | None = None) -> Building:
    """The seeded space as the simulator walks it, or one of its doors as if it led to the street."""
    openings = {
        str(door.id): Opening(
            str(door.id),
            str(door.id),
            door.name,
            str(door.out_of),
            str(door.into),
            reader_out=door.way_out_read,
            turnstile=door.id == "turnstile",
        )
        for door in barcelona.DOORS
        if only is None or door.id == only
    }
    spaces = {
        str(zone.id): Space(str(zone.id), zone.name, str(zone.parent) if zone.parent else None)
        for zone in barcelona.ZONES
    }
    return Building(openings, spaces)


class Demo:
    """Everything that runs, and how to stop it. `tell` prints a line for whoever started it."""

    def __init__(self, folder: Path, tell: Callable[[str], None], *, only: str | None = None) -> None:
        self._folder = folder
        self._tell = tell
        self._building = barcelona_building(only)
        self._children = Children(folder / "logs")
        self._doors: dict[str, WiredDoor] = {}
        self._crowd: Crowd | None = None
        self._page: uvicorn.Server | None = None
        self._page_thread: threading.Thread | None = None
        self._only = only

    def start(self) -> None:
        """Bring it all up; says where to look as soon as there is something to see.

        Raises:
            DemoFailed: a part did not come up.
            ChildDied: a part ended by itself.
        """
        web, mqtt = free_port(WEB_PORT), free_port(0)
        passwords = self._folder / "broker-passwords.json"
        broker_password = secrets.token_urlsafe(24)
        write_private(passwords, json.dumps({"cloud": broker_password}))
        environment = {
            "ALDABA_STATE_DIR": str(self._folder / "cloud"),
            "ALDABA_PORT": str(web),
            "ALDABA_BASE_URL": f"http://127.0.0.1:{web}",
            "ALDABA_MQTT_HOST": "127.0.0.1",
            "ALDABA_MQTT_PORT": str(mqtt),
            "ALDABA_MQTT_USERNAME": "cloud",
            "ALDABA_MQTT_PASSWORD": broker_password,
        }
        self._children.start("broker", [sys.executable, "-m", "aldaba_sim.embedded_broker", str(mqtt), str(passwords)])
        seeded = self._seed(environment)
        self._children.start("cloud", [str(BIN / "aldaba-cloud"), "serve"], environment)
        self._wait("broker", mqtt)
        self._wait("cloud", web)
        self._tell(f"The board:  http://127.0.0.1:{web}")
        for account in seeded.space.accounts:
            self._tell(f"  sign in as {account.role.value:9} {account.email:24} {account.password}")
        with ThreadPoolExecutor(4) as installers:
            for _ in installers.map(
                lambda one: self._mount(one.door, one, seeded.codes[one.door], f"http://127.0.0.1:{web}"),
                self._building.openings.values(),
            ):
                pass
        self._doors = {name: self._doors[name] for name in self._building.openings}
        self._let_in(seeded, passwords, broker_password)
        for name in self._doors:
            self._children.start(f"door-{name}", [str(BIN / "aldaba-edge"), "run", str(self._config_of(name))])
        self._tell(f"The doors:  http://127.0.0.1:{self._show(seeded)}")
        self._wait_for_doors()
        seeded.database.close()

    def run(self, stop: threading.Event) -> None:
        """Go on until told to stop.

        Raises:
            ChildDied: a part ended by itself.
        """
        if self._crowd is not None:
            self._crowd.start()
        while not stop.wait(0.5):
            self._children.check()

    def stop(self) -> None:
        """Stop people, page and programs, and take the doors down; idempotent."""
        if self._crowd is not None:
            self._crowd.stop()
        if self._page is not None:
            self._page.should_exit = True
        self._children.stop(STOP_SECONDS)
        if self._page_thread is not None:
            self._page_thread.join(1)
        closing = [threading.Thread(target=door.close, daemon=True) for door in self._doors.values()]
        for thread in closing:
            thread.start()
        patience = time.monotonic() + CLOSE_SECONDS
        for thread in closing:
            thread.join(max(0.0, patience - time.monotonic()))
        self._doors = {}

    def _seed(self, environment: Mapping[str, str]) -> Seeded:
        config = load_config(environ=environment)
        config.state_dir.mkdir(parents=True)
        database, keyring, now = Database(config.database), Keyring(config.key_dir), datetime.now(UTC)
        schema.migrate(database)
        make_keys(keyring, self._folder / "root.key", now)
        with database.write() as connection:
            work = Work(connection, Scope(barcelona.NETWORK), now)
            space = barcelona.seed_space(work, keyring, Passwords(config), Random(1))
            shop.open_shop(work, Random(3))
            codes = {
                name: pairing.issue_code(work, keyring, barcelona.SITE, name, [DoorId(name)])
                for name in self._building.openings
            }
        return Seeded(config, database, keyring, space, codes)

    def _mount(self, name: str, opening: Opening, code: str, cloud_url: str) -> None:
        """Put up one door and pair its controller with the code, as an installer would."""
        folder = self._folder / name
        (folder / "data").mkdir(parents=True, mode=0o700)
        self._doors[name] = WiredDoor(opening, folder, wiegand=name in WIEGAND_DOORS)
        write_private(self._config_of(name), self._doors[name].configuration(cloud_url))
        command = [str(BIN / "aldaba-edge"), "pair", code, "--yes", "--config", str(self._config_of(name))]
        done = run(command, capture_output=True, text=True, timeout=30, check=False, stdin=None)
        if done.returncode:
            raise DemoFailed(f"The door {name}", done.stdout + done.stderr)

    def _config_of(self, name: str) -> Path:
        return self._folder / name / "edge.toml"

    def _let_in(self, seeded: Seeded, passwords: Path, broker_password: str) -> None:
        """Tell the broker the passwords that pairing gave out."""
        with seeded.database.read() as connection:
            work = Work(connection, Scope(barcelona.NETWORK), datetime.now(UTC))
            given = {str(name): seeded.keyring.unseal(sealed).decode() for name, sealed in fleet.broker_passwords(work)}
        write_private(passwords, json.dumps({"cloud": broker_password, **given}))

    def _show(self, seeded: Seeded) -> int:
        """The page with the doors, and the people behind them."""
        wallets = {str(person.holder): wallet_of(person) for person in seeded.space.people}
        people = seeded.space.people
        table = [*people[::8], *(person for person in people if not person.plan)][:CARDS_ON_TABLE]
        cards = [
            Card(CardOnTable(str(one.holder), one.name, one.plan or one.kind.value), wallets[str(one.holder)])
            for one in table
        ]
        stranger = Wallet(secrets.token_bytes(7), CardNumber("H10301", 99, secrets.randbelow(65_535)))
        cards.append(Card(CardOnTable("stranger", "Unknown card", "in nobody's books"), stranger))
        journals = {name: self._folder / name / "data" / "journal.db" for name in self._doors}
        if self._only is None:
            walkers = [Passer(name, wallet) for name, wallet in wallets.items()]
            self._crowd = Crowd(self._building, self._doors, walkers, Random(2))
        port = free_port(PAGE_PORT)
        stage = DemoStage(self._building, self._doors, journals, cards)
        self._page = uvicorn.Server(uvicorn.Config(page(stage), host="127.0.0.1", port=port, log_level="warning"))
        self._page_thread = threading.Thread(target=self._page.run, name="page", daemon=True)
        self._page_thread.start()
        return port

    def _wait(self, name: str, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not answers(port):
            self._children.check()
            if time.monotonic() > deadline:
                raise DemoFailed(name, self._children.last_words(name))
            time.sleep(0.1)

    def _wait_for_doors(self) -> None:
        for name, door in self._doors.items():
            deadline = time.monotonic() + START_SECONDS
            while not door.panel.connected:
                self._children.check()
                if time.monotonic() > deadline:
                    raise DemoFailed(f"The door {name}", self._children.last_words(f"door-{name}"))
                time.sleep(0.1)


def wallet_of(person: barcelona.SeededPerson) -> Wallet:
    """A seeded person's card as the two kinds of readers see it."""
    uid, wiegand = b"", None
    for one in person.carried:
        if one.kind is CredentialKind.UID:
            uid = one.canonical
        elif one.kind is CredentialKind.WIEGAND:
            wire_format, facility, number = one.canonical.decode("ascii").split(":")
            wiegand = CardNumber(wire_format, int(facility), int(number))
    return Wallet(uid, wiegand)


def free_port(wanted: int) -> int:
    """The wanted port on loopback if it is free, else any that is."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoFailed("A port", "there is no free port on this machine")


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def write_private(path: Path, text: str) -> None:
    """Write a file for its owner's eyes only, whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        out.write(text)
    new.rename(path)


def play(tell: Callable[[str], None], *, only: str | None = None) -> None:
    """Run the demo until Ctrl-C or SIGTERM, and leave nothing behind.

    Raises:
        AldabaError: a part did not come up, or ended by itself.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    folder = Path(tempfile.mkdtemp(prefix="aldaba-demo-"))
    demo = Demo(folder, tell, only=only)
    try:
        demo.start()
        tell("Everything runs; Ctrl-C stops it.")
        demo.run(stop)
    except AldabaError:  # who presses Ctrl-C ends the programs we were still starting, too
        if not stop.is_set():
            raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        demo.stop()
        shutil.rmtree(folder, ignore_errors=True)
