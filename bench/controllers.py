"""A controller's folder as pairing and its first snapshot leave it, with as many credentials as a bench wants.

A million rows take half a minute to write and to hash. They are made once and
kept in a folder under the machine's temporary one, where the next bench, or the
next run, copies them from; the head, which is signed, is made anew each time.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from aldaba_edge.keyfile import write_identity
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.messages import Head
from aldaba_shared.schedule import always
from aldaba_shared.snapshot import COLUMNS, ENABLED, FORMAT, GOOD_STANDING, MODULUS, SCHEMA, Row, set_hash
from aldaba_shared.wire import encode
from tests.edge.places import FRONT, ME, Keys

CONFIG = """
data_dir = "{folder}/data"
runtime_dir = "{folder}/run"
pins = {{ profile = "native" }}

[[door]]
id = "front"
in_zone = "floor"
egress = true
handle = true
release_seconds = 0.05
lock = {{ profile = "strike-fail-secure", pin = 17, fail_safe = false, max_on_ms = 30000 }}
relay = {{ contact = "NO" }}
board = {{ profile = "gpio-direct", active_low = false }}

[[door.readers]]
side = "in"
profile = "pn532-hsu"
options = {{ path = "{folder}/reader", poll_ms = 5, absent_ms = 60 }}
"""
LOCK_PIN = 17
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
"""Since when everybody's right is in force."""
AT_ONCE = 10_000


def uid_of(number: int) -> bytes:
    """The n-th card's UID."""
    return b"\x04" + number.to_bytes(6, "big")


def rows(cards: int) -> Iterator[Row]:
    """One schedule, and so many holders with a card and a right at the front door."""
    since = int(BEGUN.timestamp())
    yield Row("schedule", ("always", encode(always("Europe/Madrid"))))
    yield Row("setting", ("site_zone", encode("Europe/Madrid")))
    for number in range(cards):
        key = credential_key(bytes(32), CredentialKind.UID, uid_of(number))
        yield Row("credential", (key, f"k{number}", f"h{number:07}", "uid", ENABLED, None, None))
    for number in range(cards):
        yield Row("grant_", (FRONT, f"h{number:07}", "right", "always", "m1", GOOD_STANDING, since, None))


def lay_out(folder: Path, cards: int) -> Path:
    """Write configuration, identity and a signed rule set; gives the configuration's path."""
    now = datetime.now(UTC)
    keys = Keys()
    identity = keys.identity()
    write_identity(folder / "data" / "identity", replace(identity, answer=replace(identity.answer, broker_host="")))
    generation = folder / "data" / "rules" / "1-1"
    generation.mkdir(parents=True)
    shutil.copyfile(_kept(cards), generation / "rules.db")
    _sign(generation / "rules.db", keys, now)
    (folder / "data" / "rules" / "current").symlink_to("1-1")
    config = folder / "edge.toml"
    config.write_text(CONFIG.format(folder=folder))
    config.chmod(0o600)
    return config


def _sign(path: Path, keys: Keys, now: datetime) -> None:
    with sqlite3.connect(path) as db:
        known = db.execute("SELECT set_hash FROM head_").fetchone()[0]
        envelope = keys.seal_head(Head(ME, 1, 1, known, now))
        db.execute("UPDATE head_ SET envelope = ?", (envelope,))
    db.close()


def _kept(cards: int) -> Path:
    """A rule set without its signature, made by the first who wants it; another one when this code or the schema is."""
    folder = Path(tempfile.gettempdir()) / f"aldaba-bench-rules-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    made_by = sha256(SCHEMA.encode() + Path(__file__).read_bytes()).hexdigest()[:12]
    path = folder / f"{made_by}-{cards}.db"
    if not path.exists():
        new = folder / f"{path.name}.{os.getpid()}"
        _write_rules(new, cards)
        new.rename(path)
    return path


def _write_rules(path: Path, cards: int) -> None:
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000")
        db.executescript(f"{SCHEMA}; PRAGMA user_version={FORMAT}")
        marks = {table: ", ".join("?" * len(names)) for table, names in COLUMNS.items()}
        total, waiting = 0, rows(cards)
        while some := list(islice(waiting, AT_ONCE)):
            total = (total + int.from_bytes(set_hash(some), "big")) % MODULUS  # a sum, whatever the order
            for table in {row.table for row in some}:
                insert = f"INSERT INTO {table} VALUES ({marks[table]})"  # noqa: S608 - names from COLUMNS
                db.executemany(insert, (row.values for row in some if row.table == table))
        db.execute("INSERT INTO head_ VALUES (1, x'', ?)", (total.to_bytes(32, "big"),))
    db.close()
