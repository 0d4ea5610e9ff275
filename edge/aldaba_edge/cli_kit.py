"""What every command of a controller shares: errors in one line, tables for people, JSON for programs."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from aldaba_edge import config as told
from aldaba_shared.errors import AldabaError

F = TypeVar("F", bound=Callable[..., Any])
NO: Final = 1
CANNOT: Final = 2


def mendable(command: F) -> F:
    """An error a person can mend is one line on standard error and exit 2, never a traceback."""

    @wraps(command)
    def wrapped(*args: object, **named: object) -> object:
        try:
            return command(*args, **named)
        except AldabaError as error:
            click.echo(f"Error: {error}", err=True)
            raise SystemExit(CANNOT) from error

    return wrapped  # type: ignore[return-value]  # the same call, with its errors said


def config_option(command: F) -> F:
    """Which configuration a command is about."""
    return click.option(
        "--config",
        "path",
        type=click.Path(path_type=Path, dir_okay=False),
        default=told.DEFAULT_PATH,
        show_default=True,
        help="The controller's configuration.",
    )(command)


def json_option(command: F) -> F:
    """Whether a program reads the answer."""
    return click.option("--json", "as_json", is_flag=True, help="For programs: JSON instead of a table.")(command)


def table(rows: Iterable[Sequence[object]], heads: Sequence[str]) -> str:
    """A table in plain characters, columns as wide as they must be."""
    cells = [[str(one) for one in row] for row in (heads, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def say_json(told_: object) -> None:
    """One JSON document."""
    click.echo(json.dumps(told_, ensure_ascii=False, default=str))


def refused(answer: dict[str, Any]) -> None:
    """End with 1 when the daemon said no."""
    if not answer.get("ok"):
        click.echo(f"Error: {answer.get('error', 'the daemon refused')}", err=True)
        raise SystemExit(NO)
