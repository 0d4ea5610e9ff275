"""`aldaba-edge card`: making cards at the front desk."""

# ruff: noqa: PLC0415 - a command imports what it needs: --help must not cost a second on a Pi Zero

from pathlib import Path
from typing import Any

import click

from aldaba_edge.cli_kit import json_option, mendable, say_json, table


@click.group()
def card() -> None:
    """Make blank cards the site's own, at the front desk's reader.

    \b
    Examples:
      aldaba-edge card personalise ana --cloud https://space.example --email desk@space.example --reader ACR1252
    """


@card.command("personalise")
@click.argument("holder")
@click.option("--cloud", required=True, help="The cloud's address.")
@click.option("--email", required=True, help="The operator who signs in.")
@click.option(
    "--password-file", type=click.Path(path_type=Path, dir_okay=False), help="Where the password is.  [default: ask]"
)
@click.option("--reader", required=True, help="The PC/SC reader, or a part of its name that fits no other.")
@click.option("--label", default="", help="What is written on the card.  [default: its holder]")
@click.option("--wait", "seconds", type=click.IntRange(1, 600), default=60, help="Seconds to wait for a card.")
@json_option
@mendable
def personalise(
    holder: str,
    cloud: str,
    email: str,
    password_file: Path | None,
    *,
    as_json: bool,
    **how: Any,  # noqa: ANN401 - click's own
) -> None:
    """Make the card on the reader HOLDER's: a DESFire EV2/EV3 or an NTAG 424, blank as delivered.

    \b
    Examples:
      aldaba-edge card personalise ana --cloud https://space.example --email desk@space.example --reader ACR1252
      aldaba-edge card personalise ana --cloud http://127.0.0.1:8080 --email me@space.example --reader ACR1252 --json
    """
    import secrets

    from aldaba_edge.desk import CardNotMade, DeskCloud, Order, make_card
    from aldaba_edge.drivers.negotiation import CardGone
    from aldaba_edge.drivers.pcsc import waited_card
    from aldaba_edge.in_clear import SentInClear, cloud_in_clear

    if cloud_in_clear(cloud):
        raise SentInClear(cloud)
    password = password_file.read_text("utf-8").strip() if password_file else click.prompt("Password", hide_input=True)
    at = DeskCloud(cloud)
    at.sign_in(email, password)
    if not as_json:
        click.echo("Put the card on the reader and leave it there.")
    order = Order(holder, how["label"] or holder, f"{cloud.rstrip('/')}/t")
    try:
        with waited_card(how["reader"], how["seconds"]) as (uid, transmit):
            made, credential = make_card(at, uid, order, transmit, secrets.token_bytes)
    except CardGone as error:
        raise CardNotMade("it was taken away") from error
    told = {"credential": credential, "holder": holder, "kind": made.kind.value, "label": order.label}
    if as_json:
        return say_json(told)
    return click.echo(table([list(told.values())], list(told)))
