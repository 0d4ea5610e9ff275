"""A controller's folder as pairing and its first snapshot leave it, with as many credentials as a bench wants."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from msgspec.structs import replace

from aldaba_edge.keyfile import write_identity
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.messages import Head
from aldaba_shared.schedule import always
from aldaba_shared.snapshot import COLUMNS, ENABLED, FORMAT, GOOD_STANDING, SCHEMA, Row, set_hash
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


def uid_of(number: int) -> bytes:
    """The n-th card's UID."""
    return b"\x04" + number.to_bytes(6, "big")


def rows(cards: int, now: datetime) -> Iterator[Row]:
    """One schedule, and so many holders with a card and a right at the front door."""
    since = int((now - timedelta(days=1)).timestamp())
    yield Row("schedule", ("always", encode(always("Europe/Madrid"))))
    yield Row("setting", ("site_zone", encode("Europe/Madrid")))
    for number in range(cards):
        key = credential_key(bytes(32), CredentialKind.UID, uid_of(number))
        yield Row("credential", (key, f"k{number}", f"h{number:07}", "uid", ENABLED, None, None))
    for number in range(cards):
        yield Row("grant_", (FRONT, f"h{number:07}", "right", "always", "m1", GOOD_STANDING, since, None))


def lay_out(folder: Path, cards: int, *, hashed: bool = True) -> Path:
    """Write configuration, identity and a signed rule set; gives the configuration's path.

    A set that is not `hashed` claims a hash of nothing, which only the child that checks it finds out.
    """
    now = datetime.now(UTC)
    keys = Keys()
    identity = keys.identity()
    write_identity(folder / "data" / "identity", replace(identity, answer=replace(identity.answer, broker_host="")))
    generation = folder / "data" / "rules" / "1-1"
    generation.mkdir(parents=True)
    head = Head(ME, 1, 1, set_hash(rows(cards if hashed else 0, now)), now)
    _write_rules(generation / "rules.db", rows(cards, now), keys.seal_head(head), head.set_hash)
    (folder / "data" / "rules" / "current").symlink_to("1-1")
    config = folder / "edge.toml"
    config.write_text(CONFIG.format(folder=folder))
    config.chmod(0o600)
    return config


def _write_rules(path: Path, kept: Iterator[Row], envelope: bytes, claimed: bytes) -> None:
    with sqlite3.connect(path) as db:
        db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000")
        db.executescript(f"{SCHEMA}; PRAGMA user_version={FORMAT}")
        db.execute("INSERT INTO head_ VALUES (1, ?, ?)", (envelope, claimed))
        marks = {table: ", ".join("?" * len(names)) for table, names in COLUMNS.items()}
        for table, of_one in groupby(kept, lambda row: row.table):
            insert = f"INSERT INTO {table} VALUES ({marks[table]})"  # noqa: S608 - names from COLUMNS
            db.executemany(insert, (row.values for row in of_one))
    db.close()
