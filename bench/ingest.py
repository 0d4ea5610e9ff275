"""What controllers send, taken in: a signed batch verified, its chain checked, duplicates settled, presence folded.

Floor: the same lines put into a table without index by the fastest way the
engine has (executemany in one transaction, binary COPY), nothing checked.
Every time is per event, in batches of 500.
"""

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import store
from aldaba_cloud.fleet.ingest import take_batch
from aldaba_cloud.occupancy.service import PresenceBooks
from aldaba_cloud.schema import migrate
from aldaba_shared.envelope import KeyRing, unseal
from aldaba_shared.messages import Ack, Batch, Kind
from bench.harness import Case, Samples
from tests.cloud.toy_controller import NETWORK, START, ToyController
from tests.system.postgres import postgres

BATCH = 500
BATCHES = 6


def cases(room: Path) -> Iterator[Case]:
    """The same stream of batches into both engines."""
    on_sqlite = Stream(f"sqlite:///{room / 'cloud.db'}")
    yield Case("ingest on SQLite, per event", on_sqlite.take, bare_sqlite(room / "bare.db"), at_most=1 / 50_000)
    with postgres() as url:
        stream = Stream(url)
        yield Case("ingest on PostgreSQL, per event", stream.take, bare_postgres(url), at_most=1 / 40_000)
        stream.close()


class Stream:
    """One controller's batches into one database; the ack of each is checked."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        migrate(self._database)
        self._toy = ToyController("ctl_bench")
        self._ring = KeyRing([self._toy.key.public(Kind.BATCH)])
        with self._database.write() as db:
            self._toy.join(Work(db, Scope(NETWORK), START))

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    def take(self) -> Samples:
        """Take some batches that were never seen; each is a transaction."""
        envelopes = [self._sealed() for _ in range(BATCHES)]
        samples = []
        for envelope in envelopes:
            start = time.perf_counter()
            batch = unseal(Kind.BATCH, "cloud", envelope, self._ring, Batch)
            with self._database.write() as db:
                work = Work(db, Scope(NETWORK), START)
                sender = store.find_sender(db, batch.controller)
                assert sender is not None
                answer = take_batch(work, sender, batch, PresenceBooks()).answer
            samples.append((time.perf_counter() - start) / BATCH)
            assert isinstance(answer, Ack)
            assert answer.watermark == batch.first_sequence + BATCH - 1
        return samples

    def _sealed(self) -> bytes:
        first = len(self._toy.lines) + 1
        for number in range(BATCH):
            self._toy.tap(f"hld_{number % 150}", "zone_open" if number % 2 else "street")
        return self._toy.sealed(self._toy.batch(first))


def _rows() -> list[tuple[str, str, int, str, str, str, bytes, bytes]]:
    toy = ToyController("ctl_bare")
    for number in range(BATCH):
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
    for _ in itertools.repeat(None, BATCHES):
        start = time.perf_counter()
        put()
        samples.append((time.perf_counter() - start) / BATCH)
    return samples
