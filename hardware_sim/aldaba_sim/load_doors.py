"""A process with some of the controllers of `aldaba-sim load`: first their days alone, then their return.

`python -m aldaba_sim.load_doors FOLDER HOURS TAPS_PER_DAY PATIENCE NAME ...`. Each
controller's journal is filled by its own writer under a clock turned by hand, lines
that come together sharing a commit as at a door. A line `go` on standard input
brings them all back at once, each with its own sync, uplink and paho. What there
is to say goes to standard output as a JSON object a line (`Told`).
"""

import asyncio
import logging
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from aldaba_edge.books import Books, inline, open_books, threaded
from aldaba_edge.clock import AsyncioClock, HandClock
from aldaba_edge.core import Core, Ways, open_core
from aldaba_edge.keyfile import read_identity
from aldaba_edge.mqtt import PahoLink, broker_of, subscriptions
from aldaba_edge.rules_file import verified_hash
from aldaba_edge.runner import InlineRunner
from aldaba_shared.decide import DoorNow, PresenceNow, Presented, Side, decide
from aldaba_shared.events import AccessDecided, DaemonStarted
from aldaba_shared.ids import CredentialId, DoorId, HolderId, RightId, SiteId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.rules import Credential, Facts, Right
from aldaba_shared.schedule import always

SOFTWARE = "aldaba-edge under load"
SMALL_RESERVE = 64 * 1024
LINES_A_COMMIT = 500
LOOK_SECONDS = 0.05
HOLDERS = 400
FILES = 8192


class Told(msgspec.Struct, omit_defaults=True):
    """One line of what this process says."""

    filled: int = 0
    """Controllers whose days alone are written."""
    lines: int = 0
    """In all their journals."""
    acked: int = 0
    """Lines of theirs that the cloud has, so far."""
    done_at: float = 0.0
    """When the last of them had its last line acknowledged, on the clock all processes of a machine share."""
    late: int = 0
    """Controllers that had not within the patience."""
    ram_mb: float = 0.0


def only_errors() -> None:
    """Logs go to standard error, and only what is wrong: standard output is for what was asked."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def tell(told: Told) -> None:
    """Say it to whoever started us."""
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    sys.stdout.flush()


def tap(door: DoorId, number: int, at: datetime) -> AccessDecided:
    """A member with a right who goes through this door."""
    holder = HolderId(f"holder-{number % HOLDERS:04}")
    right = Right(RightId("right"), always("Europe/Madrid"), at - timedelta(days=30))
    facts = Facts(Credential(CredentialId(f"card-{holder}"), holder, CredentialKind.UID), (right,))
    shown = Presented(door, Side.IN, CredentialKind.UID, at)
    now = DoorNow(rules_issued_at=at)
    decision = decide(shown, facts, PresenceNow(), now)
    zone = ZoneId(f"{door.rpartition('-')[0]}-floor")
    return AccessDecided(shown, facts.on_day_of(at), PresenceNow(), now, decision, zone, released=True)


def fill(folder: Path, door: DoorId, hours: float, taps: int) -> int:
    """So many taps over so many hours that end now; answers the journal's last sequence."""
    clock, apart = HandClock(datetime.now(UTC) - timedelta(hours=hours)), hours * 3600 / max(taps, 1)
    writer = inline(clock, lambda: LINES_A_COMMIT * apart)
    books = open_books(folder, clock, writer, boot="alone", on_broken=_broken, reserve_bytes=SMALL_RESERVE)
    books.journal.record(DaemonStarted(SOFTWARE, "alone", books.clean))
    for number in range(taps):
        books.journal.record(tap(door, number, clock.now()))
        clock.advance(apart)
    books.close()
    return books.journal.last


@dataclass(frozen=True, slots=True)
class Controller:
    """One that runs."""

    books: Books
    core: Core

    @property
    def drained(self) -> bool:
        """Whether the cloud has every line there is."""
        return self.core.sync.uplink.watermark == self.books.journal.last

    def stop(self) -> None:
        """End in order."""
        self.core.stop()
        self.books.close()


class Unasked:
    """The way to whole rule sets, which nobody should need: their rules are the newest there are."""

    def fetch(self, request: bytes, into: Path, then: Callable[[bool], None]) -> None:
        """Nothing comes."""
        del request, into
        then(False)  # noqa: FBT003 - the shape of the port


def put_up(folder: Path, clock: AsyncioClock) -> Controller:
    """A controller that was switched off for a moment and knows nothing but its disk."""
    identity = read_identity(folder / "identity")
    answer = identity.answer
    books = open_books(folder, clock, threaded(clock.post), boot="back", on_broken=_broken, reserve_bytes=SMALL_RESERVE)
    books.journal.record(DaemonStarted(SOFTWARE, "back", books.clean))
    wanted = subscriptions(SiteId(answer.site), answer.controller)
    link = PahoLink(broker_of(answer, folder), answer.broker_username, wanted, clock.post)
    ways = Ways(link, Unasked(), InlineRunner(clock.post), verified_hash)
    return Controller(books, open_core(folder, books, identity, clock, ways, software=SOFTWARE))


def _broken(error: Exception) -> None:
    raise error


async def come_back(folders: Sequence[Path], patience: float) -> Told:
    """Wait for the word, bring all of them back, and wait until the cloud has everything."""
    loop = asyncio.get_running_loop()
    clock = AsyncioClock(loop)
    controllers = [put_up(folder, clock) for folder in folders]
    tell(Told(lines=sum(one.books.journal.last for one in controllers)))
    if await loop.run_in_executor(None, sys.stdin.readline) != "go\n":
        raise SystemExit(1)
    for one in controllers:
        one.core.start()
    give_up, told_at = time.perf_counter() + patience, time.perf_counter()
    while (late := sum(not one.drained for one in controllers)) and time.perf_counter() < give_up:
        await asyncio.sleep(LOOK_SECONDS)
        if time.perf_counter() - told_at > 1:
            told_at = time.perf_counter()
            tell(Told(acked=sum(one.core.sync.uplink.watermark for one in controllers)))
    done_at = time.perf_counter()
    for one in controllers:
        one.stop()
    ram = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Told(done_at=done_at, late=late, lines=sum(one.books.journal.last for one in controllers), ram_mb=ram)


def main(folder: str, hours: str, taps_per_day: str, patience: str, *names: str) -> None:
    """Fill, wait, come back, and say how it went."""
    only_errors()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard) if hard > 0 else FILES, hard))
    folders = [Path(folder) / name for name in names]
    for one in folders:
        (door,) = read_identity(one / "identity").answer.doors
        fill(one, door, float(hours), round(float(taps_per_day) * float(hours) / 24))
        tell(Told(filled=1))
    tell(asyncio.run(come_back(folders, float(patience))))


if __name__ == "__main__":
    main(*sys.argv[1:])
