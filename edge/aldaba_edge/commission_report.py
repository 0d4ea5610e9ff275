"""The commissioning report: what was found at every part of a controller, for the file of the building."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from aldaba_edge import config as told
from aldaba_edge.check import without_us
from aldaba_edge.doctor import Finding
from aldaba_profiles.catalog import BoardProfile, Catalog

FACTS = ("lock", "fail_safe", "contact", "board", "active_low", "crash", "boot", "power_loss")


def report(
    config: told.Config, path: Path, findings: Iterable[Finding], catalog: Catalog, *, at: datetime, software: str
) -> dict[str, Any]:
    """Everything the report says; `at` is an aware instant."""
    found = list(findings)
    return {
        "at": at.isoformat(timespec="seconds"),
        "software": software,
        "configuration": str(path),
        "configuration_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "commissioned": all(one.well for one in found),
        "doors": [_door(door, catalog) for door in config.door],
        "findings": [one.as_dict() for one in found],
    }


def _door(door: told.Door, catalog: Catalog) -> dict[str, Any]:
    board = catalog.profiles["board"].get(door.board.profile)
    alone = without_us(door, board if isinstance(board, BoardProfile) else None)
    return {
        "door": door.id,
        "lock": door.lock.profile,
        "fail_safe": door.lock.fail_safe,
        "contact": door.relay.contact,
        "board": door.board.profile,
        "active_low": door.board.active_low,
        "crash": alone.crash.value,
        "boot": alone.boot.value,
        "power_loss": alone.power_loss.value,
    }


def markdown(said: dict[str, Any]) -> str:
    """The report for people, to be printed and signed."""
    verdict = "All is well." if said["commissioned"] else "**Not to be used yet: see what is not well below.**"
    lines = [
        "# Commissioning report",
        "",
        f"{verdict} {said['at']}, {said['software']}.",
        "",
        f"Configuration {said['configuration']}, SHA-256 `{said['configuration_sha256']}`.",
        "",
        *_table(("door", *FACTS), ([one["door"], *(one[fact] for fact in FACTS)] for one in said["doors"])),
        "",
        *_table(
            ("", "part", "found"),
            (["well" if one["well"] else "NOT WELL", one["what"], one["told"]] for one in said["findings"]),
        ),
        "",
        "Installer, date and signature:",
        "",
        "Person responsible for the building, date and signature:",
    ]
    return "\n".join(lines) + "\n"


def _table(heads: Iterable[str], rows: Iterable[list[Any]]) -> list[str]:
    titles = list(heads)
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (titles, ["---"] * len(titles), *cells)]
