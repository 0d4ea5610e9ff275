"""verify: chains, rule sets, occupancy and ledger, recomputed from what is kept."""

import click

from aldaba_cloud.access import store as access
from aldaba_cloud.access.publish import snapshot_rows
from aldaba_cloud.billing.nightly import audit_ledger
from aldaba_cloud.cli.frame import Desk, desk, json_option, network_option, tell
from aldaba_cloud.config import Config
from aldaba_cloud.fleet import books
from aldaba_cloud.fleet.ingest import verify_chain
from aldaba_cloud.occupancy import service as occupancy
from aldaba_cloud.places import store as places
from aldaba_shared.ids import ControllerId
from aldaba_shared.snapshot import set_hash


@click.command()
@network_option
@json_option
@click.pass_obj
def verify(config: Config, network: str | None, *, as_json: bool) -> None:
    """Recompute every journal's chain, every rule set's hash, occupancy and ledger; ends with 1 if one is wrong.

    \b
    aldaba-cloud verify
    aldaba-cloud verify --json
    """
    with desk(config, network, keep=False) as at:
        rows = [*_chains(at), *_rule_sets(at), *_occupancy(at), *_ledger(at)]
    tell(rows, as_json=as_json, nothing="There is nothing to verify yet.")
    raise SystemExit(0 if all(row["right"] for row in rows) else 1)


def _chains(at: Desk) -> list[dict[str, object]]:
    found = []
    for row in books.list_journals(at.work):
        wrong = verify_chain(at.work, ControllerId(row.controller_id), row.journal)
        told = "the chain holds" if wrong is None else f"line {wrong} is not what its hash says"
        found.append(_line("journal", f"{row.controller_id}/{row.journal}", wrong is None, told))
    return found


def _rule_sets(at: Desk) -> list[dict[str, object]]:
    found = []
    for one in access.newest_generations(at.work):
        right = set_hash(snapshot_rows(at.work, one.controller)) == one.set_hash
        told = f"version {one.epoch}.{one.version}" + ("" if right else ": the rows are not the published ones")
        found.append(_line("rules", one.controller, right, told))
    return found


def _occupancy(at: Desk) -> list[dict[str, object]]:
    found = []
    for site in places.list_sites(at.work):
        wrong = occupancy.verify(at.work, site.id)
        told = f"{len(wrong)} holders are not where a replay puts them" if wrong else "equals the replay"
        found.append(_line("occupancy", site.id, not wrong, told))
    return found


def _ledger(at: Desk) -> list[dict[str, object]]:
    return [_line("ledger", one.name, one.right, one.told) for one in audit_ledger(at.work)]


def _line(what: str, name: str, right: bool, told: str) -> dict[str, object]:  # noqa: FBT001 -- a fact of the line
    return {"what": what, "name": name, "right": right, "told": told}
