"""invoice-run and sepa: the month's invoices, and the file for the bank."""

from datetime import UTC, date, datetime
from pathlib import Path

import click

from aldaba_cloud.billing import month_run, payments
from aldaba_cloud.billing.debits import collect
from aldaba_cloud.billing.service import today_at
from aldaba_cloud.cli.frame import Desk, desk, json_option, network_option, tell
from aldaba_cloud.config import Config
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.members import store as members
from aldaba_cloud.places import store as places
from aldaba_shared.ids import HolderId, SiteId

site_option = click.option("--site", help="The site's id.  [default: the only one]")


class SiteNeeded(Unusable):
    """There is more than one site, or none."""

    def __init__(self, known: list[str]) -> None:
        super().__init__(f"Say which site with --site. There is: {', '.join(known) or 'none yet'}.")


@click.command("invoice-run")
@click.option("--month", help="The month, such as 2026-12.  [default: the site's month now]")
@click.option(
    "--dry-run", is_flag=True, help="Show what would be made and what differs from last month; write nothing."
)
@site_option
@network_option
@json_option
@click.pass_obj
def invoice_run(
    config: Config, month: str | None, site: str | None, network: str | None, *, dry_run: bool, as_json: bool
) -> None:
    """Invoice a month: every contract of a site, once, with numbers that have no hole.

    Ends with 1 if somebody could not be billed; the list says why.

    \b
    aldaba-cloud invoice-run --dry-run
    aldaba-cloud invoice-run --month 2026-12
    aldaba-cloud invoice-run --month 2026-12 --json
    """
    with desk(config, network, keep=not dry_run) as at:
        where = site_wanted(at.work, site)
        today = today_at(at.work, where)
        wanted = _month(month, today)
        if not as_json:
            click.echo(f"Reading the contracts of {where} for {wanted:%Y-%m} ...", err=True)
        if dry_run:
            run = month_run.preview(at.work, where, wanted)
        else:
            run = month_run.invoice_month(at.work, where, wanted, today)
            moved = payments.follow_run(at.work, where)
            if not as_json:
                click.echo(f"{len(run.numbers)} invoices made, {moved} due dates moved.", err=True)
        rows = _differences(at, run) if dry_run else _made(run)
        problems: list[dict[str, object]] = [
            {"party": one.party, "problem": one.code, "told": one.told} for one in run.problems
        ]
    if as_json:
        summary = {"month": f"{wanted:%Y-%m}", "invoices": len(run.proposed), "total_cents": run.total_cents}
        tell([summary | {"numbers": run.numbers, "problems": problems, "rows": rows}], as_json=True)
    else:
        tell(
            rows, as_json=False, nothing="Nothing differs from last month." if dry_run else "Nothing was left to bill."
        )
        tell(problems, as_json=False, nothing="")
    raise SystemExit(1 if problems else 0)


@click.command()
@click.option(
    "--collect-on", type=click.DateTime(["%Y-%m-%d"]), help="The day to collect; moved to the next settlement day."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where to write the file.")
@site_option
@network_option
@json_option
@click.pass_obj
def sepa(
    config: Config, collect_on: datetime | None, out: Path, site: str | None, network: str | None, *, as_json: bool
) -> None:
    """Write the direct-debit file (pain.008.001.08) of everything that is due, each invoice once.

    \b
    aldaba-cloud sepa --collect-on 2026-12-05 --out december.xml
    aldaba-cloud sepa --collect-on 2026-12-05 --out december.xml --json
    """
    with desk(config, network, keep=True) as at:
        where = site_wanted(at.work, site)
        day = collect_on.date() if collect_on else today_at(at.work, where)
        made = collect(at.work, where, day)
        out.write_bytes(made.xml)
    rows: list[dict[str, object]] = [
        {
            "collect on": made.collect_on,
            "debits": len(made.items),
            "cents": sum(one.cents for one in made.items),
            "file": out,
        }
    ]
    problems: list[dict[str, object]] = [{"invoice": number, "left out because": why} for number, why in made.problems]
    tell([*rows, *problems] if as_json else rows, as_json=as_json)
    if not as_json:
        tell(problems, as_json=False, nothing="")


def site_wanted(work: Work, wanted: str | None) -> SiteId:
    """The site that was named, or the only one."""
    known = [one.id for one in places.list_sites(work)]
    if wanted is not None and wanted not in known:
        raise Missing("site", wanted)
    if wanted is None and len(known) != 1:
        raise SiteNeeded([str(one) for one in known])
    return SiteId(wanted) if wanted else known[0]


def _month(wanted: str | None, today: date) -> date:
    if wanted is None:
        return today.replace(day=1)
    try:
        return datetime.strptime(wanted, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise click.BadParameter(f"{wanted!r} is no month; say it such as 2026-12.", param_hint="--month") from error


def _differences(at: Desk, run: month_run.Run) -> list[dict[str, object]]:
    found = month_run.against_last_month(at.work, run)
    names = members.holders_by_id(at.work, [HolderId(one.party) for one in found])
    return [
        {
            "party": known.name if (known := names.get(HolderId(one.party))) else one.party,
            "last month": _euros(one.before_cents),
            "now": _euros(one.now_cents),
        }
        for one in found
    ]


def _made(run: month_run.Run) -> list[dict[str, object]]:
    return [
        {"number": one.number, "party": one.account.party, "total": _euros(one.total_cents)}
        for one in run.proposed
        if one.number
    ]


def _euros(cents: int | None) -> str:
    return "-" if cents is None else f"{cents / 100:.2f}"
