"""shadow: what doors in shadow found, and the switch to live and back."""

from datetime import timedelta

import click
import msgspec

from aldaba_cloud.cli.frame import desk, json_option, network_option, tell
from aldaba_cloud.config import Config
from aldaba_cloud.errors import Unusable
from aldaba_cloud.fleet import books
from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.places import store as places
from aldaba_shared.events import ShadowCompared, read_line
from aldaba_shared.ids import DoorId
from aldaba_shared.shadow_report import shadow_reports


@click.command()
@click.option("--days", type=click.IntRange(min=1), default=30, show_default=True, help="Look back so far.")
@click.option("--live", metavar="DOOR", help="Take this door over: from now on it answers and releases.")
@click.option("--back", metavar="DOOR", help="Put this door back into shadow: it listens and releases nothing.")
@network_option
@json_option
@click.pass_obj
def shadow(
    config: Config, days: int, live: str | None, back: str | None, network: str | None, *, as_json: bool
) -> None:
    """Say where doors in shadow would have answered otherwise than the systems beside them; or switch one.

    \b
    aldaba-cloud shadow
    aldaba-cloud shadow --days 7 --json
    aldaba-cloud shadow --live street
    aldaba-cloud shadow --back street
    """
    door = live or back
    if live is not None and back is not None:
        raise Unusable("Say --live or --back, not both: a door is one or the other.")
    if door is not None:
        with desk(config, network, keep=True) as at:
            fleet.set_shadow(at.work, DoorId(door), shadow=back is not None)
        return tell([{"door": door, "shadow": back is not None}], as_json=as_json)
    with desk(config, network, keep=False) as at:
        since = at.work.now - timedelta(days=days)
        lines = [
            read_line(row.body).event
            for site in places.list_sites(at.work)
            for row in books.lines_of_kind(at.work, site.id, "shadow_compared", since=since)
        ]
    found = shadow_reports(one for one in lines if isinstance(one, ShadowCompared))
    rows = [msgspec.to_builtins(one) for one in found]
    if not as_json:
        rows = [row | {"reasons": ", ".join(f"{why} {n}" for why, n in row["reasons"].items()) or "-"} for row in rows]
    return tell(rows, as_json=as_json, nothing="No door has compared anything yet.")
