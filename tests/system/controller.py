"""A real `aldaba-edge run` process on a simulated door: a PN532 on a pty, a lock and contacts on mock pins."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from msgspec.structs import replace

from aldaba_edge.journal_file import JournalFile
from aldaba_edge.keyfile import write_identity
from aldaba_edge.local import Asking, DaemonAway
from aldaba_shared.events import Line
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.schedule import always
from aldaba_shared.snapshot import ENABLED, GOOD_STANDING, Row
from aldaba_shared.wire import encode
from aldaba_sim.cards import Card, UidCard
from aldaba_sim.pin_panel import PinPanel
from aldaba_sim.pn532 import Pn532Board
from tests.edge.places import FRONT, Keys, write_rules

T = TypeVar("T")

ANA = UidCard(bytes.fromhex("04536b4a2f7080"))
STRANGER = UidCard(bytes.fromhex("deadbeef"))
LOCK_PIN = 17
EXIT_PIN = 5
CONTACT_PIN = 4

CONFIG = """
data_dir = "{folder}/data"
runtime_dir = "{folder}/run"
pins = {{ profile = "simulated", options = {{ socket = "{folder}/panel" }} }}

[[door]]
id = "front"
in_zone = "floor"
egress = true
handle = true
release_seconds = {release_seconds}
lock = {{ profile = "strike-fail-secure", pin = 17, fail_safe = false, max_on_ms = 30000 }}
relay = {{ contact = "NO" }}
board = {{ profile = "gpio-direct", active_low = false }}
contact = {{ profile = "gpio-contact", options = {{ pin = 4, debounce_ms = 5 }} }}
exit_button = {{ profile = "gpio-contact", options = {{ pin = 5, active_when_closed = true, debounce_ms = 5 }} }}

[[door.readers]]
side = "in"
profile = "pn532-hsu"
options = {{ path = "{folder}/reader", poll_ms = 5, absent_ms = 60, probe_ms = 60 }}
"""


def rules_for(card: UidCard, now: datetime, doors: Iterable[str] = (FRONT,)) -> list[Row]:
    """One holder, one card, one right at each door."""
    since = int((now - timedelta(days=1)).timestamp())
    key = credential_key(bytes(32), CredentialKind.UID, card.uid)
    return [
        Row("schedule", ("always", encode(always("Europe/Madrid")))),
        Row("setting", ("site_zone", encode("Europe/Madrid"))),
        Row("credential", (key, "card-ana", "ana", "uid", ENABLED, None, None)),
        *(Row("grant_", (door, "ana", "right", "always", "m1", GOOD_STANDING, since, None)) for door in doors),
    ]


class SimulatedController:
    """A controller's folder, its simulated hardware, and its process while it runs."""

    def __init__(
        self,
        folder: Path,
        *,
        release_seconds: float = 0.3,
        text: str = CONFIG,
        rows: Callable[[datetime], list[Row]] = lambda now: rules_for(ANA, now),
        rules_age: timedelta = timedelta(0),
        follows: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        """Put it together. `follows` are inputs wired to outputs, low while the output is high, as a feedback is."""
        self.folder = folder
        self.config = folder / "edge.toml"
        self.config.write_text(text.format(folder=folder, release_seconds=release_seconds))
        self.config.chmod(0o600)
        self.data = folder / "data"
        now = datetime.now(UTC)
        keys = Keys()
        identity = keys.identity()
        offline = replace(identity.answer, broker_host="")
        write_identity(self.data / "identity", replace(identity, answer=offline))
        told = rows(now)
        head = keys.head(told, at=now - rules_age)
        write_rules(self.data / "rules" / "1-1" / "rules.db", told, keys.seal_head(head), head.set_hash)
        (self.data / "rules" / "current").symlink_to("1-1")
        self.changes: list[tuple[int, bool]] = []
        self._follows = follows
        self.panel = PinPanel(folder / "panel", self._changed)
        for follower in follows.values():
            self.panel.drive(follower, level=True)
        self.panel.drive(CONTACT_PIN, level=False)
        self.panel.drive(EXIT_PIN, level=True)
        self.board = Pn532Board(folder / "reader")
        self.process: subprocess.Popen[bytes] | None = None

    def _changed(self, pin: int, level: bool) -> None:
        self.changes.append((pin, level))
        if pin in self._follows:
            self.panel.drive(self._follows[pin], level=not level)

    @property
    def released(self) -> bool:
        """Whether the lock's pin lets through."""
        return self.panel.outputs.get(LOCK_PIN, False)

    def wait_releases(self, times: int) -> bool:
        """Wait until the lock has let through that often and holds again; a pulse is never too short to be seen."""
        return self.panel.wait_for(
            lambda _: self.changes.count((LOCK_PIN, True)) == times and not self.released,
        )

    def start(self) -> float:
        """Start the process; the seconds until it decides, those it had to wait for a free processor left out."""
        began = time.monotonic()
        command = [sys.executable, "-m", "aldaba_edge.cli", "run", str(self.config)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log)
        self.ask_until_up()
        took = time.monotonic() - began
        _ran, waited, _slices = Path(f"/proc/{self.process.pid}/schedstat").read_text().split()
        return took - int(waited) / 1e9

    def ask_until_up(self) -> dict[str, object]:
        """The first answer of the daemon's socket; a start takes well under the minute waited here."""
        for _ in range(6000):
            try:
                asking = Asking(self.folder / "run" / "edge.sock")
            except DaemonAway:
                assert self.process is not None
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.01)
                continue
            answer = asking.ask(do="status")
            asking.close()
            if answer["durable_sequence"] != answer["last_sequence"]:
                continue  # its first line is on its way to the disk
            return answer
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        """SIGKILL: what a crash and an impatient person do."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM: an orderly end, and its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        assert self.process is not None
        os.kill(self.process.pid, number)
        code = self.process.wait(10)
        self.process = None
        return code

    def tap(self, card: Card = ANA) -> None:
        """Hold a card to the reader, which knows by now that the one before is away."""
        self.board.take()
        assert self.board.wait_forgotten(60), "the reader still holds the card before for present"
        self.board.hold(card)

    def lines(self) -> list[Line]:
        """Every line of the books."""
        with JournalFile(self.data / "journal.db") as journal:
            return list(journal.events())

    def kinds(self) -> list[str]:
        """The kinds of the lines of the books."""
        return [str(line.event.__struct_config__.tag) for line in self.lines()]

    def events_of(self, kind: type[T]) -> list[T]:
        """The events of one kind, in the order of the books."""
        return [line.event for line in self.lines() if isinstance(line.event, kind)]

    def wait_kind(self, kind: str, times: int = 1) -> None:
        """Wait until the books hold so many lines of a kind."""
        for _ in range(6000):
            if self.kinds().count(kind) >= times:
                return
            time.sleep(0.01)
        raise AssertionError(self.kinds())

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this controller."""
        return self.program(*arguments, "--config", str(self.config))

    def program(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command that is told everything."""
        command = [sys.executable, "-m", "aldaba_edge.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def close(self) -> None:
        """End everything."""
        if self.process is not None:
            self.kill()
        self.board.close()
        self.panel.close()


def as_json(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    """What a command with --json said."""
    answer: dict[str, object] = json.loads(done.stdout)
    return answer
