"""`aldaba-sim`: the simulated world, the demo, and single parts of both."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import click

from aldaba_shared.errors import AldabaError

EXAMPLES = """\b
Examples:
  aldaba-sim world --seed 1 --days 30
  aldaba-sim world --seed 7 --days 2 --json
"""


@click.group()
def main() -> None:
    """The other end of every wire: demos, load, and the simulated world."""


@main.command(epilog=EXAMPLES)
@click.option("--seed", type=int, default=1, show_default=True, help="The world is a function of it.")
@click.option("--days", type=click.IntRange(min=1), default=1, show_default=True, help="How many days go by.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers for programs.")
@click.option("--mutant", type=str, default=None, hidden=True, help="Break the software on purpose, to see it found.")
def world(seed: int, days: int, *, as_json: bool, mutant: str | None) -> None:
    """Live through simulated days with every kind of fault, and judge what the doors did.

    Ends 0 when every invariant held, 1 when one broke (each breach is told on
    standard error), 2 when the world could not be run.
    """
    from aldaba_sim.mutants import applied  # noqa: PLC0415 - the cloud and the edge take a second to import
    from aldaba_sim.world import World  # noqa: PLC0415 - same

    folder = Path(tempfile.mkdtemp(prefix="aldaba-world-"))
    try:
        with applied(mutant):
            made = World(seed, days, folder)
            outcome = made.run(lambda day: click.echo(f"\rday {day} of {days}", err=True, nl=day == days))
            made.close()
    except (AldabaError, KeyError) as error:
        click.echo(f"The world could not be run: {error}", err=True)
        sys.exit(2)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    numbers = outcome.numbers()
    for why in outcome.ledger.unrecorded:
        click.echo(f"unrecorded: {why}", err=True)
    for kind, what in outcome.ledger.breaches:
        click.echo(f"BROKEN {kind.value}: {what}", err=True)
    click.echo(json.dumps(numbers) if as_json else _table(numbers))
    sys.exit(0 if outcome.holds else 1)


def _table(numbers: dict[str, object]) -> str:
    lines = [f"{name:24} {value:>10}" for name, value in numbers.items() if not isinstance(value, dict)]
    faults = numbers["faults"]
    if isinstance(faults, dict):
        lines += ["", "faults that struck", *(f"  {name:22} {times:>10}" for name, times in faults.items())]
    return "\n".join(lines)
