"""backup and restore: the database and the key directory in one file that only its owner can read.

A restore begins a new epoch, so that a rule set made before it can never be
taken for the newest one, and holds every door that may have been told more than
the copy knows (`aldaba_cloud.access.restored`). Doors send again what the
restored books lack, because their journals keep it.
"""

import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy.engine import make_url

from aldaba_cloud import schema
from aldaba_cloud.access import restored
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.places import store as places
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import NetworkId

SQLITE_COPY = "aldaba.db"
POSTGRES_DUMP = "aldaba.pgdump"
KEYS = "keys"


class ArchiveUnusable(AldabaError):
    """A backup could not be made, or is not one."""

    code = "archive_unusable"

    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(f"{path}: {why}.")


@click.command()
@click.argument("archive", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def backup(config: Config, archive: Path) -> None:
    """Write the database and its keys into ARCHIVE (a .tar, mode 0600); the service may go on running.

    \b
    aldaba-cloud backup /srv/backup/aldaba-$(date +%F).tar

    Whoever has the file has both the numbers of the cards and the keys to them:
    keep it encrypted, for instance with `age` or on an encrypted disk.
    """
    if archive.exists():
        raise ArchiveUnusable(archive, "there is a file already; give another name")
    with tempfile.TemporaryDirectory(dir=archive.resolve().parent) as aside:
        copy = _copy_database(config, Path(aside))
        whole = Path(aside, "whole.tar")
        with os.fdopen(os.open(whole, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            with tarfile.open(fileobj=out, mode="w") as tar:
                tar.add(copy, copy.name)
                if config.key_dir.is_dir():
                    tar.add(config.key_dir, KEYS)
            out.flush()
            os.fsync(out.fileno())
        whole.rename(archive)
    click.echo(f"{archive}: {archive.stat().st_size} bytes, database and keys.")


@click.command()
@click.argument("archive", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Put aside the database and the keys that are there.")
@click.pass_obj
def restore(config: Config, archive: Path, *, replace: bool) -> None:
    """Put back database and keys from ARCHIVE, under a new epoch. Stop the service first.

    \b
    aldaba-cloud restore /srv/backup/aldaba-2026-11-22.tar --replace
    """
    config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=config.state_dir) as aside:
        _unpack(archive, Path(aside))
        _put_back_keys(config, Path(aside, KEYS), replace=replace)
        _put_back_database(config, Path(aside), replace=replace)
    for network, epoch in _begin_epochs(config):
        click.echo(f"{network}: restored; rules begin epoch {epoch}. Start the service; doors send what is missing.")
    click.echo(
        "Doors keep the rules they have: one that was told nothing since the backup follows again by itself. "
        "For the others see `aldaba-cloud rules held`, then `aldaba-cloud rules publish --after-restore`."
    )


def _copy_database(config: Config, aside: Path) -> Path:
    """A consistent copy while others write: SQLite's own backup, or pg_dump."""
    url = make_url(config.database)
    if url.get_backend_name() == "sqlite":
        source, target = Path(url.database or ""), aside / SQLITE_COPY
        if not source.is_file():
            raise ArchiveUnusable(source, "there is no database to back up")
        with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
            live.backup(copy)
        _inspect(target)
        return target
    target = aside / POSTGRES_DUMP
    _run(["pg_dump", "--format=custom", f"--file={target}", f"--dbname={_libpq(config)}"])
    return target


def _unpack(archive: Path, aside: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _put_out(tar, member, aside)
    except (tarfile.TarError, OSError) as error:
        raise ArchiveUnusable(archive, f"is no backup of Aldaba ({error})") from error
    if not any((aside / name).exists() for name in (SQLITE_COPY, POSTGRES_DUMP)):
        raise ArchiveUnusable(archive, "holds no database")
    if (aside / SQLITE_COPY).exists():
        _inspect(aside / SQLITE_COPY)


def _put_out(tar: tarfile.TarFile, member: tarfile.TarInfo, aside: Path) -> None:
    """Write one plain file of the archive; Debian 12's Python (3.11.2) has no extraction filters yet.

    Raises:
        TarError: a link, a device, or a name that leads out of the folder.
    """
    if member.isdir():
        return
    target = (aside / member.name).resolve()
    content = tar.extractfile(member) if member.isfile() else None
    if content is None or not target.is_relative_to(aside.resolve()):
        raise tarfile.TarError(f"{member.name!r} is no plain file inside it")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with content, target.open("wb") as out:
        shutil.copyfileobj(content, out)
    target.chmod(0o600)


def _inspect(copy: Path) -> None:
    """Refuse a copy that is damaged or not ours before anything that works is put aside for it."""
    from sqlite_utils import Database as Inspected  # noqa: PLC0415 - a fifth of a second that only archives pay

    try:
        inspected = Inspected(copy)
        told = next(iter(inspected.query("PRAGMA quick_check")))["quick_check"]
        missing = {"alembic_version", "networks"} - set(inspected.table_names())
        inspected.close()
    except sqlite3.DatabaseError as error:
        raise ArchiveUnusable(copy.name, f"is no database ({error})") from error
    if told != "ok" or missing:
        raise ArchiveUnusable(copy.name, f"is damaged ({told})" if told != "ok" else "is no database of Aldaba")


def _put_back_keys(config: Config, kept: Path, *, replace: bool) -> None:
    _make_room(config.key_dir, replace=replace)
    if kept.is_dir():
        shutil.move(kept, config.key_dir)
        config.key_dir.chmod(0o700)


def _put_back_database(config: Config, aside: Path, *, replace: bool) -> None:
    url = make_url(config.database)
    if url.get_backend_name() != "sqlite":
        if not (aside / POSTGRES_DUMP).exists():
            raise ArchiveUnusable("the archive", "is of SQLite, and ALDABA_DATABASE_URL names PostgreSQL")
        clean = ["--clean", "--if-exists"] if replace else []
        _run(
            [
                "pg_restore",
                "--exit-on-error",
                "--no-owner",
                *clean,
                f"--dbname={_libpq(config)}",
                str(aside / POSTGRES_DUMP),
            ]
        )
        return
    if not (aside / SQLITE_COPY).exists():
        raise ArchiveUnusable("the archive", "is of PostgreSQL; set ALDABA_DATABASE_URL to an empty database of it")
    target = Path(url.database or "")
    for suffix in ("-wal", "-shm", ""):
        _make_room(Path(f"{target}{suffix}"), replace=replace)
    shutil.move(aside / SQLITE_COPY, target)


def _make_room(path: Path, *, replace: bool) -> None:
    """What is there is put aside under the time of day, never deleted."""
    if not path.exists():
        return
    if not replace:
        raise ArchiveUnusable(path, "is there already; use --replace to put it aside")
    path.rename(path.with_name(f"{path.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"))


def _begin_epochs(config: Config) -> list[tuple[NetworkId, int]]:
    database = Database(config.database)
    schema.migrate(database)
    begun = []
    with database.write() as db:
        for network in places.every_network(db):
            work = Work(db, Scope(network), datetime.now(UTC), "restore")
            begun.append((network, restored.hold_everything(work)))
    database.close()
    return begun


def _libpq(config: Config) -> str:
    return make_url(config.database).set(drivername="postgresql").render_as_string(hide_password=False)


def _run(command: list[str]) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise ArchiveUnusable(command[0], "is not installed; on Debian: apt install postgresql-client")
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ArchiveUnusable(command[0], f"said {done.stderr.strip()}")
