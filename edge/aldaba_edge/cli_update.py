"""update: a new version beside the old one, tried for a minute."""

# ruff: noqa: PLC0415 - a command imports what it needs: --help must not cost a second on a Pi Zero

import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aldaba_edge import config as told
from aldaba_edge.cli_kit import NO, config_option, json_option, mendable, say_json

if TYPE_CHECKING:
    from aldaba_edge.update import Slots

ROOM = click.Path(path_type=Path, file_okay=False)
WAIT_SECONDS = 90


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=False)
@config_option
@json_option
@click.option("--canary", is_flag=True, help="This door is first: do not ask the cloud.")
@click.option("--downgrade", is_flag=True, help="Take an older version than the one that runs.")
@click.option("--status", "only_status", is_flag=True, help="Say what runs, what is good, what was left.")
@click.option("--confirm", is_flag=True, help="Decide an open trial: keep the version or go back. The unit's own word.")
@click.option("--folder", type=ROOM, default=Path("/opt/aldaba"), show_default=True, help="Where the versions are.")
@mendable
def update(
    bundle: Path | None,
    path: Path,
    *,
    as_json: bool,
    canary: bool,
    downgrade: bool,
    only_status: bool,
    confirm: bool,
    folder: Path,
) -> None:
    """Install a signed BUNDLE beside the version that runs, try it for a minute, keep it or go back.

    The cloud says whether it is this controller's turn; --canary makes it the first.
    A version in which no door feeds the watchdog within 60 s is left by itself,
    also when the power fails in between.

    Exit 0 when it is kept, 1 when it was left or is not this door's turn, 2 when it cannot be installed.

    \b
    Examples:
      sudo aldaba-edge update aldaba-0.2.0.bundle --canary
      aldaba-edge update --status
    """
    from aldaba_edge import update as updating

    slots = updating.Slots(folder)
    if only_status or not (bundle or confirm):
        _say(slots, as_json=as_json)
        return
    config = told.load(path)
    if confirm:
        from aldaba_edge.update_adapters import SystemdService

        updating.guard(slots, SystemdService(config.socket), time.sleep)
        _say(slots, as_json=as_json)
        return
    if bundle is not None:
        name = _installed(slots, bundle, config, canary=canary, downgrade=downgrade)
        slots.point("current", name)
        _try(slots)
        _say(slots, as_json=as_json)
        raise SystemExit(0 if slots.named("good") == name else NO)


def _installed(slots: "Slots", path: Path, config: told.Config, *, canary: bool, downgrade: bool) -> str:
    from importlib.metadata import version

    from aldaba_edge import bundle as bundles
    from aldaba_edge import update as updating
    from aldaba_edge.keyfile import IDENTITY, read_identity
    from aldaba_edge.update_adapters import PipInstaller, ask_cloud

    identity = read_identity(config.data / IDENTITY)
    with bundles.opened(path, identity.answer.root_key) as bundle:
        bundles.check_fits(bundle, bundles.Machine.here(), version("aldaba-edge"), downgrade=downgrade)
        if not canary:
            answer = ask_cloud(identity, bundle.manifest.version)
            if not answer.allowed:
                click.echo(f"Not this controller's turn: {answer.why}.", err=True)
                raise SystemExit(NO)
        return updating.install(slots, bundle, PipInstaller())


def _try(slots: "Slots") -> None:
    """Have the guard try the version, and wait for what it decides: it goes on if we are hung up on."""
    from aldaba_edge.update_adapters import GUARD

    subprocess.run(("systemctl", "--no-block", "restart", GUARD), check=True)
    for _ in range(WAIT_SECONDS):
        if slots.on_trial is None:
            return
        time.sleep(1)


def _say(slots: "Slots", *, as_json: bool) -> None:
    left = slots.left()
    said = {
        "current": slots.named("current"),
        "good": slots.named("good"),
        "on_trial": slots.on_trial,
        "left": {"name": left.name, "why": left.why} if left else None,
    }
    if as_json:
        say_json(said)
        return
    click.echo(f"{said['current'] or 'nothing'} runs; {said['good'] or 'nothing'} is known to be good.")
    if slots.on_trial:
        click.echo(f"{slots.on_trial} is on trial.")
    if left:
        click.echo(f"{left.name} was left: {left.why}.")
