"""The rule set of one controller: its rows, its file, its hash and its changes.

A rule set is a set of rows. It travels whole as a SQLite file that is opened and
never loaded, and small changes travel as rows put and rows dropped. Both must
end in the same set, and the signed head says which: the set hash is the sum
modulo 2^256 of the SHA-256 of every row's canonical bytes. A sum does not care
about order, and a row that comes or goes is one addition or subtraction, so the
hash of a million rows is kept up to date by a change of one. (Sums of hashes can
be forged by who may choose many rows; here only the cloud chooses rows, and what
it chose is signed.)
"""

from collections.abc import Iterable
from hashlib import sha256
from io import BytesIO
from typing import Any, Final, TypeAlias

from cbor2 import CBOREncoder
from msgspec import Struct

from aldaba_shared.wire import encode

FORMAT: Final = 1
"""`PRAGMA user_version` of the file."""

MODULUS: Final = 1 << 256
EMPTY_SET: Final = bytes(32)

TABLES: Final[dict[str, tuple[str, ...]]] = {
    "schedule": ("id",),
    "zone": ("id",),
    "credential": ("key",),
    "public_key": ("key",),
    "grant_": ("door", "holder", "id"),
    "setting": ("name",),
}
"""Each table and its primary key, in the order in which rows may be put."""

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "schedule": ("id", "body"),
    "zone": ("id", "body"),
    "credential": ("key", "id", "holder", "kind", "flags", "valid_from", "valid_until"),
    "public_key": ("key", "holder", "public"),
    "grant_": ("door", "holder", "id", "schedule", "contract", "flags", "valid_from", "valid_until"),
    "setting": ("name", "body"),
}

SCHEMA: Final = """
CREATE TABLE schedule (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE zone (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE credential (
    key BLOB PRIMARY KEY, id TEXT NOT NULL, holder TEXT NOT NULL, kind TEXT NOT NULL,
    flags INTEGER NOT NULL, valid_from INTEGER, valid_until INTEGER
) WITHOUT ROWID;
CREATE TABLE public_key (key BLOB PRIMARY KEY, holder TEXT NOT NULL, public BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE grant_ (
    door TEXT NOT NULL, holder TEXT NOT NULL, id TEXT NOT NULL, schedule TEXT NOT NULL, contract TEXT,
    flags INTEGER NOT NULL, valid_from INTEGER NOT NULL, valid_until INTEGER,
    PRIMARY KEY (door, holder, id)
) WITHOUT ROWID;
CREATE TABLE setting (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE head_ (id INTEGER PRIMARY KEY CHECK (id = 1), envelope BLOB NOT NULL, set_hash BLOB NOT NULL);
"""
"""Times are seconds since 1970 (UTC); bodies are deterministic CBOR; `head_` is not part of the set."""

ENABLED: Final = 1
ESSENTIAL: Final = 2
LONG_ACCESS: Final = 4
DURESS: Final = 8
"""Bits of `credential.flags`."""

GOOD_STANDING: Final = 1
RENEWS: Final = 2
"""Bits of `grant_.flags`."""

FACTS_QUERY: Final = """
SELECT c.id, c.holder, c.kind, c.flags, c.valid_from, c.valid_until,
       g.id, g.schedule, g.contract, g.flags, g.valid_from, g.valid_until
FROM credential AS c LEFT JOIN grant_ AS g ON g.door = ?2 AND g.holder = c.holder
WHERE c.key = ?1
"""
"""The one lookup of a decision: ?1 the key, ?2 the door."""

PUBLIC_KEY_QUERY: Final = "SELECT public FROM public_key WHERE key = ?1"
"""The public key of a credential that proves possession: a phone's."""

Value: TypeAlias = str | int | bytes | None


PLAIN_TYPES: Final = (str, int, bytes, type(None))
PLAIN: Final = frozenset(PLAIN_TYPES)
"""What a value is in nearly every row; asked first, because a rule set has hundreds of thousands of them."""


class Row(Struct, frozen=True, array_like=True):
    """A row of the set: its table and its values in the order of `COLUMNS`."""

    table: str
    values: tuple[Any, ...]
    """Each a `Value`; msgspec cannot tell text from bytes in a union, so `__post_init__` does."""

    def __post_init__(self) -> None:
        """Refuse what no table could hold; msgspec reports it as a body of another shape."""
        if len(self.values) != len(COLUMNS.get(self.table, ())):
            raise ValueError("a row of no table, or with too few or too many values")
        if not PLAIN.issuperset(map(type, self.values)) and not all(
            isinstance(value, PLAIN_TYPES) for value in self.values
        ):
            raise ValueError("a value that is no text, number, bytes or nothing")

    @property
    def key(self) -> tuple[Value, ...]:
        """The primary key of the row."""
        return self.values[: len(TABLES[self.table])]


class Change(Struct, frozen=True, array_like=True):
    """A row put (`after`), dropped (`before`), or both: one row in place of another under the same key."""

    before: Row | None
    after: Row | None


def row_hash(row: Row) -> int:
    """SHA-256 of the row's canonical bytes, as a number."""
    return body_hash(encode(row))


def hash_of_values(rows: Iterable[tuple[str, tuple[Value, ...]]]) -> bytes:
    """The hash of a set of rows given as table and values, in any order: `set_hash` for a million of them.

    A row holds nothing but scalars in two arrays, whose bytes are the canonical
    ones without being asked for; asking, and an encoder for each row, is what costs.
    """
    canonical = CBOREncoder(BytesIO()).encode_to_bytes
    digests = (int.from_bytes(sha256(canonical(row)).digest(), "big") for row in rows)
    return (sum(digests) % MODULUS).to_bytes(32, "big")


def body_hash(body: bytes) -> int:
    """The same, from the canonical bytes themselves."""
    return int.from_bytes(sha256(body).digest(), "big")


def set_hash(rows: Iterable[Row]) -> bytes:
    """The hash of a set of rows, in any order."""
    return hash_of_values((row.table, row.values) for row in rows)


def changed_hash(known: bytes, changes: Iterable[Change]) -> bytes:
    """The hash of a set after changes, from its hash before."""
    total = int.from_bytes(known, "big")
    for change in changes:
        total -= row_hash(change.before) if change.before else 0
        total += row_hash(change.after) if change.after else 0
    return (total % MODULUS).to_bytes(32, "big")


def changes_between(before: Iterable[Row], after: Iterable[Row]) -> tuple[Change, ...]:
    """The changes that make one set into another, dropped rows first."""
    old = {(row.table, row.key): row for row in before}
    new = {(row.table, row.key): row for row in after}
    gone = [Change(row, None) for key, row in old.items() if key not in new]
    put = [Change(old.get(key), row) for key, row in new.items() if old.get(key) != row]
    return (*gone, *put)
