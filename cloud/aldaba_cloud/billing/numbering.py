"""Numbers of invoices: one row per series, locked by whoever takes from it.

The row is raised in the transaction that uses the numbers. Whoever comes next
waits for it; whoever rolls back gives everything back. So there is no hole, in
parallel or not (RD 1619/2012 art. 6.1.a).
"""

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, String, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from aldaba_cloud.db import Work, scoped_table
from aldaba_shared.ids import SiteId

invoice_series = scoped_table(
    "invoice_series",
    Column("series", String(40), nullable=False),
    Column("last", Integer, nullable=False),
    PrimaryKeyConstraint("network_id", "series"),
)


def take_numbers(work: Work, site: SiteId, series: str, many: int) -> range:
    """The next numbers of a series, which begins at 1."""
    insert = postgres_insert if work.db.dialect.name == "postgresql" else sqlite_insert
    begun = insert(invoice_series).values({"series": series, "last": 0} | work.stamp(site))
    work.db.execute(begun.on_conflict_do_nothing())
    mine = (invoice_series.c.network_id == work.scope.network) & (invoice_series.c.series == series)
    raised = update(invoice_series).where(mine).values(last=invoice_series.c.last + many)
    last = work.db.execute(raised.returning(invoice_series.c.last)).scalar_one()
    return range(last - many + 1, last + 1)


def continue_series(work: Work, site: SiteId, series: str, last: int) -> None:
    """Go on after the numbers of the product used before."""
    take_numbers(work, site, series, 0)
    mine = (invoice_series.c.series == series) & work.writable(invoice_series)
    work.db.execute(update(invoice_series).where(mine, invoice_series.c.last < last).values(last=last))


def last_numbers(work: Work) -> dict[str, int]:
    """The last number of every series."""
    rows = work.db.execute(select(invoice_series).where(work.visible(invoice_series)).order_by(invoice_series.c.series))
    return {row.series: row.last for row in rows}
