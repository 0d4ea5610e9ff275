"""bank-statement, gestor and take-over: what the bank says, what the accountant wants, what was billed before us."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from aldaba_cloud.billing.bank import take_statement
from aldaba_cloud.billing.gestor import gestor_zip
from aldaba_cloud.billing.takeover import read_rows, take_rows
from aldaba_cloud.cli.frame import desk, json_option, network_option, tell
from aldaba_cloud.cli.invoices import site_option, site_wanted
from aldaba_cloud.config import Config

DAY = click.DateTime(["%Y-%m-%d"])


@click.command("bank-statement")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@site_option
@network_option
@json_option
@click.pass_obj
def bank_statement(config: Config, file: Path, site: str | None, network: str | None, *, as_json: bool) -> None:
    """Take a bank statement in (camt.053 or Norma 43): what is certain is matched, the rest waits on the page.

    \b
    aldaba-cloud bank-statement december.xml
    aldaba-cloud bank-statement december.n43 --json
    """
    with desk(config, network, keep=True) as at:
        taken = take_statement(at.work, site_wanted(at.work, site), file.read_bytes())
    tell([asdict(taken)], as_json=as_json)


@click.command()
@click.option("--from", "first", type=DAY, required=True, help="The first day.")
@click.option("--to", "last", type=DAY, required=True, help="The last day.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where to write the zip.")
@site_option
@network_option
@click.pass_obj
def gestor(
    config: Config, *, first: datetime, last: datetime, out: Path, site: str | None, network: str | None
) -> None:
    """Write one zip for the gestor: issued invoices by rate, modelo 347, the journal and the deposits.

    \b
    aldaba-cloud gestor --from 2026-10-01 --to 2026-12-31 --out q4.zip
    """
    with desk(config, network, keep=False) as at:
        out.write_bytes(gestor_zip(at.work, site_wanted(at.work, site), first.date(), last.date()))
    click.echo(f"Written to {out}.")


@click.command("take-over")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Say what each row would do; write nothing.")
@site_option
@network_option
@json_option
@click.pass_obj
def take_over(
    config: Config, file: Path, site: str | None, network: str | None, *, dry_run: bool, as_json: bool
) -> None:
    """Take over where the product used before left off, so that nothing is billed twice and no number comes again.

    FILE is a CSV with the columns kind, name and value. `contract` rows say the
    last day that was billed of a contract, `series` rows the last number of a
    series. A row that is wrong stops all of them; the same file again changes
    nothing. Ends with 1 if a row is wrong.

    \b
    aldaba-cloud take-over before.csv --dry-run
    aldaba-cloud take-over before.csv
    aldaba-cloud take-over before.csv --json
    """
    with desk(config, network, keep=not dry_run) as at:
        taken = take_rows(at.work, site_wanted(at.work, site), read_rows(file.read_text("utf-8-sig")))
        wrong = any(one.wrong for one in taken)
        if wrong:
            at.work.db.rollback()
    tell([asdict(one) for one in taken], as_json=as_json, nothing="The file has no rows.")
    raise SystemExit(1 if wrong else 0)
