"""A controller on a temporary disk, with a cloud's keys beside it: what the tests of the edge's core start from."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aldaba_edge.books import Books, inline, open_books
from aldaba_edge.clock import HandClock
from aldaba_edge.keyfile import Identity
from aldaba_shared.envelope import SigningKey, seal
from aldaba_shared.ids import ControllerId, DoorId
from aldaba_shared.messages import Head, KeyList, Kind, PairAnswer, WorkingKey
from aldaba_shared.schedule import always
from aldaba_shared.snapshot import COLUMNS, ENABLED, FORMAT, GOOD_STANDING, SCHEMA, Row, set_hash
from aldaba_shared.wire import encode

ME = ControllerId("c1")
PEER = ControllerId("c2")
SITE = "s1"
FRONT = DoorId("front")
DOWN = (Kind.HEAD, Kind.DELTA, Kind.MODES, Kind.COMMAND, Kind.ACK, Kind.RESEND)
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@dataclass
class Keys:
    """Who signs what around one controller."""

    root: SigningKey = field(default_factory=lambda: SigningKey.generate(b"root"))
    cloud: SigningKey = field(default_factory=lambda: SigningKey.generate(b"cloud-1"))
    me: SigningKey = field(default_factory=lambda: SigningKey.generate(ME.encode()))
    peer: SigningKey = field(default_factory=lambda: SigningKey.generate(PEER.encode()))

    def key_list(self, serial: int = 1, *keys: WorkingKey) -> bytes:
        """The key list the root signs."""
        listed = keys or (self.cloud.public(*DOWN), self.peer.public(Kind.PRESENCE))
        return seal(Kind.KEYS, "*", KeyList(serial, START, tuple(listed)), self.root)

    def identity(self) -> Identity:
        """What pairing would have left on this controller."""
        answer = PairAnswer(
            network="n1",
            site=SITE,
            controller=ME,
            doors=(FRONT,),
            kid=self.me.kid,
            controller_key=bytes(32),
            root_key=self.root.public(Kind.KEYS).public_key,
            keys=self.key_list(),
            broker_host="localhost",
            broker_port=1883,
            broker_username="c1",
            broker_password="p",
            broker_tls=False,
            words="four words are here",
        )
        return Identity(answer, self.me.private_bytes())

    def head(self, rows: Iterable[Row], version: int = 1, *, epoch: int = 1, at: datetime = START) -> Head:
        """The head of a rule set."""
        return Head(ME, epoch, version, set_hash(rows), at)

    def seal_head(self, head: Head) -> bytes:
        """The head as the cloud signs it."""
        return seal(Kind.HEAD, ME, head, self.cloud)


def key_of(number: int) -> bytes:
    """The lookup key of the numbered card."""
    return number.to_bytes(32, "big")


def some_rows(cards: int = 3) -> list[Row]:
    """A rule set: one schedule, so many cards, each with a right at the front door."""
    rows = [Row("schedule", ("always", encode(always("Europe/Madrid")))), Row("setting", ("site_zone", encode("UTC")))]
    for number in range(cards):
        rows.extend(card_rows(number))
    return rows


def card_rows(number: int) -> list[Row]:
    """The rows of one holder with a card and a right."""
    since = int((START - timedelta(days=1)).timestamp())
    holder = f"h{number}"
    return [
        Row("credential", (key_of(number), f"k{number}", holder, "uid", ENABLED, None, None)),
        Row("grant_", (FRONT, holder, f"r{number}", "always", "m1", GOOD_STANDING, since, None)),
    ]


def write_rules(path: Path, rows: Iterable[Row], envelope: bytes, claimed: bytes) -> None:
    """Write a rule set as the cloud does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    for row in rows:
        marks = ", ".join("?" * len(COLUMNS[row.table]))
        connection.execute(f"INSERT INTO {row.table} VALUES ({marks})", row.values)  # noqa: S608 - names from COLUMNS
    connection.execute("INSERT INTO head_ VALUES (1, ?, ?)", (envelope, claimed))
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.commit()
    connection.close()


def no_break(error: Exception) -> None:
    """Nothing may break in a test that does not say so."""
    raise AssertionError(str(error))


def books_in(
    folder: Path, clock: HandClock, *, boot: str = "b1", reserve_bytes: int = 4096, synchronous: str = "OFF"
) -> Books:
    """Open the books of a controller, inline and fast; with their logs laid out where a power cut is real."""
    return open_books(
        folder,
        clock,
        inline(clock),
        boot=boot,
        on_broken=no_break,
        synchronous=synchronous,
        reserve_bytes=reserve_bytes,
        log_bytes=0 if synchronous == "OFF" else 64 * 1024,
    )
