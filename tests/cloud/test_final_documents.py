"""The database is the judge: a final document never changes, and no series has a hole, whoever writes."""

from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from sqlalchemy import Table, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from aldaba_cloud.billing import service, store
from aldaba_cloud.billing.models import Invoice, InvoiceKind
from aldaba_cloud.billing.nightly import audit_ledger
from aldaba_cloud.billing.numbering import SeriesBegun, continue_series, last_numbers, take_numbers
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.members.terms import BillTo
from aldaba_cloud.pricing.models import PriceLine
from tests.cloud.billed_space import ISSUER, BilledSpace
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK

SERIES = ISSUER.series(InvoiceKind.SIMPLIFIED, 2026)
PARTS = (store.invoice_lines, store.invoice_taxes, store.invoice_buyers)


@pytest.fixture
def opened(database: Database) -> Database:
    with database.write() as db:
        BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON)).build()
    return database


def made(work: Work, cents: int = 1000) -> Invoice:
    """A final simplified invoice."""
    return service.finalise(work, drafted(work, cents))


def drafted(work: Work, cents: int = 1000) -> str:
    return service.draft(work, BARCELONA, BillTo("h", "Rita"), [PriceLine("Hall", "", cents)]).head.id


def at(db: object) -> Work:
    return Work(db, Scope(NETWORK), MONDAY_NOON)  # type: ignore[arg-type]  # a connection of either engine


@pytest.mark.feature(45)
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("number", "BCNS-2026-000009"),
        ("number", None),
        ("kind", "invoice"),
        ("issuer_id", "iss_2"),
        ("party_id", "h2"),
        ("issued_on", datetime(2026, 11, 1, tzinfo=UTC).date()),
        ("due_on", datetime(2027, 11, 1, tzinfo=UTC).date()),
        ("net_cents", 1),
        ("tax_cents", 1),
        ("total_cents", 1),
        ("corrects_id", "inv_2"),
        ("reason", "said so"),
        ("live", False),
        ("site_id", "site_gro"),
    ],
)
def test_nothing_a_final_invoice_says_can_be_changed(opened: Database, column: str, value: object) -> None:
    with opened.write() as db:
        head = made(at(db))
    with pytest.raises(DBAPIError, match="invoices_final"), opened.write() as db:
        db.execute(update(store.invoices).where(store.invoices.c.id == head.id).values({column: value}))


@pytest.mark.feature(45)
def test_what_becomes_known_of_its_money_is_no_change_of_an_invoice(opened: Database) -> None:
    with opened.write() as db:
        head = made(at(db))
        values = {"state": "returned", "paid_cents": 5, "returned_on": head.issued_on}
        db.execute(update(store.invoices).where(store.invoices.c.id == head.id).values(values))


@pytest.mark.feature(45)
@pytest.mark.parametrize("table", PARTS, ids=str)
def test_lines_taxes_and_the_buyer_of_a_final_invoice_stay(opened: Database, table: Table) -> None:
    with opened.write() as db:
        head = made(at(db))
    mine = table.c.invoice_id == head.id
    with opened.read() as db:
        row = dict(db.execute(select(table).where(mine)).one()._mapping)  # noqa: SLF001 -- SQLAlchemy's own word
    another = row | {"position": 2} if "position" in row else row | {"vat": "catering"}
    attempts = [update(table).where(mine).values(network_id="other"), delete(table).where(mine)]
    if table is not store.invoice_buyers:
        attempts.append(insert(table).values(another))
    for attempt in attempts:
        with pytest.raises(DBAPIError, match="invoices_final"), opened.write() as db:
            db.execute(attempt)


@pytest.mark.feature(45)
def test_a_final_invoice_cannot_be_thrown_away_and_a_draft_can(opened: Database) -> None:
    with opened.write() as db:
        head, draft = made(at(db)), drafted(at(db))
    with pytest.raises(DBAPIError), opened.write() as db:
        db.execute(delete(store.invoices).where(store.invoices.c.id == head.id))
    with opened.write() as db:
        for table in PARTS:
            db.execute(delete(table).where(table.c.invoice_id == draft))
        assert db.execute(delete(store.invoices).where(store.invoices.c.id == draft)).rowcount == 1


def test_a_number_that_no_document_carries_is_not_kept(opened: Database) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), opened.write() as db:
        take_numbers(at(db), BARCELONA, SERIES, 1)
    with opened.read() as db:
        assert last_numbers(at(db)) == {}


def test_a_number_that_does_not_follow_on_another_is_refused(opened: Database) -> None:
    with opened.write() as db:
        made(at(db))

    def leave_one_out() -> None:
        with opened.write() as db:
            take_numbers(at(db), BARCELONA, SERIES, 1)
            made(at(db))

    with pytest.raises(DBAPIError, match="invoice_series_whole"):
        leave_one_out()


def test_many_numbers_at_once_may_not_leave_one_out(opened: Database) -> None:
    """As a month's run writes them: numbered from the start, many in one statement."""
    with opened.write() as db:
        head = made(at(db))
        row = dict(db.execute(select(store.invoices).where(store.invoices.c.id == head.id)).one()._mapping)  # noqa: SLF001 -- SQLAlchemy's own word

    def add(*counted: int) -> None:
        with opened.write() as db:
            take_numbers(at(db), BARCELONA, SERIES, max(counted) - last_numbers(at(db))[SERIES])
            rows = [row | {"id": f"inv_{one}", "number": f"{SERIES}-{one:06}"} for one in counted]
            db.execute(insert(store.invoices), rows)

    with pytest.raises(DBAPIError, match="invoice_series_whole"):
        add(2, 4)
    add(2, 3, 4)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoice_series SET last = 0, last_number = NULL",
        "UPDATE invoice_series SET first = 5",
        "UPDATE invoice_series SET last = 9",
        "UPDATE invoice_series SET last_number = NULL",
        "UPDATE invoice_series SET series = 'another'",
        "DELETE FROM invoice_series",
    ],
)
def test_a_series_never_goes_back_nor_jumps(opened: Database, statement: str) -> None:
    with opened.write() as db:
        made(at(db))
    with pytest.raises(DBAPIError), opened.write() as db:
        db.execute(text(statement))


def test_a_series_goes_on_after_the_product_used_before_but_not_once_it_began(opened: Database) -> None:
    with opened.write() as db:
        continue_series(at(db), BARCELONA, SERIES, 999_998)
        numbers = [made(at(db)).number for _ in range(3)]
        with pytest.raises(SeriesBegun, match="1000001"):
            continue_series(at(db), BARCELONA, SERIES, 2_000_000)
    assert numbers == [f"{SERIES}-999999", f"{SERIES}-1000000", f"{SERIES}-1000001"]


def test_fifty_writers_that_roll_back_now_and_then_leave_no_hole(opened: Database) -> None:
    """Each draws up and finalises some invoices; every fourth changes its mind after taking its numbers."""
    taken: list[str] = []

    def write(which: int) -> None:
        try:
            with opened.write() as db:
                numbers = [made(at(db), 100 + which).number for _ in range(1 + which % 3)]
                if which % 4 == 0:
                    raise InterruptedError  # noqa: TRY301 -- the writer's own change of mind
            taken.extend(numbers)
        except InterruptedError:
            return

    threads = [Thread(target=write, args=(which,)) for which in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [f"{SERIES}-{one:06}" for one in range(1, len(taken) + 1)]
    assert len(taken) == sum(1 + which % 3 for which in range(50) if which % 4)
    with opened.write() as db:
        later = Work(db, Scope(NETWORK), MONDAY_NOON + timedelta(hours=1))
        assert all(one.right for one in audit_ledger(later))
