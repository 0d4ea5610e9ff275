"""What a command of this machine can see of a controller's disk while the daemon runs, or does not."""

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

from aldaba_edge import config as told
from aldaba_edge.journal_file import JournalBroken, JournalFile
from aldaba_edge.keyfile import read_identity
from aldaba_edge.rules_file import RulesFile
from aldaba_edge.shown import shown_line
from aldaba_shared.envelope import KeyRing
from aldaba_shared.errors import AldabaError
from aldaba_shared.messages import Kind
from aldaba_shared.presence import PresenceRules
from aldaba_shared.wire import Malformed


class NothingKept(AldabaError):
    """The controller has not run yet."""

    code = "nothing_kept"

    def __init__(self, path: Path) -> None:
        super().__init__(f"There is nothing at {path} yet. Start the controller with `aldaba-edge run` first.")


def journal_of(config: told.Config) -> JournalFile:
    """The books, opened to read.

    Raises:
        NothingKept: there are none yet.
    """
    path = config.data / "journal.db"
    if not path.exists():
        raise NothingKept(path)
    return JournalFile(path)


def rules_of(config: told.Config) -> RulesFile:
    """The rule set in force, opened to read.

    Raises:
        NothingKept: there is none yet.
    """
    path = config.data / "rules" / "current" / "rules.db"
    if not path.exists():
        raise NothingKept(path)
    return RulesFile(path)


def lines_of(path: Path, count: int) -> tuple[list[dict[str, Any]], int]:
    """The last lines of any journal file as far as they can be read, such as one put aside; and how many cannot.

    Raises:
        NothingKept: there is no such file.
        JournalBroken: no line of it can be read.
    """
    if not path.exists():
        raise NothingKept(path)
    try:
        with JournalFile(path) as journal:
            found, lost = journal.salvaged()
    except sqlite3.DatabaseError as error:
        raise JournalBroken(path, str(error)) from error
    shown: list[dict[str, Any]] = []
    for body in found[-count:]:
        try:
            shown.append(shown_line(body))
        except Malformed:
            lost += 1
    return shown, lost


def last_lines(config: told.Config, count: int) -> list[dict[str, Any]]:
    """The last lines of the books, oldest first, as people are shown them."""
    with journal_of(config) as journal:
        return [shown_line(body) for _, _, body in journal.lines_before(count)]


def verified(config: told.Config) -> Counter[str]:
    """The lines by kind, once the whole chain was found to hold.

    Raises:
        JournalBroken: it does not.
    """
    identity = read_identity(config.data / "identity")
    ring = KeyRing([identity.signing_key().public(*Kind)])
    with journal_of(config) as journal:
        return journal.verify(ring, identity.answer.controller)


def zones_in_force(path: Path) -> PresenceRules | None:
    """The zones of the rule set in force, or None where there is no rule set or no usable configuration yet."""
    config = told.read(path).config
    if config is None:
        return None
    try:
        rules = rules_of(config)
    except AldabaError:
        return None
    presence = rules.presence
    rules.close()
    return presence
