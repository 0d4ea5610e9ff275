"""`aldaba-cloud`: starting the service, setting it up, looking into its rules, keeping it safe."""

import sys
from pathlib import Path

import click

from aldaba_cloud.cli.archive import backup, restore
from aldaba_cloud.cli.books import bank_statement, gestor, take_over
from aldaba_cloud.cli.broker import broker
from aldaba_cloud.cli.bundle import bundle
from aldaba_cloud.cli.collect import collect
from aldaba_cloud.cli.copyable import copyable
from aldaba_cloud.cli.emergency import emergency_codes
from aldaba_cloud.cli.fleet import pair_code
from aldaba_cloud.cli.invoices import invoice_run, sepa
from aldaba_cloud.cli.keys import card_keys_group, rekey, retire
from aldaba_cloud.cli.rules import rules
from aldaba_cloud.cli.running import init, migrate, serve
from aldaba_cloud.cli.shadow import shadow
from aldaba_cloud.cli.site_broker import site_broker
from aldaba_cloud.cli.verify import verify
from aldaba_cloud.config import load_config
from aldaba_shared.errors import AldabaError

CANNOT = 2


class Commands(click.Group):
    """A group that says what a person can mend in one sentence, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; our own errors end with 2."""
        try:
            return super().invoke(ctx)
        except AldabaError as error:
            click.echo(f"aldaba-cloud: {error}", err=True)
            sys.exit(CANNOT)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config", "path", type=click.Path(path_type=Path, dir_okay=False), help="A TOML file; ALDABA_* variables beat it."
)
@click.pass_context
def main(ctx: click.Context, path: Path | None) -> None:
    """The cloud side of Aldaba: people, rights, doors and what they reported.

    \b
    aldaba-cloud migrate
    aldaba-cloud init --network "My space" --site Barcelona --time-zone Europe/Madrid --email me@example.org
    aldaba-cloud serve
    """
    ctx.obj = load_config(path)


COMMANDS = (
    serve,
    migrate,
    init,
    broker,
    bundle,
    site_broker,
    pair_code,
    rules,
    shadow,
    copyable,
    emergency_codes,
    backup,
    restore,
    card_keys_group,
    rekey,
    retire,
    verify,
    invoice_run,
    sepa,
    collect,
    bank_statement,
    gestor,
    take_over,
)
for command in COMMANDS:
    main.add_command(command)
