"""card-keys, rekey and retire: the keys of a site's cards and doors, and what a theft asks for."""

import click

from aldaba_cloud.access import service, theft
from aldaba_cloud.access.theft import AtRisk
from aldaba_cloud.cli.frame import desk, json_option, network_option, tell
from aldaba_cloud.config import Config
from aldaba_cloud.db import ALL_SITES
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import card_keys, key_sets
from aldaba_cloud.places import store as places
from aldaba_shared.ids import ControllerId, SiteId


@click.group("card-keys")
def card_keys_group() -> None:
    """Make, list and drop the key sets with which a site's own cards are made and read."""


@card_keys_group.command("new")
@click.option("--site", help="The site whose doors and desk get the set.")
@click.option("--all-sites", is_flag=True, help="Every site of the network: its cards open doors at all of them.")
@network_option
@json_option
@click.pass_obj
def new_set(config: Config, site: str | None, network: str | None, *, all_sites: bool, as_json: bool) -> None:
    """Make a key set and tell the doors; cards move to it at their next tap.

    \b
    aldaba-cloud card-keys new --site poblenou
    """
    if (site is None) is not all_sites:
        raise click.UsageError("Say --site SITE or --all-sites.")
    with desk(config, network, keep=True) as at:
        if site is not None and places.find_site(at.work, SiteId(site)) is None:
            raise Missing("site", site)
        version = card_keys.make_set(at.work, SiteId(site) if site else ALL_SITES, at.keyring)
        told = service.publish_everywhere(at.work, at.keyring, [])
    tell([{"set": version, "site": site or "all", "controllers_told": len(told)}], as_json=as_json)


@card_keys_group.command("list")
@network_option
@json_option
@click.pass_obj
def list_sets(config: Config, network: str | None, *, as_json: bool) -> None:
    """List the key sets, the newest last.

    \b
    aldaba-cloud card-keys list
    """
    with desk(config, network, keep=False) as at:
        rows = [
            {
                "set": one.version,
                "site": one.site if one.site != ALL_SITES else "all",
                "made_at": one.made_at,
                "accepted": "no" if one.dropped_at else "yes",
            }
            for one in key_sets.every_set(at.work)
        ]
    tell(rows, as_json=as_json, nothing="No key set yet: aldaba-cloud card-keys new --site SITE")


@card_keys_group.command("waiting")
@click.argument("version", type=int)
@network_option
@json_option
@click.pass_obj
def waiting(config: Config, version: int, network: str | None, *, as_json: bool) -> None:
    """List the cards that dropping set VERSION would shut out.

    \b
    aldaba-cloud card-keys waiting 1
    """
    with desk(config, network, keep=False) as at:
        rows = [
            {
                "whose": one.name,
                "holder": one.credential.holder,
                "credential": one.credential.id,
                "kind": one.credential.kind.value,
                "label": one.credential.label,
                "do": one.remedy.value,
            }
            for one in theft.waiting(at.work, version)
        ]
    tell(rows, as_json=as_json, nothing="No card waits: the set can be dropped.")


@card_keys_group.command("drop")
@click.argument("version", type=int)
@network_option
@json_option
@click.pass_obj
def drop_set(config: Config, version: int, network: str | None, *, as_json: bool) -> None:
    """Accept set VERSION no longer; a card that was never tapped since the next set is made anew at the desk.

    \b
    aldaba-cloud card-keys drop 1
    """
    with desk(config, network, keep=True) as at:
        card_keys.drop_set(at.work, version)
        told = service.publish_everywhere(at.work, at.keyring, [])
    tell([{"set": version, "accepted": "no", "controllers_told": len(told)}], as_json=as_json)


@click.command("rekey")
@click.argument("controller")
@network_option
@json_option
@click.pass_obj
def rekey(config: Config, controller: str, network: str | None, *, as_json: bool) -> None:
    """Give CONTROLLER another key to know cards by; it goes on knowing them under the old one until it has confirmed.

    \b
    aldaba-cloud rekey ctl-street
    """
    with desk(config, network, keep=True) as at:
        made = theft.rekey(at.work, ControllerId(controller), at.keyring)
    mine = [one for one in made if one.generation.controller == controller]
    tell(
        [{"controller": controller, "version": one.generation.version, "rows": one.changed} for one in mine],
        as_json=as_json,
    )


@click.command("retire")
@click.argument("controller")
@click.option("--list-only", is_flag=True, help="Say what it knows, and leave it in use.")
@network_option
@json_option
@click.pass_obj
def retire(config: Config, controller: str, network: str | None, *, list_only: bool, as_json: bool) -> None:
    """Take CONTROLLER out of use, because it was stolen or replaced, and list what to issue anew.

    What proves itself by a public key loses nothing. Short numbers (card
    serials, Wiegand cards, PINs) can be tried out by whoever has its disk, and
    the keys of the site's own cards were on it.

    \b
    aldaba-cloud retire ctl-street
    aldaba-cloud retire ctl-street --list-only --json
    """
    with desk(config, network, keep=not list_only) as at:
        name = ControllerId(controller)
        known = theft.at_risk(at.work, name) if list_only else theft.retire(at.work, name, at.keyring)
    tell([_told(one) for one in known], as_json=as_json, nothing="Nothing has to be issued anew.")


def _told(one: AtRisk) -> dict[str, object]:
    return {
        "what": one.what,
        "whose": one.name,
        "holder": one.holder or "",
        "credential": one.credential or "",
        "label": one.label,
        "do": one.remedy.value,
    }
