"""The demo's space sells: rooms with prices, invoices of this month, bookings of this week."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from aldaba_cloud.auth.service import Passwords
from aldaba_cloud.billing import store as billing
from aldaba_cloud.billing.models import InvoiceState
from aldaba_cloud.bookings import store as bookings
from aldaba_cloud.bookings.models import ResourceKind, Span, State
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members.store import contracts_of
from aldaba_cloud.schema import migrate
from aldaba_sim import barcelona, shop

pytestmark = pytest.mark.world
MONDAY_NOON = datetime(2026, 11, 23, 11, tzinfo=UTC)
WEEK = timedelta(days=8)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    room = tmp_path_factory.mktemp("shop")
    config = Config(state_dir=room, argon2_time_cost=1, argon2_memory_kib=8)
    database = Database(config.database)
    migrate(database)
    with database.write() as db:
        work = Work(db, Scope(barcelona.NETWORK), MONDAY_NOON)
        barcelona.seed_space(work, Keyring(config.key_dir), Passwords(config), Random(1))
        shop.open_shop(work, Random(3))
        yield work
    database.close()


def test_four_rooms_two_of_them_together_and_forty_desks_can_be_booked(work: Work) -> None:
    found = bookings.list_resources(work, barcelona.SITE)
    assert sum(one.kind is ResourceKind.DESK for one in found) == 40
    assert sum(one.kind is ResourceKind.ROOM for one in found) == 5
    assert [one.parts for one in found if one.parts] == [("res_miro", "res_tapies")]


def test_the_week_has_bookings_that_were_used_that_are_ahead_and_that_wait_for_an_answer(work: Work) -> None:
    found = bookings.bookings_between(work, Span(work.now - WEEK, work.now + WEEK), site=barcelona.SITE)
    states = {one.state for one in found}
    assert {State.COMPLETED, State.CONFIRMED, State.REQUESTED} <= states
    assert states.isdisjoint({State.RELEASED, State.CANCELLED})
    assert len(found) > 40
    assert all(one.span.end <= work.now for one in found if one.state is State.COMPLETED)


def test_every_contract_is_on_an_invoice_of_the_month_and_offices_are_billed_as_companies(work: Work) -> None:
    made = billing.list_invoices(work, site=barcelona.SITE, limit=500)
    contracts = contracts_of(work)
    assert len(made) == len(contracts)
    assert {one.billed_to for one in contracts if one.plan == "plan_office"} == {
        one.company for one in contracts if one.company
    }
    assert all(one.issued_on == date(2026, 11, 1) for one in made)


def test_most_invoices_are_paid_and_some_are_debts(work: Work) -> None:
    states = [one.state for one in billing.list_invoices(work, site=barcelona.SITE, limit=500)]
    assert {*states} == {InvoiceState.PAID, InvoiceState.FINAL}
    assert 0.75 < states.count(InvoiceState.PAID) / len(states) < 0.98
