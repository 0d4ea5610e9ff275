"""Numbers of invoices: one row per series, locked by whoever takes from it.

The row is raised in the transaction that uses the numbers. Whoever comes next
waits for it; whoever rolls back gives everything back. So there is no hole, in
parallel or not (RD 1619/2012 art. 6.1.a). The database judges it too: when a
transaction ends, the last number of a series must be a document's, and a
document must follow on another one (migration 0016).
"""

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    case,
    cast,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from aldaba_cloud.db import Work, scoped_table
from aldaba_cloud.errors import Unusable
from aldaba_shared.ids import SiteId

invoice_series = scoped_table(
    "invoice_series",
    Column("series", String(40), nullable=False),
    Column("last", Integer, nullable=False),
    Column("first", Integer, nullable=False, server_default="1"),
    Column("last_number", String(60), nullable=True),
    PrimaryKeyConstraint("network_id", "series"),
    ForeignKeyConstraint(
        ["network_id", "last_number"],
        ["invoices.network_id", "invoices.number"],
        deferrable=True,
        initially="DEFERRED",
    ),
)

PADDED_BELOW = 1_000_000
"""Numbers have six digits, with noughts before them, until they need more."""


class SeriesBegun(Unusable):
    """A series has documents already, so its beginning is what it is."""

    def __init__(self, series: str, last: int) -> None:
        super().__init__(f"The series {series} is at {last} here. It can be continued only before its first document.")


def take_numbers(work: Work, site: SiteId, series: str, many: int) -> range:
    """The next numbers of a series, which begins at 1; each must become a document in the same transaction."""
    insert = postgres_insert if work.db.dialect.name == "postgresql" else sqlite_insert
    begun = insert(invoice_series).values({"series": series, "last": 0, "first": 1} | work.stamp(site))
    work.db.execute(begun.on_conflict_do_nothing())
    last = invoice_series.c.last + many
    values = {"last": last, "last_number": _printed(last)} if many else {"last": last}
    raised = update(invoice_series).where(_mine(work, series)).values(values)
    taken = work.db.execute(raised.returning(invoice_series.c.last)).scalar_one()
    return range(taken - many + 1, taken + 1)


def continue_series(work: Work, site: SiteId, series: str, last: int) -> None:
    """Go on after the numbers of the product used before; only before a first document of our own."""
    take_numbers(work, site, series, 0)
    fresh = _mine(work, series) & invoice_series.c.last_number.is_(None)
    begun = update(invoice_series).where(fresh).values(last=last, first=last + 1)
    if work.db.execute(begun).rowcount == 0:
        raise SeriesBegun(series, last_numbers(work)[series])


def last_numbers(work: Work) -> dict[str, int]:
    """The last number of every series."""
    rows = work.db.execute(select(invoice_series).where(work.visible(invoice_series)).order_by(invoice_series.c.series))
    return {row.series: row.last for row in rows}


def _mine(work: Work, series: str) -> ColumnElement[bool]:
    return (invoice_series.c.network_id == work.scope.network) & (invoice_series.c.series == series)


def _printed(counted: ColumnElement[int]) -> ColumnElement[Any]:
    """What `models.numbered` prints, in words both engines know."""
    text = cast(counted, String)
    padded = func.substr(literal("00000").concat(text), func.length(text))
    return invoice_series.c.series.concat("-").concat(case((counted < PADDED_BELOW, padded), else_=text))
