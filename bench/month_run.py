"""A month's run: every contract of a site to numbered invoices with lines and tax, on SQLite.

The floor is the same rows written as one set-based statement a table, from
figures that nobody had to work out; what stands between the two is reading,
prorating, taxing, chaining and the ledger.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from time import perf_counter

from sqlalchemy import text

from aldaba_cloud.billing import store as billing
from aldaba_cloud.billing.ledger_store import uneven_invoices
from aldaba_cloud.billing.models import Issuer
from aldaba_cloud.billing.month_run import invoice_month
from aldaba_cloud.db import Database, Scope, Work, bulk_insert
from aldaba_cloud.members import store as members
from aldaba_cloud.members import terms_store as terms
from aldaba_cloud.members.models import Plan, PlanKind
from aldaba_cloud.members.terms import Address, PlanVersion
from aldaba_cloud.places.models import Site
from aldaba_cloud.places.store import add_network, add_site
from aldaba_cloud.schema import migrate
from aldaba_shared.ids import NetworkId, SiteId
from bench.harness import Case, Samples

NETWORK, SITE = NetworkId("net"), SiteId("site")
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
DECEMBER = date(2026, 12, 1)
MEMBERS = 15_000
TABLES = 8


def fill(work: Work, many: int) -> None:
    """A site with so many members, each with a contract, a tax number and usual terms."""
    add_network(work, "Bench")
    add_site(work, Site(SITE, NETWORK, "Bench", "Europe/Madrid"))
    members.add_plan(work, Plan("flex", "Flex", PlanKind.HOT_DESK, SITE))
    address = Address("Carrer de Pujades 77", "08005", "Barcelona")
    billing.add_issuer(work, Issuer("iss", SITE, "Bench SL", "B12345674", address, "B", live=True))
    for number, cents in enumerate((18000, 22999, 30000)):
        terms.add_plan_version(work, PlanVersion(f"v{number}", "flex", number, cents, site=SITE))
    started = [date(2026, 12, 1 + one % 28) for one in range(many)]
    stamp = (NETWORK, SITE)
    rows = [(*stamp, f"h{one:06}", "member", f"Member {one}", "", False, False, "es", NOW) for one in range(many)]
    columns = ("id", "kind", "name", "contact", "essential", "long_access", "locale", "created_at")
    bulk_insert(work, members.holders, columns, rows)
    names = ("id", "plan_id", "payer_id", "state", "standing", "renews", "starts_on", "grace_days")
    contracts = (
        (*stamp, f"k{one:06}", "flex", f"h{one:06}", "active", "good", True, started[one], 7) for one in range(many)
    )
    bulk_insert(work, members.contracts, names, contracts)
    people = ((*stamp, f"k{one:06}", f"h{one:06}") for one in range(many))
    bulk_insert(work, members.contract_people, ("contract_id", "holder_id"), people)
    spells = ((*stamp, f"k{one:06}", started[one], f"v{one % 3}") for one in range(many))
    bulk_insert(work, terms.contract_spells, ("contract_id", "from_on", "version_id"), spells)
    said = ("party_id", "name", "tax_id_kind", "tax_id", "street", "postcode", "city", "country", "mail", "locale")
    told = (
        (*stamp, f"h{one:06}", f"Member {one}", "nif", "12345678Z", "Gran Via", "08010", "Barcelona", "ES", "", "es")
        for one in range(many)
    )
    bulk_insert(work, terms.bill_to, said, told)


def filled(url: str, many: int) -> Database:
    """A database with a site to be billed."""
    database = Database(url)
    migrate(database)
    with database.write() as db:
        fill(Work(db, Scope(NETWORK), NOW), many)
    return database


def timed_run(database: Database, many: int) -> Samples:
    """One whole run with its commit left out, judged, and undone so that the next one finds the same."""
    with database.engine.connect().execution_options(aldaba_write=True) as db, db.begin() as whole:
        started = perf_counter()
        run = invoice_month(Work(db, Scope(NETWORK), NOW), SITE, DECEMBER, DECEMBER)
        took = perf_counter() - started
        assert len(set(run.numbers)) == many
        assert run.numbers[-1] == f"B-2026-{many:06}"
        assert not uneven_invoices(Work(db, Scope(NETWORK), NOW))
        whole.rollback()
    return [took]


def set_based(database: Database, many: int) -> Samples:
    """The floor: as many rows as a run writes (eight tables), copied by one statement a table."""
    with database.engine.connect().execution_options(aldaba_write=True) as db, db.begin() as whole:
        started = perf_counter()
        for number in range(TABLES):
            db.execute(text(f"CREATE TABLE floor_{number} AS SELECT * FROM bill_to"))  # noqa: S608 -- our own name
        took = perf_counter() - started
        assert db.execute(text("SELECT count(*) FROM floor_0")).scalar_one() == many
        whole.rollback()
    return [took]


def cases(room: Path) -> Iterator[Case]:
    """15,000 and 150,000 members to invoices."""
    for many, at_most, rounds in ((MEMBERS, 1.0, 5), (MEMBERS * 10, 10.0, 1)):
        database = filled(f"sqlite:///{room / f'run-{many}.db'}", many)
        yield Case(
            f"month run, {many:,} members",
            partial(timed_run, database, many),
            partial(set_based, database, many),
            at_most=at_most,
            unit="s",
            rounds=rounds,
        )
        database.close()
