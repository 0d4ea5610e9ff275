"""The same code on PostgreSQL: every unit test of the cloud that has a database, and the migrations on both engines."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner

from aldaba_cloud.cli import main
from aldaba_cloud.db import Database, metadata
from aldaba_cloud.schema import migrate
from tests.system.postgres import postgres

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return made(request.getfixturevalue("server"), f"empty_{os.getpid()}")


def made(server: str, name: str) -> str:
    with closing(psycopg.connect(server, autocommit=True)) as db:
        db.execute(f'DROP DATABASE IF EXISTS "{name}"'.encode())
        db.execute(f'CREATE DATABASE "{name}"'.encode())
    return server.replace("/postgres?", f"/{name}?")


def test_migrations_lead_to_the_tables_the_code_declares(empty: str) -> None:
    database = Database(empty)
    migrate(database)
    migrate(database)
    with database.read() as db:
        differences: list[Any] = compare_metadata(
            MigrationContext.configure(db, opts={"compare_type": False}), metadata
        )
    database.close()
    assert differences == []


def test_the_clouds_unit_tier_passes_on_postgresql(server: str) -> None:
    env = {**os.environ, "ALDABA_TEST_POSTGRES": server}
    which = ["-n", "2", "-m", "not system"]
    words = [sys.executable, "-m", "pytest", "tests/cloud", "-q", "-x", *which, "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]


def test_a_postgresql_backup_comes_back_under_a_new_epoch(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        return done.output

    monkeypatch.setenv("ALDABA_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("ALDABA_DATABASE_URL", made(server, "first"))
    run("init", "--network", "Test", "--site", "Barcelona", "--email", "me@example.org")
    run("backup", str(tmp_path / "backup.tar"))
    monkeypatch.setenv("ALDABA_DATABASE_URL", made(server, "second"))
    assert "begin epoch 2" in run("restore", str(tmp_path / "backup.tar"), "--replace")
    run("verify")
