"""The command line of a controller: tables for people, `--json` for programs, exit 0, 1 (no) or 2 (cannot)."""

# ruff: noqa: PLC0415 - a command imports what it needs: --help must not cost a second on a Pi Zero

import sys
from pathlib import Path
from typing import Any

import click

from aldaba_edge import cli_installing as installing
from aldaba_edge import config as told
from aldaba_edge.cli_card import card
from aldaba_edge.cli_kit import NO, config_option, json_option, mendable, refused, say_json, table
from aldaba_edge.cli_pair import pair
from aldaba_edge.cli_shadow import shadow
from aldaba_edge.cli_update import update


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
    raise SystemExit(daemon.run(config, path))


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
    refused(answer)
    if as_json:
        say_json(answer)
        return
    click.echo(
        f"{answer['controller']}: up {answer['up_seconds']} s, rules {answer['rules_version']}, "
        f"{'verified' if answer['rules_verified'] else 'NOT verified'}, "
        f"{'connected' if answer['connected'] else 'offline'}, line {answer['durable_sequence']}"
    )
    clock, disk = answer["clock"], answer["disk"]
    wear = disk["written_bytes_per_line"]
    click.echo(
        f"time known by {clock['by']}, within {clock['uncertainty_ms']} ms; "
        if clock["trusted"]
        else "time UNCERTAIN: passes and phones are refused; ",
        nl=False,
    )
    click.echo(
        f"disk {disk['free_bytes'] // 2**20} MiB free{', SHORT' if disk['short'] else ''}"
        f"{f', {wear} bytes written a line' if wear else ''}"
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
    refused(answer)
    if as_json:
        say_json(answer)
    else:
        click.echo(f"{door} is released; line {answer['sequence']} says so.")


@main.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default=told.DEFAULT_PATH)
@json_option
@mendable
def check(path: Path, *, as_json: bool) -> None:
    """Judge a configuration: every mistake, and what each door does without us.

    Exit 0 when a controller may run so, 1 when it may not.

    \b
    Examples:
      aldaba-edge check
      aldaba-edge check ./edge.toml --json
    """
    from aldaba_edge import check as judge
    from aldaba_edge.drivers.registry import load_registry
    from aldaba_edge.inspection import zones_in_force
    from aldaba_profiles.catalog import load_catalog

    verdict = judge.check(path, load_registry(), load_catalog(), zones_in_force(path))
    if as_json:
        say_json(judge.as_json(verdict))
        raise SystemExit(0 if verdict.good else NO)
    rows = [list(one.as_dict().values()) for one in verdict.doors]
    click.echo(table(rows, ("door", "crash", "crash while released", "boot", "power loss")))
    for doubt in verdict.warnings:
        click.echo(f"Note: {doubt}")
    for mistake in verdict.mistakes:
        click.echo(f"Mistake: {mistake}", err=True)
    click.echo("A controller may run so." if verdict.good else "A controller may not run so: mend the mistakes.")
    raise SystemExit(0 if verdict.good else NO)


@main.command()
@config_option
@json_option
@click.option(
    "--tail", "count", type=click.IntRange(min=1), default=20, show_default=True, help="The last so many lines."
)
@click.option("--follow", is_flag=True, help="Go on as lines become durable.")
@click.option("--verify", is_flag=True, help="Check the chain from its first line or signed checkpoint.")
@click.option(
    "--file",
    "aside",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A journal that was put aside, as far as it can be read.",
)
@mendable
def events(path: Path, count: int, *, as_json: bool, follow: bool, verify: bool, aside: Path | None) -> None:
    """Show the books: what happened at the doors, ids and reasons, never a name.

    \b
    Examples:
      aldaba-edge events --tail 50
      aldaba-edge events --follow --json
      aldaba-edge events --verify
      aldaba-edge events --file /var/lib/aldaba/journal.broken-20261123T080000-1a2b.db --tail 1000000 --json
    """
    from aldaba_edge import inspection as inspect

    if aside is not None:
        shown, lost = inspect.lines_of(aside, count)
        for line in shown:
            _say_line(line, as_json=as_json)
        if lost:
            click.echo(f"{lost} lines of it cannot be read.", err=True)
        return
    config = told.load(path)
    if verify:
        counts = inspect.verified(config)
        if as_json:
            say_json({"ok": True, "lines": sum(counts.values()), "counts": dict(counts)})
        else:
            click.echo(f"The chain holds: {sum(counts.values())} lines.")
        return
    shown = list(inspect.last_lines(config, count))
    for line in shown:
        _say_line(line, as_json=as_json)
    if follow:
        from aldaba_edge.local import Asking

        try:
            # What became durable since the last line shown is part of the answer, so the daemon goes on from there.
            for line in Asking(config.socket).follow(*(line["sequence"] for line in shown[-1:])):
                refused({"ok": True, **line})
                _say_line(line, as_json=as_json)
        except KeyboardInterrupt:
            return


def _say_line(line: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(line)
        return
    rest = {key: value for key, value in line.items() if key not in ("sequence", "at", "event")}
    facts = " ".join(f"{key}={value}" for key, value in rest.items())
    click.echo(f"{line['sequence']:>8}  {line['at'][:23]}  {line['event']:<18} {facts}")


@main.command()
@click.argument("event", type=int, required=False)
@config_option
@json_option
@click.option("--door", help="What if: this door.")
@click.option("--card", help="What if: this card's UID in hexadecimal.")
@click.option("--at", "moment", help="What if: at this moment, such as 2026-11-23T18:30+01:00.  [default: now]")
@click.option(
    "--language", type=click.Choice(["es", "ca", "en"]), default="en", show_default=True, help="Of the answer."
)
@mendable
def explain(**wanted: Any) -> None:  # noqa: ANN401 - click's own: each option keeps its type above
    """Say why a door answered as it did, or would answer, without opening it.

    EVENT is a line's number: the decision is run again on the facts the line
    carries, and must come out the same.

    Exit 0 for a grant, 1 for a denial, 2 when it cannot be said.

    \b
    Examples:
      aldaba-edge explain 1234
      aldaba-edge explain --door door-street --card 04536b4a2f7080 --at 2026-11-23T18:30+01:00
    """
    from aldaba_edge import explain as explaining

    config = told.load(wanted["path"])
    if wanted["event"] is not None:
        answer = explaining.event(config, wanted["event"])
    elif wanted["door"] and wanted["card"]:
        answer = explaining.what_if(config, wanted["door"], wanted["card"], wanted["moment"])
    else:
        raise click.UsageError("Give an EVENT, or --door and --card.")
    if wanted["as_json"]:
        say_json(answer.as_dict(wanted["language"]))
    else:
        click.echo(answer.for_people(wanted["language"]))
    raise SystemExit(answer.exit_code)


for command in (*installing.COMMANDS, pair, update, shadow, card):
    main.add_command(command)


if __name__ == "__main__":
    sys.exit(main())
