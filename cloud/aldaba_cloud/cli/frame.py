"""What every command stands on: the database, the network it works in, and two ways to print."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import click

from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.places import store as places
from aldaba_shared.ids import NetworkId


class NetworkNeeded(Unusable):
    """There is more than one network, or none."""

    def __init__(self, known: Sequence[str]) -> None:
        listed = ", ".join(known) or "none yet: run `aldaba-cloud init`"
        super().__init__(f"Say which network with --network. There is: {listed}.")


@dataclass(frozen=True)
class Desk:
    """One command at work."""

    work: Work
    keyring: Keyring


@contextmanager
def desk(config: Config, network: str | None, *, keep: bool) -> Iterator[Desk]:
    """Open a transaction in a network, the only one if none is named; kept or rolled back at the end."""
    database = Database(config.database)
    try:
        with database.write() as db:
            work = Work(db, Scope(NetworkId(network or "")), datetime.now(UTC), "command line")
            yield Desk(replace(work, scope=Scope(_network(work, network))), Keyring(config.key_dir))
            if not keep:
                db.rollback()
    finally:
        database.close()


def _network(work: Work, wanted: str | None) -> NetworkId:
    known = places.every_network(work.db)
    if wanted is not None:
        if wanted not in known:
            raise Missing("network", wanted)
        return NetworkId(wanted)
    if len(known) != 1:
        raise NetworkNeeded(known)
    return known[0]


def tell(rows: Sequence[Mapping[str, object]], *, as_json: bool, nothing: str = "Nothing to show.") -> None:
    """Print rows as a table for people, or as JSON for programs."""
    if as_json:
        click.echo(json.dumps(list(rows), default=str, ensure_ascii=False))
    elif not rows:
        click.echo(nothing)
    else:
        click.echo(table(rows))


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Columns as wide as their widest cell.

    >>> print(table([{"door": "street", "opens": 1}]))
    door    opens
    street  1
    """
    head = list(rows[0])
    cells = [head, *([str(row[name]) for name in head] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)
    return "\n".join(line.rstrip() for line in lines)


network_option = click.option("--network", help="The network's id.  [default: the only one]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
