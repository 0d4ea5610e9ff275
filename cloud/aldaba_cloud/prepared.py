"""Selects that many requests ask: compiled once for each engine, and asked of the driver itself.

SQLAlchemy takes some 100 µs around a statement for which SQLite takes five. What
it does is done here once: the SQL, the order of the parameters, and how a kind of
value (a moment, a truth value) is told and read again all come from its compiler.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError

from aldaba_cloud.db import driver_of

Turn: TypeAlias = Callable[[Any], Any]


class Prepared:
    """A select with named parameters; its rows are named tuples of its columns."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement: Final = statement
        self._made: Final[dict[str, _Made]] = {}

    def rows(self, db: Connection, **values: object) -> list[Any]:
        """Ask in the transaction of this connection."""
        made = self._made.get(db.dialect.name)
        if made is None:
            made = self._made[db.dialect.name] = _Made(self._statement, db.dialect)
        try:
            found = driver_of(db).execute(made.sql, made.told(values)).fetchall()
        except db.dialect.loaded_dbapi.Error as error:
            # Whoever catches a database's errors knows SQLAlchemy's names for them.
            raise DBAPIError.instance(
                made.sql, None, error, db.dialect.loaded_dbapi.Error, dialect=db.dialect
            ) from error
        return made.read(found)


class _Made:
    """A select in the words of one engine."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        left = {name: None for name, bind in compiled.binds.items() if bind.required}
        whole = compiled.construct_expanded_state(left)
        kinds = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        turns = {name: kind.bind_processor(dialect) for name, kind in kinds.items()} | dict(whole.processors)
        self.sql: Final = whole.statement
        self._order: Final = whole.positiontup
        self._left: Final[dict[str, Turn]] = {name: turn for name in left if (turn := turns[name]) is not None}
        self._known: Final = {
            name: turn(value) if (turn := turns.get(name)) else value
            for name, value in whole.parameters.items()
            if name not in left
        }
        columns = statement.selected_columns
        row = namedtuple("PreparedRow", columns.keys())  # type: ignore[misc]  # noqa: PYI024 -- the names are the statement's
        self._row: Final = partial(tuple.__new__, row)
        read = (column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns)
        self._turns: Final = [(at, turn) for at, turn in enumerate(read) if turn is not None]

    def told(self, values: dict[str, Any]) -> Sequence[Any] | dict[str, Any]:
        """The parameters as the driver takes them: in their order, or by name."""
        for name, turn in self._left.items():
            values[name] = turn(values[name])
        values |= self._known
        return values if self._order is None else [values[name] for name in self._order]

    def read(self, found: Iterable[Sequence[Any]]) -> list[Any]:
        """The rows, each value as SQLAlchemy would give it."""
        if not self._turns:
            return [self._row(row) for row in found]
        rows = []
        for row in found:
            cells = list(row)
            for at, turn in self._turns:
                cells[at] = turn(cells[at])
            rows.append(self._row(cells))
        return rows
