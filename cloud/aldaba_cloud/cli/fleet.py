"""pair-code: the six digits a new controller shows."""

import click

from aldaba_cloud.cli.frame import desk, json_option, network_option, tell
from aldaba_cloud.config import Config
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet.pairing import issue_code
from aldaba_cloud.places import store as places
from aldaba_shared.ids import DoorId


@click.command("pair-code")
@click.argument("doors", nargs=-1, required=True)
@click.option("--name", help="What to call the controller.  [default: the first door]")
@network_option
@json_option
@click.pass_obj
def pair_code(config: Config, doors: tuple[str, ...], name: str | None, network: str | None, *, as_json: bool) -> None:
    """Print a code that pairs one controller for DOORS: single use, ten minutes, void after five wrong tries.

    \b
    aldaba-cloud pair-code street
    aldaba-cloud pair-code street turnstile --name lobby --json
    """
    with desk(config, network, keep=True) as at:
        found = [places.find_door(at.work, DoorId(door)) for door in doors]
        for asked, door in zip(doors, found, strict=True):
            if door is None:
                raise Missing("door", asked)
        site = next(door.site for door in found if door is not None)
        code = issue_code(at.work, at.keyring, site, name or doors[0], [DoorId(door) for door in doors])
    tell([{"code": code, "doors": " ".join(doors), "minutes": 10}], as_json=as_json)
