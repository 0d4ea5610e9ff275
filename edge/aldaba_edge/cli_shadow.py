"""shadow: what doors in shadow found, and the switch to live and back."""

# ruff: noqa: PLC0415 - a command imports what it needs: --help must not cost a second on a Pi Zero

from pathlib import Path

import click

from aldaba_edge import config as told
from aldaba_edge.cli_kit import config_option, json_option, mendable, refused, say_json, table

HEADS = ("door", "compared", "agreed", "we would refuse", "we would open", "opened without us", "why we would refuse")


@click.command()
@click.option("--live", metavar="DOOR", help="Take this door over: from now on we answer and release.")
@click.option("--back", metavar="DOOR", help="Put this door back into shadow: we listen and release nothing.")
@config_option
@json_option
@mendable
def shadow(path: Path, live: str | None, back: str | None, *, as_json: bool) -> None:
    """Say where a door in shadow would have answered otherwise than the system beside it; or switch it.

    \b
    Examples:
      aldaba-edge shadow
      aldaba-edge shadow --json
      aldaba-edge shadow --live door-street
      aldaba-edge shadow --back door-street
    """
    config = told.load(path)
    if live is not None and back is not None:
        raise click.UsageError("Say --live or --back, not both.")
    door = live or back
    if door is not None:
        return _switch(config, door, shadow=back is not None, as_json=as_json)
    return _report(config, as_json=as_json)


def _switch(config: told.Config, door: str, *, shadow: bool, as_json: bool) -> None:
    from aldaba_edge.local import Asking

    asking = Asking(config.socket)
    answer = asking.ask(do="shadow", door=door, shadow=shadow)
    asking.close()
    refused(answer)
    if as_json:
        return say_json(answer)
    return click.echo(f"{door} is {'in shadow: it releases nothing' if shadow else 'live: it answers and releases'}.")


def _report(config: told.Config, *, as_json: bool) -> None:
    import msgspec

    from aldaba_edge.inspection import journal_of
    from aldaba_shared.events import ShadowCompared
    from aldaba_shared.shadow_report import shadow_reports

    with journal_of(config) as journal:
        found = shadow_reports(line.event for line in journal.events() if isinstance(line.event, ShadowCompared))
    if as_json:
        return say_json([msgspec.to_builtins(one) for one in found])
    rows = [
        (
            one.door,
            one.compared,
            one.agreed,
            one.we_would_refuse,
            one.we_would_open,
            one.opened_without_us,
            ", ".join(f"{why} {times}" for why, times in one.reasons.items()) or "-",
        )
        for one in found
    ]
    return click.echo(table(rows, HEADS) if rows else "No door has compared anything yet.")
