"""`aldaba-sim`: the simulated world, the demo, and single parts of both."""

import json
import sys
from typing import Any

import click

from aldaba_shared.errors import AldabaError

EXAMPLES = """\b
Examples:
  aldaba-sim world --seed 1 --days 30
  aldaba-sim world --seed 7 --days 2 --json
  aldaba-sim world --days 9 --outage-hours 180
  aldaba-sim world --fresh-seconds 180
"""
CARD_EXAMPLES = """\b
Examples:
  aldaba-sim card
  aldaba-sim card lane --card ana
  aldaba-sim card street --uid 04536b4a2f7080
"""
LOAD_EXAMPLES = """\b
Examples:
  aldaba-sim load
  aldaba-sim load --doors 12 --hours 6 --json
  aldaba-sim load --doors 200 --hours 60 --taps-per-day 300 --within 60
  aldaba-sim load --database-url postgresql+psycopg://aldaba@localhost/load
"""


@click.group()
def main() -> None:
    """The other end of every wire: demos, load, and the simulated world."""


@main.command(epilog=EXAMPLES)
@click.option("--seed", type=int, default=1, show_default=True, help="The world is a function of it.")
@click.option("--days", type=click.IntRange(min=1), default=1, show_default=True, help="How many days go by.")
@click.option("--outage-hours", type=click.FloatRange(min=0), default=0.0, help="No broker and no cloud for so long.")
@click.option(
    "--shrink-seconds", type=float, default=300.0, show_default=True, help="Shorten a story that fails; 0: no."
)
@click.option("--fresh-seconds", type=float, default=0.0, help="Live seeds nobody has lived, so many seconds of them.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers for programs.")
@click.option("--mutant", type=str, default=None, hidden=True, help="Break the software on purpose, to see it found.")
def world(**wanted: Any) -> None:  # noqa: ANN401 - click's own: each option keeps its type above
    """Live through simulated days with every kind of fault, and judge what the doors did.

    Ends 0 when every invariant held and every kind of fault struck, 1 when not
    (each breach and each missing kind is told on standard error, with a timeline
    of the shortest story found that fails alike), 2 when the world could not be run.
    """
    from aldaba_sim import telling  # noqa: PLC0415 - the cloud and the edge take a second to import

    try:
        if wanted["fresh_seconds"]:
            sys.exit(telling.fresh(wanted["fresh_seconds"], wanted["shrink_seconds"], as_json=wanted["as_json"]))
        sys.exit(telling.one(telling.Wanted(**{name: wanted[name] for name in telling.Wanted.__annotations__})))
    except (AldabaError, KeyError) as error:
        click.echo(f"The world could not be run: {error}", err=True)
        sys.exit(2)


@main.command(epilog="\b\nExamples:\n  aldaba-sim demo\n")
def demo() -> None:
    """Bring a Barcelona space alive on this machine: cloud, broker, eight doors, people; Ctrl-C stops it."""
    _play(None)


@main.command(epilog="\b\nExamples:\n  aldaba-sim door\n  aldaba-sim door turnstile\n")
@click.argument("name", default="street")
def door(name: str) -> None:
    """Put up one simulated door, with a page on which you tap cards and see bolt, leaf, light and answer."""
    _play(name)


@main.command(epilog="\b\nExamples:\n  aldaba-sim building\n")
@click.option("--json", "as_json", is_flag=True, help="For programs: JSON instead of a table.")
def building(*, as_json: bool) -> None:
    """List the demo's doors and where they lead; while `demo` runs, its page shows them all."""
    from aldaba_sim.demo import barcelona_building  # noqa: PLC0415 - the cloud takes a second to import

    openings = barcelona_building().openings.values()
    if as_json:
        click.echo(json.dumps([{"door": one.door, "from": one.outer, "to": one.inner} for one in openings]))
        return
    for one in openings:
        way_out = "read" if one.reader_out else "by button"
        click.echo(f"{one.door:10} {one.name:26} {one.outer:>8} > {one.inner:14} way out {way_out}")


@main.command(epilog=LOAD_EXAMPLES)
@click.option("--doors", type=click.IntRange(1, 2000), default=200, show_default=True, help="A controller each.")
@click.option("--sites", type=click.IntRange(1, 99), default=10, show_default=True, help="Where the doors are, evenly.")
@click.option(
    "--hours", type=click.FloatRange(0.1, 720), default=60.0, show_default=True, help="How long all were alone."
)
@click.option("--taps-per-day", type=click.FloatRange(1), default=300.0, show_default=True, help="At each door.")
@click.option(
    "--within", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds until all is in the books."
)
@click.option("--database-url", help="A database to try things in; without it, a SQLite file of this run.")
@click.option("--json", "as_json", is_flag=True, help="For programs: JSON instead of a table.")
def load(*, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 - click's own: each option keeps its type above
    """Bring many doors back at once after days without a network, and see that the books are whole.

    Exit 0 when every line of every journal is in the books once, in order and
    in time; 1 when not; 2 when the load could not be run.
    """
    from aldaba_sim import load as loading  # noqa: PLC0415 - the cloud and the edge take a second to import
    from aldaba_sim.load_doors import only_errors  # noqa: PLC0415 - as above

    only_errors()
    try:
        returned = loading.run_load(loading.Load(**wanted), lambda text: click.echo(text, err=True))
    except AldabaError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    numbers = returned.numbers()
    click.echo(json.dumps(numbers) if as_json else loading.table(numbers))
    sys.exit(0 if returned.holds else 1)


@main.command(epilog=CARD_EXAMPLES)
@click.argument("door", required=False)
@click.option("--card", "card_id", help="A card on the table of the demo, by its id.")
@click.option("--uid", help="Any card: its number of 4, 7 or 10 bytes in hexadecimal.")
@click.option("--side", type=click.Choice(["in", "out"]), default="in", show_default=True, help="Which reader.")
@click.option("--port", type=int, default=8090, show_default=True, help="Where the demo's page listens.")
@click.option(
    "--language", type=click.Choice(["es", "ca", "en"]), default="en", show_default=True, help="Of the answer."
)
@click.option("--json", "as_json", is_flag=True, help="For programs: JSON instead of a sentence.")
def card(door: str | None, card_id: str | None, uid: str | None, *, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 - click's own
    """Hold a card to a reader of a demo that runs, and print what the door says; without DOOR, list both.

    Exit 0 for a grant, 1 for a denial, 2 when nobody answered.
    """
    from aldaba_sim.card_hand import DemoPage  # noqa: PLC0415 - the answer alone needs it

    page = DemoPage(wanted["port"])
    try:
        if door is None:
            _list_table(page.now(), as_json=as_json)
            return
        if (card_id is None) is (uid is None):
            raise click.UsageError("Give --card or --uid, one of them.")
        shown = {"side": wanted["side"], **({"card": card_id} if card_id else {"uid": uid or ""})}
        answer = page.present(door, shown, language=wanted["language"])
    except AldabaError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    said = {"door": door, "granted": answer.granted, "reason": answer.reason, "sentence": answer.sentence}
    words = f"{answer.sentence} ({answer.reason})" if answer.reason else "The door said nothing in time."
    click.echo(json.dumps(said) if as_json else words)
    sys.exit(2 if answer.granted is None else 0 if answer.granted else 1)


def _list_table(now: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(now))
        return
    for one in now["doors"]:
        click.echo(f"door  {one['id']:12} {one['name']}")
    for one in now["cards"]:
        click.echo(f"card  {one['id']:12} {one['label']}  {one['note']}")


def _play(only: str | None) -> None:
    from aldaba_sim.demo import barcelona_building, play  # noqa: PLC0415 - the cloud takes a second to import

    if only is not None and only not in barcelona_building().openings:
        click.echo(f"There is no door {only!r}. Use one of: {', '.join(barcelona_building().openings)}.", err=True)
        sys.exit(2)
    try:
        play(click.echo, only=only)
    except AldabaError as error:
        click.echo(str(error), err=True)
        sys.exit(2)


if __name__ == "__main__":
    sys.exit(main())
