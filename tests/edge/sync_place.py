"""A controller that syncs and its naive cloud, and good messages for it that a test may spoil."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from aldaba_edge.books import Books
from aldaba_edge.clock import HandClock
from aldaba_edge.core import Core, Ways, open_core
from aldaba_edge.inline import InlineBroker, InlineLink
from aldaba_edge.rules_file import verified_hash
from aldaba_edge.runner import InlineRunner
from aldaba_shared.decide import DoorMode
from aldaba_shared.envelope import SigningKey, seal
from aldaba_shared.events import DoorOpened, MessageRefused
from aldaba_shared.ids import HolderId, ZoneId
from aldaba_shared.messages import (
    Ack,
    Command,
    Delta,
    Head,
    Kind,
    ModeNow,
    Modes,
    PresenceNews,
)
from aldaba_shared.presence import Order, Stay
from aldaba_shared.snapshot import Row, changes_between
from tests.edge.naive_cloud import DOWN, STATE, NaiveCloud
from tests.edge.places import FRONT, ME, PEER, SITE, START, Keys, books_in, some_rows, write_rules

OPENED = DoorOpened(FRONT)


class CloudFiles:
    """The `Snapshots` port over a set of rows the test chooses."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.rows: list[Row] | None = None
        self.version = 1
        self.asked = 0

    def fetch(self, request: bytes, into: Path, then: Callable[[bool], None]) -> None:
        assert request
        self.asked += 1
        if self.rows is None:
            then(False)  # noqa: FBT003 - the shape of the port
            return
        head = self.keys.head(self.rows, self.version)
        write_rules(into, self.rows, self.keys.seal_head(head), head.set_hash)
        then(True)  # noqa: FBT003 - the shape of the port


@dataclass
class Place:
    """A controller and its naive cloud on one hand-turned clock."""

    folder: Path
    clock: HandClock
    keys: Keys
    broker: InlineBroker
    cloud: NaiveCloud
    files: CloudFiles
    books: Books = field(init=False)
    link: InlineLink = field(init=False)
    core: Core = field(init=False)
    released: list[tuple[str, str]] = field(default_factory=list)
    modes: list[Modes] = field(default_factory=list)

    def start(self) -> None:
        self.books = books_in(self.folder, self.clock)
        self.link = InlineLink(self.broker, (DOWN, STATE, f"aldaba/1/{SITE}/+/presence"))
        ways = Ways(self.link, self.files, InlineRunner(self.clock.post), verified_hash)
        self.core = open_core(self.folder, self.books, self.keys.identity(), self.clock, ways, software="test")
        self.core.sync.on_release = lambda door, command: self.released.append((door, command))
        self.core.sync.on_modes = self.modes.append
        self.core.start()
        self.clock.settle()

    def stop(self) -> None:
        self.core.stop()
        self.books.close()

    def follow(self, before: list[Row], after: list[Row], version: int) -> None:
        """The cloud publishes the next rule set as a delta."""
        delta = Delta(self.keys.head(after, version), version - 1, changes_between(before, after))
        self.down(Kind.DELTA, delta)

    def refusals(self) -> list[tuple[str, str]]:
        self.clock.settle()
        events = (line.event for line in self.books.journal.file.events())
        return [(one.what, one.why) for one in events if isinstance(one, MessageRefused)]

    def down(self, kind: Kind, body: object, key: SigningKey | None = None, audience: str = ME) -> None:
        self.cloud.publish(kind, seal(kind, audience, body, key or self.keys.cloud))
        self.clock.settle()


def place_in(folder: Path) -> Place:
    clock, keys = HandClock(START), Keys()
    broker = InlineBroker(clock.post)
    return Place(folder, clock, keys, broker, NaiveCloud(clock, keys, broker), CloudFiles(keys))


def nonce(place: Place) -> bytes:
    return place.cloud.batches[-1].nonce


def ack(place: Place) -> Ack:
    return Ack(ME, place.books.journal.id, 1, nonce(place), place.clock.now())


def command(place: Place) -> Command:
    expires = place.clock.now() + timedelta(seconds=30)
    return Command("cmd", ME, FRONT, "release", place.cloud.hellos[-1].nonce, 5, expires)


def lockdown(counter: int = 3) -> Modes:
    return Modes(ME, counter, START, (ModeNow(FRONT, DoorMode.LOCKED_DOWN),))


def news(counter: int = 5) -> PresenceNews:
    order = Order(START, PEER, "j2", 9)
    return PresenceNews(PEER, "j2", counter, START, ((HolderId("h9"), Stay(ZoneId("z"), START, order)),))


def good_head(place: Place) -> Head:
    return place.keys.head(some_rows(), 2, at=place.clock.now() + timedelta(minutes=1))


def good_delta(place: Place) -> Delta:
    return Delta(good_head(place), 1, changes_between(some_rows(1), some_rows()))


def effects(place: Place) -> tuple[object, ...]:
    core = place.core
    journal = place.books.journal
    head = core.rules.head
    honest = core.sync.uplink.watermark == len(place.cloud.lines[journal.id])
    return (honest, head, core.rules.set_hash, core.trust.serial, core.sync.modes, len(place.released))
