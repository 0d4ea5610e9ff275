"""The whole space on real parts: PostgreSQL, Mosquitto, `aldaba-cloud serve`, `aldaba-edge run` with four doors.

Each door has another kind of reader, and behind each reader stands the simulated
device on the same kind of wire a Pi has: PN532 on a pty, a virtual card behind
pcscd, a QR scanner on a pty, Wiegand pulses on pins.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import text

from aldaba_cloud.access import passes as visitor_passes
from aldaba_cloud.access import service
from aldaba_cloud.access import store as access
from aldaba_cloud.access.service import publish_everywhere
from aldaba_cloud.auth.service import Passwords
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import card_keys
from aldaba_cloud.fleet.keys import load_keys, make_keys
from aldaba_cloud.fleet.pairing import issue_code
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.schema import migrate
from aldaba_edge.pairing import keep, pair
from aldaba_shared import passes
from aldaba_shared.ids import DoorId, HolderId
from aldaba_shared.keys import CredentialKind
from aldaba_sim.barcelona import NETWORK, SITE, SeededSpace, seed_space
from aldaba_sim.pcsc import VpcdSlot
from aldaba_sim.pin_panel import PinPanel
from aldaba_sim.pn532 import Pn532Board
from aldaba_sim.scanner import Scanner
from aldaba_sim.wiegand_pins import WiegandSender
from tests.system.mosquitto import free_port
from tests.system.mosquitto_guarded import guarded_mosquitto, with_broker
from tests.system.pcscd import READER_NAME, virtual_reader
from tests.system.postgres import postgres
from tests.system.programs import PATIENCE, START_SECONDS, answers, as_environment, run_program, wait_until

LOCKS = {"street": 17, "gaudi": 27, "miro": 22, "offices": 23}
"""Door to lock pin: PN532, PC/SC, QR and Wiegand, in this order."""
D0, D1 = 5, 6


@dataclass
class WholeSpace:
    """What a test may touch."""

    url: str
    database: Database
    seeded: SeededSpace
    keyring: Keyring
    panel: PinPanel
    board: Pn532Board
    slot: VpcdSlot
    scanner: Scanner
    wiegand: WiegandSender
    edge_config: Path

    def card(self, kind: CredentialKind, plan: str = "plan_247") -> tuple[HolderId, bytes]:
        """A member on a plan, and the canonical number of their card for this kind of reader."""
        person = next(one for one in self.seeded.people if one.plan == plan)
        return person.holder, next(one.canonical for one in person.carried if one.kind is kind)

    def take_card(self) -> None:
        """Take the card from the PN532, and wait until the door knows: the same one held again is another tap."""
        self.board.take()
        assert self.board.wait_forgotten(PATIENCE)

    def make_card_keys(self) -> None:
        """Make the site's first key set and have the doors told."""
        with self.database.write() as db:
            work = Work(db, Scope(NETWORK), datetime.now(UTC))
            card_keys.make_set(work, SITE, self.keyring)
            publish_everywhere(work, self.keyring)

    def visitor_pass(self, *doors: str, uses: int = 1) -> bytes:
        """A signed pass for some doors, as its QR code says it."""
        now = datetime.now(UTC)
        issued = passes.Pass(
            id=os.urandom(16),
            issuer=NETWORK,
            holder=HolderId("visitor"),
            site=SITE,
            doors=tuple(DoorId(door) for door in doors),
            valid_from=now - timedelta(minutes=1),
            valid_until=now + timedelta(hours=1),
            uses=uses,
        )
        return passes.issue(issued, load_keys(self.keyring).working).encode()

    def pass_text(self, name: str) -> bytes:
        """What the QR code of an issued pass says."""
        with self.database.read() as db:
            found = visitor_passes.find_pass(Work(db, Scope(NETWORK), datetime.now(UTC)), name)
        return visitor_passes.text_of(found, self.keyring).encode("ascii")

    def type_pin(self, digits: str) -> None:
        """Type at the Wiegand keypad, # at the end."""
        for key in (*map(int, digits), 11):
            self.wiegand.press(key, length=4)

    def alarms(self) -> list[tuple[str, str]]:
        """Kind and door of the alarms at doors."""
        with self.database.read() as db:
            rows = db.execute(text("SELECT kind, door_id FROM alarms WHERE door_id = 'offices' ORDER BY at"))
            return [(row[0], row[1]) for row in rows]

    def let_in_at_any_hour(self, holder: HolderId) -> None:
        """Give a holder the residents' level, and have the doors told."""
        with self.database.write() as db:
            work = Work(db, Scope(NETWORK), datetime.now(UTC))
            resident = access.find_level(work, "lvl_247")
            assert resident is not None
            access.link_holder(work, holder, resident)
            publish_everywhere(work, self.keyring, [holder])

    def wait_followed(self) -> None:
        """Wait until the door follows everything that was published: this change too, whoever else changed what."""
        wait_until(self._followed, "the door's confirmation of the newest rules")

    def _followed(self) -> bool:
        with self.database.read() as db:
            told = service.confirmations(Work(db, Scope(NETWORK), datetime.now(UTC)))
        return bool(told) and all(one.up_to_date for one in told)

    def password(self, role: str) -> tuple[str, str]:
        """How somebody with this role signs in."""
        account = next(one for one in self.seeded.accounts if one.role.value == role)
        return account.email, account.password

    def wait_released(self, door: str) -> bool:
        """Wait until the lock's pin goes high."""
        return self.panel.wait_for(lambda panel: panel.outputs.get(LOCKS[door], False), PATIENCE)

    def wait_secured(self, door: str) -> bool:
        """Wait until the lock's pin is low again."""
        return self.panel.wait_for(lambda panel: not panel.outputs.get(LOCKS[door], False), PATIENCE)

    def events(self, query: str = "kind = 'access_decided'") -> list[tuple[str, str, str]]:
        """Door, holder and reason of the events in PostgreSQL."""
        return [(row[0], row[1], row[2]) for row in self._rows("door_id, holder_id, reason", query)]

    def lines(self, query: str) -> list[tuple[str, str, int, str]]:
        """Controller, journal, sequence and reason of the events in PostgreSQL."""
        return [
            (row[0], row[1], row[2], row[3]) for row in self._rows("controller_id, journal, sequence, reason", query)
        ]

    def _rows(self, columns: str, query: str) -> list[Any]:
        with self.database.read() as db:
            return list(db.execute(text(f"SELECT {columns} FROM events WHERE {query} ORDER BY at")))  # noqa: S608 - ours


@contextmanager
def whole_space(room: Path) -> Iterator[WholeSpace]:
    """Start everything, give it to a test, and stop everything by its pid."""
    with ExitStack() as stack:
        url = stack.enter_context(postgres())
        vpcd = stack.enter_context(virtual_reader())
        port = free_port()
        config = _cloud_config(room, url, port)
        database = Database(config.database)
        stack.callback(database.close)
        keyring, seeded, code = _seeded(config, database, room)
        broker = stack.enter_context(guarded_mosquitto(room / "broker", as_environment(config)))
        config = with_broker(config, broker)
        environment = as_environment(config)
        stack.enter_context(run_program("aldaba-cloud", ["serve"], environment, room / "cloud.log"))
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(port), f"the cloud's answer at {address}", START_SECONDS)
        devices = _devices(room, vpcd, stack)
        (room / "edge.toml").write_text(edge_config(room, address))
        (room / "edge.toml").chmod(0o600)
        keep(room / "edge", pair(address, code, None, "test"))
        edge = ["run", str(room / "edge.toml")]
        stack.enter_context(run_program("aldaba-edge", edge, dict(os.environ), room / "edge.log"))
        yield WholeSpace(address, database, seeded, keyring, *devices, edge_config=room / "edge.toml")


def _cloud_config(room: Path, url: str, port: int) -> Config:
    return Config(
        state_dir=room / "cloud",
        database_url=url,
        port=port,
        base_url=f"http://127.0.0.1:{port}",
        argon2_time_cost=1,
        argon2_memory_kib=8,
    )


def _seeded(config: Config, database: Database, room: Path) -> tuple[Keyring, SeededSpace, str]:
    config.state_dir.mkdir(mode=0o700)
    keyring = Keyring(config.key_dir)
    now = datetime.now(UTC)
    make_keys(keyring, room / "root.key", now)
    migrate(database)
    with database.write() as db:
        work = Work(db, Scope(NETWORK), now)
        seeded = seed_space(work, keyring, Passwords(config), Random(1))
        code = issue_code(work, keyring, SITE, "Four doors", [DoorId(door) for door in LOCKS])
    return keyring, seeded, code


def _devices(room: Path, vpcd: int, stack: ExitStack) -> tuple[PinPanel, Pn532Board, VpcdSlot, Scanner, WiegandSender]:
    panel = PinPanel(room / "pins.sock", lambda _pin, _level: None)
    board = Pn532Board(room / "pn532")
    scanner = Scanner(room / "scanner")
    slot = VpcdSlot(vpcd)
    for close in (panel.close, board.close, scanner.close, slot.take):
        stack.callback(close)
    return panel, board, slot, scanner, WiegandSender(panel, D0, D1)


def edge_config(room: Path, cloud: str) -> str:
    readers = {
        "street": ("pn532-hsu", f'path = "{room / "pn532"}", absent_ms = 100, probe_ms = 100'),
        "gaudi": ("acr122u", f'reader = "{READER_NAME} 00 00"'),
        "miro": ("gm65", f'path = "{room / "scanner"}"'),
        "offices": ("wiegand-26", f"d0 = {D0}, d1 = {D1}"),
    }
    zones = {"street": ("lobby", "street"), "offices": ("offices", "floor")}
    lines = [
        f'data_dir = "{room / "edge"}"',
        f'runtime_dir = "{room / "run"}"',
        f'cloud_url = "{cloud}"',
        f'pins = {{ profile = "simulated", options = {{ socket = "{room / "pins.sock"}" }} }}',
    ]
    for door, (profile, options) in readers.items():
        inner, outer = zones.get(door, (f"room-{door}", "floor"))
        lines += [
            "[[door]]",
            f'id = "{door}"',
            f'in_zone = "{inner}"',
            f'out_zone = "{outer}"',
            "egress = true",
            "handle = true",
            "release_seconds = 2",
            f'lock = {{ profile = "strike-fail-secure", pin = {LOCKS[door]}, fail_safe = false, max_on_ms = 30000 }}',
            'relay = { contact = "NO" }',
            'board = { profile = "gpio-direct", active_low = false }',
            "[[door.readers]]",
            'side = "in"',
            f'profile = "{profile}"',
            f"options = {{ {options} }}",
        ]
    return "\n".join([*lines, ""])
