"""What `aldaba-sim world` prints: the numbers, what broke, and the shortest story that breaks it as a timeline."""

import json
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import click

from aldaba_sim.fresh import live_fresh
from aldaba_sim.ledger import Ledger
from aldaba_sim.mutants import applied
from aldaba_sim.people import TIME_ZONE
from aldaba_sim.shrink import live, shortest
from aldaba_sim.story import Story, tell
from aldaba_sim.world import Outcome


@dataclass(frozen=True, slots=True)
class Wanted:
    """One world to live: the options of the command."""

    seed: int
    days: int
    outage_hours: float
    shrink_seconds: float
    as_json: bool
    mutant: str | None


def one(wanted: Wanted) -> int:
    """Live one world and print it; the exit code."""
    story = tell(wanted.seed, wanted.days)
    story = story.without_faults() if wanted.outage_hours else story
    with applied(wanted.mutant):
        outcome = live(
            story,
            outage_hours=wanted.outage_hours,
            progress=lambda day: click.echo(f"\rday {day} of {wanted.days}", err=True, nl=day == wanted.days),
        )
        for why in outcome.ledger.unrecorded:
            click.echo(f"unrecorded: {why}", err=True)
        for complaint in outcome.complaints():
            click.echo(complaint, err=True)
        if outcome.ledger.breaches and wanted.shrink_seconds and not wanted.outage_hours:
            _shorten(story, outcome, wanted.shrink_seconds)
    numbers = outcome.numbers()
    click.echo(json.dumps(numbers) if wanted.as_json else table(numbers))
    return 0 if outcome.holds else 1


def _shorten(story: Story, outcome: Outcome, seconds: float) -> None:
    click.echo("\nLooking for the shortest story that fails alike.", err=True)
    short, came_out = shortest(story, outcome, seconds=seconds, say=lambda text: click.echo(f"  {text}", err=True))
    people = len({errand.holder for errand in short.errands})
    click.echo(f"\nThe shortest found: {len(short.strikes)} faults, {people} people with errands.", err=True)
    click.echo(timeline(came_out.ledger), err=True)


def timeline(ledger: Ledger) -> str:
    """What happened, a line each, in the site's own time."""
    zone = ZoneInfo(TIME_ZONE)
    return "\n".join(f"{at.astimezone(zone):%a %H:%M:%S}  {what}" for at, what in ledger.chronicle)


def fresh(seconds: float, shrink_seconds: float, *, as_json: bool) -> int:
    """Live fresh seeds and print what they came to; the exit code."""
    lived = live_fresh(seconds, shrink_seconds, lambda text: click.echo(text, err=True))
    failed = [one for one in lived if one.code != 0]
    for one_world in failed:
        click.echo(f"\n--- seed {one_world.seed}\n{one_world.said}", err=True)
        click.echo(
            f"Keep it: add seed {one_world.seed} to tests/sim/failed_seeds.toml with what it found. "
            f"See it again: aldaba-sim world --seed {one_world.seed}",
            err=True,
        )
    taps = sum(int(str(one_world.numbers.get("taps", 0))) for one_world in lived)
    numbers = {"worlds": len(lived), "taps": taps, "failed": [one_world.seed for one_world in failed]}
    click.echo(json.dumps(numbers) if as_json else f"{len(lived)} fresh worlds, {taps} taps, {len(failed)} failed")
    return 1 if failed or not lived else 0


def table(numbers: dict[str, object]) -> str:
    """The numbers for people."""
    lines = [f"{name:24} {value:>10}" for name, value in numbers.items() if not isinstance(value, dict)]
    faults = numbers["faults"]
    if isinstance(faults, dict):
        lines += ["", "faults that struck", *(f"  {name:22} {times:>10}" for name, times in faults.items())]
    return "\n".join(lines)
