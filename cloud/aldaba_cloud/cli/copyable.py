"""copyable: who still uses cards that can be copied."""

import click

from aldaba_cloud.access.copyable import copyable_cards
from aldaba_cloud.cli.frame import desk, json_option, network_option, tell
from aldaba_cloud.config import Config


@click.command()
@network_option
@json_option
@click.pass_obj
def copyable(config: Config, network: str | None, *, as_json: bool) -> None:
    """List the cards in use that anybody can copy, with who carries them and when they were last used.

    \b
    aldaba-cloud copyable
    aldaba-cloud copyable --json
    """
    with desk(config, network, keep=False) as at:
        rows = [
            {
                "holder": one.holder.id,
                "name": one.holder.name,
                "credential": one.card.id,
                "kind": one.card.kind.value,
                "label": one.card.label,
                "last_used": one.last_used.isoformat() if one.last_used else None,
                "has_better": one.has_better,
            }
            for one in copyable_cards(at.work)
        ]
    tell(rows, as_json=as_json, nothing="Every card in use proves itself.")
