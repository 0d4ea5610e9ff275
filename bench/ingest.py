"""What controllers send, taken in: signed batches verified, chains checked, duplicates settled, presence folded.

As the running link does it: a controller with a backlog has four batches of 500
lines in flight, which are taken together, committed once and acknowledged after.
Every time is per event. Beside the speed: every line acked, no chain broken, and
presence equal to a replay of all events.

Floor: the same lines put into a table without index by the fastest way the
engine has (executemany in one transaction, binary COPY), nothing checked.
"""

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import psycopg
from sqlalchemy import Connection

from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fanout import Hub
from aldaba_cloud.fleet.books import find_watermark
from aldaba_cloud.fleet.ingest import verify_chain
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link.end import CloudEnd
from aldaba_cloud.live import Live
from aldaba_cloud.occupancy.service import verify
from aldaba_cloud.schema import migrate
from aldaba_shared.messages import Kind
from aldaba_shared.parcel import pack, unpack
from bench.harness import Case, Samples
from tests.cloud.toy_controller import BARCELONA, NETWORK, START, ToyController
from tests.system.postgres import postgres

BATCH = 500
IN_FLIGHT = 4
LINES = BATCH * IN_FLIGHT
TURNS = 3


def cases(room: Path) -> Iterator[Case]:
    """The same stream of batches into both engines."""
    on_sqlite = Stream(f"sqlite:///{room / 'cloud.db'}", room)
    yield Case("ingest on SQLite, per event", on_sqlite.take, bare_sqlite(room / "bare.db"), at_most=1 / 50_000)
    on_sqlite.close()
    with postgres() as url:
        stream = Stream(url, room)
        yield Case("ingest on PostgreSQL, per event", stream.take, bare_postgres(url), at_most=1 / 40_000)
        stream.close()


class _Noon:
    """The moment all lines were written: no clock has to be set right on the way."""

    def now(self) -> datetime:
        return START


class Stream:
    """One controller's batches into one database, by the cloud's end of the link."""

    def __init__(self, url: str, room: Path) -> None:
        self._database = Database(url)
        migrate(self._database)
        keyring = Keyring(room / "keys")
        keys = make_keys(keyring, room / "root.key", START)
        self._acks = 0
        self._end = CloudEnd(self._database, keyring, keys, clock=_Noon(), hub=Hub(), live=Live(), send=self._answered)
        self._toy = ToyController("ctl_bench")
        self._way = f"aldaba/1/{BARCELONA}/{self._toy.id}/up"
        with self._database.write() as db:
            self._toy.join(self._work(db))

    def close(self) -> None:
        """Prove what was kept, and let the database go."""
        with self._database.read() as db:
            work = self._work(db)
            assert verify_chain(work, self._toy.id, self._toy.journal) is None
            assert verify(work, BARCELONA) == []
        self._database.close()

    def take(self) -> Samples:
        """Take what was never seen, several times what may be in flight; each time is one transaction."""
        samples = []
        for messages in [[self._message() for _ in range(IN_FLIGHT)] for _ in range(TURNS)]:
            start = time.perf_counter()
            self._end.receive_all(messages)
            samples.append((time.perf_counter() - start) / LINES)
        with self._database.read() as db:
            assert find_watermark(self._work(db), self._toy.id, self._toy.journal).sequence == len(self._toy.lines)
        assert self._acks >= TURNS
        return samples

    def _work(self, db: Connection) -> Work:
        return Work(db, Scope(NETWORK), START)

    def _answered(self, to: str, payload: bytes, *, retain: bool) -> None:  # noqa: ARG002 - what `Send` is called with
        self._acks += Kind.ACK in unpack(payload)

    def _message(self) -> tuple[str, bytes]:
        first = len(self._toy.lines) + 1
        for number in range(BATCH):
            self._toy.tap(f"hld_{number % 150}", "zone_open" if number % 2 else "street")
        return self._way, pack({Kind.BATCH: self._toy.sealed(self._toy.batch(first))})


def _rows() -> list[tuple[str, str, int, str, str, str, bytes, bytes]]:
    toy = ToyController("ctl_bare")
    for number in range(LINES):
        toy.tap(f"hld_{number % 150}", "zone_open")
    moment = START.isoformat()
    return [
        ("ctl_bare", "j1", number, moment, "access_decided", "hld", line, toy.hashes[number])
        for number, line in enumerate(toy.lines, 1)
    ]


def bare_sqlite(path: Path) -> Callable[[], Samples]:
    """Executemany in one transaction, with the durability the cloud has."""
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE e (a, b, c, d, e, f, g, h)")
    rows = _rows()

    def put() -> None:
        db.execute("BEGIN")
        db.executemany("INSERT INTO e VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        db.execute("COMMIT")

    return lambda: _each(put)


def bare_postgres(url: str) -> Callable[[], Samples]:
    """Binary COPY into an unlogged table without index."""
    db = psycopg.connect(url)
    db.execute("CREATE UNLOGGED TABLE bare (a text, b text, c int8, d text, e text, f text, g bytea, h bytea)")
    db.commit()
    rows = _rows()

    def put() -> None:
        with db.cursor() as cursor, cursor.copy("COPY bare FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "text", "int8", "text", "text", "text", "bytea", "bytea"])
            for row in rows:
                copy.write_row(row)
        db.commit()

    return lambda: _each(put)


def _each(put: Callable[[], None]) -> Samples:
    samples = []
    for _ in itertools.repeat(None, TURNS):
        start = time.perf_counter()
        put()
        samples.append((time.perf_counter() - start) / LINES)
    return samples
