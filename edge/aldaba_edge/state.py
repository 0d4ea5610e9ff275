"""`state.db`: what a controller must not forget, however its power goes.

Small values under fixed names, mirrored in memory and written through the one
writer, plus what was used (`uses`). A value read is a value that is on the
disk or on its way there; who must wait for the disk passes `then`.
"""

import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import structlog

from aldaba_edge.durable import born_whole
from aldaba_edge.ports import Clock
from aldaba_edge.uses import COLUMNS as USED_COLUMNS
from aldaba_edge.uses import row_sum
from aldaba_edge.uses import sound as uses_sound
from aldaba_edge.writer import Statement, WriteQueue
from aldaba_shared.wire import Malformed, decode, encode

T = TypeVar("T")
FORMAT: Final = 2
SOON_SECONDS: Final = 5.0
log = structlog.get_logger()

PUT: Final = (
    "INSERT INTO kept (name, value, sum) VALUES (?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value, sum = excluded.sum"
)


class Slot(StrEnum):
    """The names of what is kept."""

    FLOOR = "floor"
    HEAD = "head"
    FALLBACK = "fallback"
    KEYS = "keys"
    KEYS_BEFORE = "keys_before"
    MODES = "modes"
    COMMAND_COUNTER = "command_counter"
    ACKED = "acked"
    TAIL = "tail"
    PRESENCE = "presence"
    PRESENCE_COUNTER = "presence_counter"
    PEER_COUNTERS = "peer_counters"
    TIME_FLOOR = "time_floor"
    CLOCK = "clock"
    USES_LOST = "uses_lost"
    CLEAN = "clean"
    PIN_TRIES = "pin_tries"
    FIRST_CARDS = "first_cards"
    SHADOWS = "shadows"
    INTRUSION = "intrusion"


def open_state(path: Path) -> bool:
    """Make `state.db` if it is missing; put it aside if it is broken. False when something was known and is lost."""
    missing = not path.exists()
    if not missing:
        if _sound(path):
            return True
        log.error("state_put_aside", file=str(path))
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(path.with_name(f"{path.name}.broken-{secrets.token_hex(4)}{suffix}"))
    born_whole(path, _create)
    return missing


def _sound(path: Path) -> bool:
    """Whether the file is ours and every row in it is as it was written: SQLite alone would not see a flipped bit."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                return False
            if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
                return False
            kept = connection.execute("SELECT name, value, sum FROM kept").fetchall()
            return all(row_sum(*row) == known for *row, known in kept) and uses_sound(connection)
    except (sqlite3.Error, UnicodeDecodeError):
        return False


def _create(path: Path) -> None:
    from sqlite_utils import Database  # noqa: PLC0415 - a fifth of a second that only the first start pays

    connection = sqlite3.connect(path, isolation_level=None)
    database = Database(connection)
    database.enable_wal()
    database.table("kept").create({"name": str, "value": bytes, "sum": int}, pk="name", not_null={"value", "sum"})
    database.table("used").create(USED_COLUMNS, pk=("name", "controller"), not_null=set(USED_COLUMNS))
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.close()


def peek(path: Path, slot: Slot, shape: type[T]) -> T | None:
    """One kept value, read without the writer: for what must be known before there is one."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        row = connection.execute("SELECT value FROM kept WHERE name = ?", (slot.value,)).fetchone()
        return decode(row[0], shape) if row else None
    except (sqlite3.Error, Malformed):
        return None
    finally:
        connection.close()


class State:
    """The loop's side of `state.db`."""

    def __init__(self, connection: sqlite3.Connection, queue: WriteQueue, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._soon: dict[Slot, object] = {}
        self._kept: dict[str, bytes] = dict(connection.execute("SELECT name, value FROM kept"))

    def get(self, slot: Slot, shape: type[T]) -> T | None:
        """What is kept under a name, or None when nothing usable is."""
        if slot in self._soon:
            self.flush()
        value = self._kept.get(slot.value)
        if value is None:
            return None
        try:
            return decode(value, shape)
        except Malformed as error:
            log.exception("state_unreadable", slot=slot.value, why=error.why)
            return None

    def put(self, slot: Slot, value: object, then: Callable[[], None] | None = None) -> None:
        """Keep a value; `then` is called on the loop once it is durable."""
        self._soon.pop(slot, None)
        self._queue.add(state=self._statement(slot, value), then=then)

    def put_soon(self, slot: Slot, value: object) -> None:
        """Keep a value that is cheap to lose: it is written within `SOON_SECONDS`, with others that wait.

        A card in a Pi wears out by commits; what a restart would hear again need not cost one each time.
        """
        if not self._soon:
            self._clock.call_later(SOON_SECONDS, self.flush)
        self._soon[slot] = value

    def flush(self) -> None:
        """Write what waits; harmless when nothing does."""
        waiting, self._soon = self._soon, {}
        for slot, value in waiting.items():
            self._queue.add(state=self._statement(slot, value))

    def _statement(self, slot: Slot, value: object) -> Statement:
        body = encode(value)
        self._kept[slot.value] = body
        return PUT, (slot.value, body, row_sum(slot.value, body))

    def time_floor(self) -> datetime:
        """The latest moment this controller ever believed: a clock before it is wrong."""
        return self.get(Slot.TIME_FLOOR, datetime) or datetime.fromtimestamp(0, UTC)
