"""The database: one metadata, two engines, one transaction per request, and the caller's scope.

Every table carries `network_id` and `site_id` from the first migration. A row
that belongs to the whole network has the site `*`: a value, not NULL, so that
unique constraints and comparisons mean the same on both engines
(docs/decisions/0010-scope-on-every-table.md).
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from threading import Lock
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    or_,
)
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator

from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import NetworkId, SiteId

TURN_SECONDS: Final = 30
THREADS: Final = 40
"""As many as Starlette answers requests with at once."""
KEPT: Final = 10
"""So many connections to PostgreSQL stay open; the others close when the burst is over."""
ALL_SITES: Final = SiteId("*")
"""The site of a row that belongs to the whole network."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant: refused when naive, kept as UTC, and aware again when read on both engines."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware instant into what the engine keeps."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise NaiveMoment(value)
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 -- SQLAlchemy's hook
        """Give the instant back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class NaiveMoment(AldabaError):
    """A moment without a time zone reached the database."""

    code = "naive_moment"

    def __init__(self, value: datetime) -> None:
        super().__init__(f"{value.isoformat()} has no time zone. Add one, for instance +00:00.")


def scoped_table(name: str, *items: SchemaItem, partition_by: str | None = None) -> Table:
    """Declare a table that carries its network and its site, as every table does; PostgreSQL may partition it."""
    return Table(
        name,
        metadata,
        Column("network_id", String(40), nullable=False),
        Column("site_id", String(40), nullable=False),
        *items,
        postgresql_partition_by=partition_by,
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may see: one network, and some of its sites or (`sites is None`) all of them."""

    network: NetworkId
    sites: frozenset[SiteId] | None = None

    def allows(self, site: SiteId) -> bool:
        """Whether rows of this site may be written; network-wide rows want the whole network."""
        return self.sites is None or site in self.sites


class OutOfScope(AldabaError):
    """A caller wanted to write where they may not even look; to them the site does not exist."""

    code = "not_found"

    def __init__(self, site: SiteId) -> None:
        super().__init__(f"There is no site {str(site)!r} here. Check the id, or ask who looks after that site.")


def new_id(prefix: str) -> str:
    """Make an opaque id, such as `mbr_4f0c…`: 64 random bits, no name and no number in it."""
    return f"{prefix}_{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class Work:
    """One caller's transaction: where to write, what they may see, what time it is and who they are.

    Whoever makes it owns the commit. Stores and services take it first.
    """

    db: Connection
    scope: Scope
    now: datetime
    actor: str = "system"
    new_id: Callable[[str], str] = field(default=new_id)

    @property
    def at_hand(self) -> bool:
        """Whether the database is a file of this machine, where a row is read sooner than a thread wakes."""
        return self.db.dialect.name == "sqlite"

    def visible(self, table: Table) -> ColumnElement[bool]:
        """The condition every read carries: the caller's network, their sites and network-wide rows."""
        return visible_in(table, self.scope)

    def writable(self, table: Table) -> ColumnElement[bool]:
        """The condition every update and delete carries; network-wide rows want the whole network."""
        return writable_in(table, self.scope)

    def stamp(self, site: SiteId) -> dict[str, Any]:
        """The two columns of a new row; refused when the caller may not write at that site."""
        if not self.scope.allows(site):
            raise OutOfScope(site)
        return {"network_id": self.scope.network, "site_id": site}


@lru_cache(maxsize=4096)
def visible_in(table: Table, scope: Scope) -> ColumnElement[bool]:
    """What `Work.visible` says, for statements that are made once.

    Conditions are made once for each table and scope: making them anew took a twelfth of an ingest.
    """
    inside = table.c.network_id == scope.network
    if scope.sites is None:
        return inside
    return inside & or_(table.c.site_id == ALL_SITES, _at_sites(table, scope.sites))


@lru_cache(maxsize=4096)
def writable_in(table: Table, scope: Scope) -> ColumnElement[bool]:
    """What `Work.writable` says, for statements that are made once."""
    inside = table.c.network_id == scope.network
    return inside if scope.sites is None else inside & _at_sites(table, scope.sites)


def _at_sites(table: Table, sites: frozenset[SiteId]) -> ColumnElement[bool]:
    """One site is compared directly: a list is written into the SQL again at every execution."""
    if len(sites) == 1:
        return table.c.site_id == next(iter(sites))
    return table.c.site_id.in_(sorted(sites))


def driver_of(db: Connection) -> Any:  # noqa: ANN401 -- sqlite3's connection or psycopg's
    """The driver's own connection, within the same transaction: for what has to be fast."""
    raw = db.connection.driver_connection
    if raw is None:
        raise ConnectionLost
    return raw


def bulk_insert(work: Work, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert many rows of plain values as fast as the engine takes them: COPY, or one prepared statement.

    The columns are named; each row begins with its network and its site, which
    the caller has asked `Work.stamp` for.
    """
    names = ("network_id", "site_id", *columns)
    dialect = work.db.dialect
    made = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    # Days and moments repeat from row to row, and to write one anew costs as much as to insert the row.
    turns = [(at, lru_cache(maxsize=1024)(turn)) for at, turn in enumerate(made) if turn is not None]
    raw = driver_of(work.db)
    if dialect.name == "postgresql":
        with raw.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(_turned(row, turns))
        return
    marks = ", ".join("?" * len(names))
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 -- our own names
    raw.executemany(statement, (_turned(row, turns) for row in rows))


def _turned(row: Sequence[Any], turns: Sequence[tuple[int, Callable[[Any], Any]]]) -> Sequence[Any]:
    if not turns:
        return row
    cells = list(row)
    for at, turn in turns:
        cells[at] = turn(cells[at])
    return cells


class ConnectionLost(AldabaError):
    """The database's connection was closed under a transaction."""

    code = "connection_lost"

    def __init__(self) -> None:
        super().__init__("The connection to the database was lost in the middle of a transaction. Try again.")


class Busy(AldabaError):
    """Somebody else's change takes too long."""

    code = "busy"

    def __init__(self) -> None:
        super().__init__(f"The database was busy with another change for {TURN_SECONDS} seconds. Try again.")


class Database:
    """An engine and the two ways into it: `read` and `write`, each one transaction."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = open_engine(url)
        self.at_hand = self.engine.dialect.name == "sqlite"
        """Whether reading takes no way over a network, and waits for no writer: a file in WAL mode."""
        self._writer = Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent reading transaction."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One writing transaction: committed at the end, or not at all.

        SQLite takes its write lock at the start (BEGIN IMMEDIATE), because a
        reader that turns writer half-way may be refused and would lose its work.
        Threads take turns before they ask it: SQLite lets whoever is lucky have the
        lock, and under many writers refuses somebody who never was.
        """
        with ExitStack() as held:
            if self.at_hand:
                held.enter_context(self._turn())
            connection = held.enter_context(self.engine.connect().execution_options(aldaba_write=True))
            held.enter_context(connection.begin())
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait to be the one who writes, but not for ever: who writes within a write would."""
        if not self._writer.acquire(timeout=TURN_SECONDS):
            raise Busy
        try:
            yield
        finally:
            self._writer.release()

    def close(self) -> None:
        """Give every pooled connection back."""
        self.engine.dispose()


def open_engine(url: str) -> Engine:
    """Open SQLite or PostgreSQL by URL; `postgres://` and `postgresql://` mean psycopg."""
    parsed = make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "postgresql+psycopg":
        # A connection for each thread that answers requests: who waits for one in the pool waits in no order.
        return create_engine(parsed, pool_pre_ping=True, pool_size=KEPT, max_overflow=THREADS - KEPT)
    # A connection is a file handle, and whoever reads on the loop must never wait for somebody else's.
    engine = create_engine(parsed, connect_args={"timeout": 10}, max_overflow=-1)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(raw: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Durable, checked, and our own BEGIN: the driver's implicit one would hide who is a writer."""
    raw.isolation_level = None
    cursor = raw.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("aldaba_write", False)
    # The driver's own call: it begins every transaction there is, and has neither parameters nor a result.
    driver_of(connection).execute("BEGIN IMMEDIATE" if writing else "BEGIN")
