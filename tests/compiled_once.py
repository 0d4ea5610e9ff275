"""Statements and templates are compiled once for all the databases and services of a test process.

SQLAlchemy keeps what it compiled an engine at a time, by the engine's own
dialect. Each test has a database and so an engine of its own, and compiling the
same statements anew was a third of what the tests of the cloud cost. In the same
way Jinja keeps templates a service at a time, in each of the languages. A server
has one engine and one service and gains nothing from this, so it stands here.
"""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.util import LRUCache

from aldaba_cloud import db
from aldaba_cloud.pages import kit

if TYPE_CHECKING:
    from types import CodeType

MOST = 5000


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """For the folders whose `conftest.py` imports this; the edge's tests run where SQLAlchemy is not."""
    with pytest.MonkeyPatch.context() as patch:
        share_compiled_statements(patch)
        patch.setattr(kit, "Environment", partial(Environment, bytecode_cache=CompiledTemplates()))
        yield


class CompiledTemplates(BytecodeCache):
    """What templates were compiled to, by their name and their text."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Find it."""
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it."""
        if bucket.code is not None:
            self._kept[bucket.key, bucket.checksum] = bucket.code


def share_compiled_statements(patch: pytest.MonkeyPatch) -> None:
    """Let engines opened from now on share one cache, in which dialects of one kind are the same dialect."""
    for kind in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        patch.setattr(kind, "__eq__", _alike)
        patch.setattr(kind, "__hash__", _of_its_kind)
    shared = {"compiled_cache": LRUCache[object, object](MOST)}
    patch.setattr(db, "create_engine", partial(create_engine, execution_options=shared))


def _alike(one: Dialect, other: object) -> bool:
    return type(one) is type(other)


def _of_its_kind(one: Dialect) -> int:
    return hash(type(one))
