"""The command line of a controller: tables for people, `--json` for programs, exit 0, 1 (no) or 2 (cannot)."""

# ruff: noqa: PLC0415 - a command imports what it needs: --help must not cost a second on a Pi Zero

import json
import sys
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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aldaba-edge", prog_name="aldaba-edge")
def main() -> None:
    """Aldaba on a controller: reads cards, decides, opens doors, keeps the books."""


@main.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default=told.DEFAULT_PATH)
@mendable
def run(path: Path) -> None:
    """Run this controller's doors until a signal ends it.

    \b
    Examples:
      aldaba-edge run
      aldaba-edge run /etc/aldaba/edge.toml
    """
    config = told.load(path)
    from aldaba_edge import daemon, log

    log.start_log(config.log)
    raise SystemExit(daemon.run(config))


@main.command()
@config_option
@json_option
@mendable
def status(path: Path, *, as_json: bool) -> None:
    """Say how the running controller and its doors are.

    \b
    Examples:
      aldaba-edge status
      aldaba-edge status --json
    """
    from aldaba_edge.local import Asking

    asking = Asking(told.load(path).socket)
    answer = asking.ask(do="status")
    asking.close()
    _refused(answer)
    if as_json:
        say_json(answer)
        return
    click.echo(
        f"{answer['controller']}: up {answer['up_seconds']} s, rules {answer['rules_version']}, "
        f"{'verified' if answer['rules_verified'] else 'NOT verified'}, "
        f"{'connected' if answer['connected'] else 'offline'}, line {answer['durable_sequence']}"
    )
    rows = [(one["id"], one["state"], one["mode"], ", ".join(one["lost_readers"]) or "-") for one in answer["doors"]]
    click.echo(table(rows, ("door", "state", "mode", "lost readers")))


@main.command()
@click.argument("door")
@config_option
@json_option
@mendable
def release(door: str, path: Path, *, as_json: bool) -> None:
    """Release DOOR now; the books say that it was done from here.

    \b
    Examples:
      aldaba-edge release door-street
    """
    from aldaba_edge.local import Asking

    asking = Asking(told.load(path).socket)
    answer = asking.ask(do="release", door=door)
    asking.close()
    _refused(answer)
    if as_json:
        say_json(answer)
    else:
        click.echo(f"{door} is released; line {answer['sequence']} says so.")


def _refused(answer: dict[str, Any]) -> None:
    if not answer.get("ok"):
        click.echo(f"Error: {answer.get('error', 'the daemon refused')}", err=True)
        raise SystemExit(NO)


if __name__ == "__main__":
    sys.exit(main())
