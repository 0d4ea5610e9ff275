"""A database with one network and its two sites for every test, copied from one that was migrated and filled once."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from aldaba_cloud.app import create_app
from aldaba_cloud.auth.models import Grant, Role
from aldaba_cloud.auth.service import NewAccount, Passwords, open_account
from aldaba_cloud.config import Config
from aldaba_cloud.db import ALL_SITES, Database, Scope, Work
from aldaba_cloud.places.models import Site
from aldaba_cloud.places.store import add_network, add_site
from aldaba_cloud.schema import migrate
from aldaba_shared.ids import HolderId, NetworkId, SiteId
from tests.compiled_once import compiled_once

__all__ = ["compiled_once"]

MONDAY_NOON = datetime(2026, 11, 23, 11, tzinfo=UTC)
NETWORK = NetworkId("net_1")
BARCELONA = SiteId("site_bcn")
GIRONA = SiteId("site_gro")
SERVER = os.environ.get("ALDABA_TEST_POSTGRES", "")
PASSWORD = "correct horse battery"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL run what uses a database: the others have passed without one, and would pass again."""
    if SERVER:
        touching = [item for item in items if "fresh_url" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in touching])
        items[:] = touching


class HandClock:
    """A clock that only moves when told to."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def turn(self, **by: float) -> None:
        self.moment += timedelta(**by)


@cache
def migrated_in(folder: Path) -> Path:
    """A database with its tables and nothing in them, in a folder; made once a process, however many folders ask."""
    path = folder / "migrated.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@cache
def filled_in(folder: Path) -> Path:
    """The same with one network and its two sites."""
    path = folder / "filled.db"
    shutil.copy(migrated_in(folder), path)
    fill(Database(f"sqlite:///{path}"))
    return path


def fill(database: Database) -> None:
    """One network and its two sites, in tables that are there."""
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        add_network(work, "Test")
        add_site(work, Site(BARCELONA, NETWORK, "Barcelona", "Europe/Madrid"))
        add_site(work, Site(GIRONA, NETWORK, "Girona", "Europe/Madrid"))
    database.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_in(tmp_path_factory.getbasetemp())


@pytest.fixture
def fresh_url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database nobody has used: SQLite, or a clone in the PostgreSQL that `ALDABA_TEST_POSTGRES` names."""
    if SERVER:
        name = f"test_{uuid4().hex}"
        model = request.getfixturevalue("postgres_template")
        with closing(psycopg.connect(SERVER, autocommit=True)) as server:
            server.execute(f"CREATE DATABASE {name} TEMPLATE {model}".encode())
            yield SERVER.replace("/postgres?", f"/{name}?")
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    else:
        shutil.copy(request.getfixturevalue("template"), tmp_path / "aldaba.db")
        yield f"sqlite:///{tmp_path / 'aldaba.db'}"


@pytest.fixture(scope="session")
def postgres_template() -> str:
    name = f"template_{uuid4().hex}"
    with closing(psycopg.connect(SERVER, autocommit=True)) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
    database = Database(SERVER.replace("/postgres?", f"/{name}?"))
    migrate(database)
    fill(database)
    return name


@pytest.fixture
def config(tmp_path: Path, fresh_url: str) -> Config:
    return Config(state_dir=tmp_path, database_url=fresh_url, argon2_time_cost=1, argon2_memory_kib=8)


@pytest.fixture
def database(config: Config) -> Iterator[Database]:
    database = Database(config.database)
    yield database
    database.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock(MONDAY_NOON)


@pytest.fixture
def app(config: Config, database: Database, clock: HandClock) -> FastAPI:
    return create_app(config, clock=clock, database=database)


@pytest.fixture
def browser(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://localhost:8080") as client:
        yield client


def account(
    database: Database,
    config: Config,
    email: str,
    role: Role,
    site: SiteId = ALL_SITES,
    *,
    holder: HolderId | None = None,
) -> str:
    """Open an account with one role; its password is `PASSWORD`."""
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        wanted = NewAccount(email, email.partition("@")[0], PASSWORD, (Grant(role, site),), holder)
        return open_account(work, wanted, Passwords(config)).id


def sign_in(browser: TestClient, email: str, password: str = PASSWORD) -> dict[str, str]:
    """Sign in; returns the header that changing requests carry."""
    answer = browser.post("/api/v1/session", json={"email": email, "password": password})
    assert answer.status_code == 201, answer.text
    return {"x-csrf-token": answer.json()["csrf_token"]}
