"""One rule set as a SQLite file: looked up, changed by deltas, and verified from the first row to the last.

The file is opened and never loaded. A decision is one prepared query on a
connection that stays inside one read transaction, so that rows and head change
together, when the loop says so, and never in the middle.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path
from typing import Final

from aldaba_shared import door_rules
from aldaba_shared.card_keys import SETTING as SECRETS
from aldaba_shared.decide import Passback
from aldaba_shared.door_rules import NOTHING_SAID, DoorRules
from aldaba_shared.envelope import KeyRing
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ContractId, CredentialId, CredentialKey, DoorId, HolderId, RightId, ScheduleId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.passes import read_cancelled
from aldaba_shared.peers import SETTING as PEERS
from aldaba_shared.peers import read_peers
from aldaba_shared.phone import POINT_BYTES
from aldaba_shared.presence import PresenceRules, Zone
from aldaba_shared.rules import NOTHING_KNOWN, Credential, Facts, Right
from aldaba_shared.schedule import Schedule, checked, zone_of
from aldaba_shared.sealed_number import SETTING as NUMBER_KEY
from aldaba_shared.sealed_number import checked_key
from aldaba_shared.snapshot import (
    COLUMNS,
    DURESS,
    ENABLED,
    ESSENTIAL,
    FACTS_QUERY,
    FORMAT,
    GOOD_STANDING,
    LONG_ACCESS,
    PUBLIC_KEY_QUERY,
    RENEWS,
    SCHEMA,
    TABLES,
    Change,
    Value,
    changed_hash,
    hash_of_values,
)
from aldaba_shared.wire import decode

KINDS: Final = {kind.value: kind for kind in CredentialKind}
END_OF_TIME: Final = 253_402_300_799
"""The last second of the year 9999, which is the last that a datetime can say."""
MOST_BYTES: Final = 2 * 1024 * 1024 * 1024


class RulesRefused(AldabaError):
    """A rule set or a change of one that is not what its head says."""

    code = "rules_refused"

    def __init__(self, why: str, told: str) -> None:
        super().__init__(
            f"The rules were refused: {told}. The rules before them stay in force; a snapshot is asked for."
        )
        self.why = why


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a rule set for lookups: pread, no mmap, nothing in the file is believed to be code."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    for pragma in ("trusted_schema = OFF", "query_only = ON", "mmap_size = 0", "cache_size = -8192"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


FIRM: Final = frozenset({Passback.HARD, Passback.TIMED})


class RulesFile:
    """Lookups in one generation. Schedules are decoded once and kept by id."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = open_to_read(path)
        self._schedules: dict[str, Schedule] = {}
        self.envelope = b""
        self.set_hash = b""
        self.refresh()

    cancelled_passes: frozenset[bytes] = frozenset()
    peers = KeyRing()
    secrets: bytes | None = None
    """What is sealed for this controller (`aldaba_shared.card_keys`)."""
    number_key: bytes | None = None
    """Under which the numbers of unknown cards are sealed for the cloud."""
    _doors: dict[DoorId, DoorRules]

    def refresh(self) -> None:
        """See what the last delta made of the file; rows, head and presence change together here."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")
        row = self._connection.execute("SELECT envelope, set_hash FROM head_").fetchone()
        if row is None:
            raise RulesRefused("no_head", f"{self.path} holds no head")
        self.envelope, self.set_hash = row
        self._schedules.clear()
        self.presence = self._presence()

    def facts(self, door: DoorId, key: CredentialKey) -> Facts:
        """Everything about this credential at this door, by one query."""
        rows = self._connection.execute(FACTS_QUERY, (key, door)).fetchall()
        if not rows:
            return NOTHING_KNOWN
        id_, holder, kind, flags, valid_from, valid_until = rows[0][:6]
        credential = Credential(
            CredentialId(id_),
            HolderId(holder),
            KINDS[kind],
            bool(flags & ENABLED),
            _instant(valid_from),
            _instant(valid_until),
            bool(flags & ESSENTIAL),
            bool(flags & LONG_ACCESS),
            bool(flags & DURESS),
        )
        if len(rows) == 1:  # the common case, without a generator's cost
            return Facts(credential, (self._right(rows[0]),) if rows[0][6] is not None else ())
        return Facts(credential, tuple([self._right(row) for row in rows]))

    def public_key(self, key: CredentialKey) -> bytes | None:
        """The point under which a credential proves possession, or None when it has none."""
        row = self._connection.execute(PUBLIC_KEY_QUERY, (key,)).fetchone()
        return row[0] if row is not None else None

    def _right(self, row: tuple[str, ...]) -> Right:
        _, _, _, _, _, _, id_, schedule, contract, flags, valid_from, valid_until = row
        bits = int(flags)
        return Right(
            RightId(id_),
            self._schedules.get(schedule) or self._schedule(schedule),
            datetime.fromtimestamp(int(valid_from), UTC),
            _instant(valid_until),  # type: ignore[arg-type]  # a row of SQLite has no types
            ContractId(contract) if contract is not None else None,
            bool(bits & GOOD_STANDING),
            bool(bits & RENEWS),
        )

    def _schedule(self, id_: str) -> Schedule:
        row = self._connection.execute("SELECT body FROM schedule WHERE id = ?", (id_,)).fetchone()
        # A right whose schedule is missing never holds: closed on every day.
        found = decode(row[0], Schedule) if row else Schedule("UTC", ((), (), (), (), (), (), ()))
        self._schedules[id_] = found
        return found

    def _presence(self) -> PresenceRules:
        zones = [decode(body, Zone) for (body,) in self._connection.execute("SELECT body FROM zone")]
        settings: dict[str, bytes] = dict(self._connection.execute("SELECT name, body FROM setting"))
        site_zone = decode(settings["site_zone"], str) if "site_zone" in settings else "UTC"
        night_reset = decode(settings["night_reset"], time) if "night_reset" in settings else time(4, 0)
        cancelled = settings.get("cancelled_passes")
        self.cancelled_passes = read_cancelled(cancelled) if cancelled is not None else frozenset()
        self.peers = read_peers(settings[PEERS]) if PEERS in settings else KeyRing()
        self.secrets = settings.get(SECRETS)
        self.number_key = settings.get(NUMBER_KEY)
        self._doors = {
            DoorId(name.removeprefix(door_rules.PREFIX)): door_rules.read_door(body)
            for name, body in settings.items()
            if name.startswith(door_rules.PREFIX)
        }
        return PresenceRules({ZoneId(zone.id): zone for zone in zones}, site_zone, night_reset)

    @property
    def asks_for_peers(self) -> bool:
        """Whether a rule of the site needs to know whether controllers can hear each other."""
        zones = self.presence.zones.values()
        limits = any(zone.controllers and (zone.safety_limit or zone.passback in FIRM) for zone in zones)
        return limits or any(door.interlock_with for door in self._doors.values())

    def door_rules(self, door: DoorId) -> DoorRules:
        """What the rules say of a door itself."""
        return self._doors.get(door, NOTHING_SAID)

    def schedule(self, id_: ScheduleId) -> Schedule:
        """A schedule by its id; one that is missing is closed on every day."""
        return self._schedules.get(id_) or self._schedule(id_)

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()


def check_row(table: str, values: tuple[object, ...]) -> None:
    """Whether a row is one the lookups can read.

    Raises:
        RulesRefused: another table, another width, or a body nobody can read.
    """
    check = _CHECKS.get(table)
    if check is None or len(values) != len(COLUMNS[table]):
        raise RulesRefused("bad_row", f"a row of {table!r} has {len(values)} values")
    try:
        check(*values)
    except (AldabaError, TypeError, ValueError) as error:
        raise RulesRefused("bad_row", f"a row of {table!r} cannot be read ({error})") from error


def _check_schedule(id_: object, body: object) -> None:
    _check_texts(id_)
    checked(decode(_bytes(body), Schedule))


def _check_zone(id_: object, body: object) -> None:
    _check_texts(id_)
    decode(_bytes(body), Zone)


def _check_credential(key: object, id_: object, holder: object, kind: object, *numbers: object) -> None:
    _check_texts(id_, holder)
    _bytes(key)
    if kind not in KINDS:
        raise ValueError("no such kind of credential")
    flags, since, until = numbers
    _check_numbers(flags, 0 if since is None else since, 0 if until is None else until)


def _check_public_key(key: object, holder: object, public: object) -> None:
    _check_texts(holder)
    _bytes(key)
    if len(_bytes(public)) != POINT_BYTES:
        raise ValueError("a public key is no point of the curve")


def _check_grant(door: object, holder: object, id_: object, schedule: object, contract: object, *rest: object) -> None:
    _check_texts(door, holder, id_, schedule, "" if contract is None else contract)
    flags, since, until = rest
    _check_numbers(flags, since, 0 if until is None else until)


def _check_setting(name: object, value: object) -> None:
    _check_texts(name)
    body = _bytes(value)
    if name == "site_zone":
        zone_of(decode(body, str))
    elif name == "night_reset":
        decode(body, time)
    elif name == "cancelled_passes":
        read_cancelled(body)
    elif name == PEERS:
        read_peers(body)
    elif name == NUMBER_KEY:
        checked_key(body)
    elif isinstance(name, str) and name.startswith(door_rules.PREFIX):
        door_rules.read_door(body)


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a key or a body is no bytes")
    return value


def _check_texts(*texts: object) -> None:
    for text in texts:
        if not isinstance(text, str):
            raise TypeError("a name is no text")


def _check_numbers(*numbers: object) -> None:
    for number in numbers:
        if not isinstance(number, int) or not 0 <= number <= END_OF_TIME:
            raise ValueError("a flag or a moment is no number this side knows")


_CHECKS: Final[dict[str, Callable[..., None]]] = {
    "schedule": _check_schedule,
    "zone": _check_zone,
    "credential": _check_credential,
    "public_key": _check_public_key,
    "grant_": _check_grant,
    "setting": _check_setting,
}


def make_ready(path: Path) -> None:
    """Turn a verified file to write-ahead logging, so that a delta never waits for a lookup nor the other way round."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def bring_home(path: Path) -> None:
    """Copy what the write-ahead log holds into the file; readers are not disturbed. Another time will do."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def apply_delta(path: Path, known: bytes, changes: tuple[Change, ...], envelope: bytes, wanted: bytes) -> None:
    """Make the changes in one transaction that also keeps the new head.

    `known` is the set hash before; `wanted` the one the verified head names.

    Raises:
        RulesRefused: a row to drop is not there, a row to put is, or the result is
            not the set the head names. The file is as it was.
    """
    for change in changes:
        for row in (change.before, change.after):
            if row is not None:
                check_row(row.table, row.values)
    if changed_hash(known, changes) != wanted:
        raise RulesRefused("hash_differs", "the changes do not lead to the set its head names")
    connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        for change in changes:
            _apply(connection, change)
        connection.execute("UPDATE head_ SET envelope = ?, set_hash = ? WHERE id = 1", (envelope, wanted))
        connection.execute("COMMIT")
    except sqlite3.IntegrityError as error:
        raise RulesRefused("row_differs", f"a row to put is there already ({error})") from error
    finally:
        connection.close()


def _apply(connection: sqlite3.Connection, change: Change) -> None:
    if change.before is not None:
        table, columns = change.before.table, COLUMNS[change.before.table]
        same = " AND ".join(f"{column} IS ?" for column in columns)
        dropped = connection.execute(f"DELETE FROM {table} WHERE {same}", change.before.values)  # noqa: S608 - names from COLUMNS
        if dropped.rowcount != 1:
            raise RulesRefused("row_differs", f"a row of {table!r} to drop is not what this side has")
    if change.after is not None:
        marks = ", ".join("?" * len(change.after.values))
        connection.execute(f"INSERT INTO {change.after.table} VALUES ({marks})", change.after.values)  # noqa: S608 - as above


def readable_rows(connection: sqlite3.Connection) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Every row of the set as its table and its values, each found to be one the lookups can read."""
    for table in TABLES:
        names = ", ".join(COLUMNS[table])
        for values in connection.execute(f"SELECT {names} FROM {table}"):  # noqa: S608 - names from COLUMNS
            check_row(table, values)
            yield table, values


def verified_hash(path: Path) -> bytes:
    """The set hash of a file, after checking everything that can be checked without a key.

    Raises:
        RulesRefused: damaged, of another format, with anything in its schema that is
            not ours, or with a row nobody can read.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RulesRefused("too_large", f"{path} is larger than {MOST_BYTES} bytes")
        connection = open_to_read(path)
        try:
            return _verified(connection, path)
        finally:
            connection.close()
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        raise RulesRefused("damaged", f"{path} cannot be read ({error})") from error


def _verified(connection: sqlite3.Connection, path: Path) -> bytes:
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise RulesRefused("damaged", f"{path} is damaged")
    if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
        raise RulesRefused("wrong_format", f"{path} is of another format than {FORMAT}")
    if _schema_of(connection) != _our_schema():
        raise RulesRefused("wrong_schema", f"{path} holds tables, views or triggers that are not ours")
    return hash_of_values(readable_rows(connection))


def _schema_of(connection: sqlite3.Connection) -> set[tuple[str, ...]]:
    return set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


@cache
def _our_schema() -> set[tuple[str, ...]]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    found = _schema_of(connection)
    connection.close()
    return found


def head_of(path: Path) -> tuple[bytes, bytes]:
    """The head's envelope and the set hash a file claims.

    Raises:
        RulesRefused: it has none.
    """
    try:
        connection = open_to_read(path)
        try:
            row = connection.execute("SELECT envelope, set_hash FROM head_ WHERE id = 1").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RulesRefused("damaged", f"{path} cannot be read ({error})") from error
    if row is None or not all(isinstance(value, bytes) for value in row):
        raise RulesRefused("no_head", f"{path} holds no head")
    return row[0], row[1]
