"""One visit of an installer: the person at the door or prepared answers, the walk, and the report that stays."""

import json
import secrets
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from aldaba_edge import config as told
from aldaba_edge.bootstrap import software
from aldaba_edge.commission import Installer, Walk
from aldaba_edge.commission_report import markdown, report
from aldaba_edge.doctor import Finding
from aldaba_edge.drivers.registry import Registry, load_registry
from aldaba_edge.local import Asking, DaemonAway
from aldaba_edge.mounting import lock_driver, lock_options
from aldaba_edge.ports import Lock
from aldaba_profiles.catalog import load_catalog
from aldaba_shared.errors import AldabaError
from aldaba_shared.keys import credential_key


class DaemonRuns(AldabaError):
    """The daemon drives the pins now."""

    code = "daemon_runs"

    def __init__(self) -> None:
        super().__init__("The daemon runs, and two programs must not drive one pin: sudo systemctl stop aldaba-edge")


class AtTheDoor:
    """A person at a terminal; satisfies `Installer`. Questions go to standard error, and the findings can be piped."""

    def answers(self, _name: str, question: str) -> bool:
        """Ask; an empty line is a no."""
        return click.confirm(question, default=False, err=True)

    def does(self, _name: str, task: str) -> None:
        """Tell."""
        click.echo(task, err=True)


class Prepared:
    """Answers written down before; satisfies `Installer`. What nobody wrote down is a no, and is said."""

    def __init__(self, path: Path) -> None:
        self._answers: dict[str, Any] = json.loads(path.read_text("utf-8"))

    def answers(self, name: str, question: str) -> bool:
        """What is written, true and nothing else being a yes."""
        answer = self._answers.get(name)
        said = "no answer" if answer is None else "yes" if answer is True else "no"
        click.echo(f"{name}: {question} {said}", err=True)
        return answer is True

    def does(self, name: str, task: str) -> None:
        """Tell whoever watches, a person or a test."""
        click.echo(f"{name}: {task}", err=True)
        sys.stderr.flush()


def walk(config: told.Config, person: Installer, patience_seconds: float, *, locks_only: bool) -> list[Finding]:
    """Work the locks of every door, or every part of it.

    Raises:
        DaemonRuns: the pins are not ours now.
    """
    _stopped(config)
    registry = load_registry()
    registry.use_pins(config.pins.profile, config.pins.options)
    try:
        made = Walk(
            registry=registry,
            catalog=load_catalog(),
            digest=partial(credential_key, secrets.token_bytes(32)),
            installer=person,
            patience_seconds=patience_seconds,
            locks=partial(_locks, registry),
        )
        return [one for door in config.door for one in (made.locks_of(door) if locks_only else made.door(door))]
    finally:
        registry.close()


def reported(config: told.Config, path: Path, findings: Iterable[Finding]) -> dict[str, Any]:
    """The commissioning report as data."""
    return report(config, path, findings, load_catalog(), at=datetime.now(UTC), software=software())


def write(said: dict[str, Any], path: Path) -> None:
    """Keep the report, as JSON where the name says so, else as Markdown to be printed and signed."""
    text = json.dumps(said, indent=2, ensure_ascii=False) + "\n" if path.suffix == ".json" else markdown(said)
    path.write_text(text, "utf-8")


def _locks(registry: Registry, door: told.Door) -> list[tuple[str, Lock]]:
    """The locks of a door, all of them or none: one that opened is closed again when another does not."""
    opened: list[tuple[str, Lock]] = []
    for name, lock in (("lock", door.lock), ("lock_out", door.lock_out)):
        if lock is None:
            continue
        try:
            opened.append((name, registry.lock(lock_driver(door, lock), lock_options(door, lock))))
        except Exception:
            for _, one in opened:
                one.close()
            raise
    return opened


def _stopped(config: told.Config) -> None:
    try:
        Asking(config.socket).close()
    except DaemonAway:
        return
    raise DaemonRuns
