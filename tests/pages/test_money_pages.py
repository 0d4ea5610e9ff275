"""Money at the browser: a month is looked at, made, paid; debts are promised and stray money matched."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from aldaba_cloud.billing import payment_store, payments, store
from aldaba_cloud.billing.models import InvoiceState, Payment
from aldaba_cloud.billing.nightly import audit_ledger
from aldaba_cloud.db import Scope, Work
from aldaba_cloud.members.store import find_contract
from aldaba_shared.ids import ContractId
from tests.cloud.billed_space import DEBIT, ISSUER, BilledSpace
from tests.cloud.conftest import BARCELONA, NETWORK
from tests.pages.desk import Desk, built, desk, fresh_url

__all__ = ["built", "desk", "fresh_url"]


@pytest.fixture
def sums(desk: Desk) -> Desk:
    """The accountant, at a space with one member to be billed."""
    with desk.space.database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), desk.clock.moment))
        space.build()
        space.join("ana", starts_on=date(2026, 11, 1), payment=DEBIT)
    desk.sign_in("sums")
    return desk


@pytest.mark.feature(138)
@pytest.mark.feature(157)
def test_a_month_is_looked_at_then_made_then_paid(sums: Desk) -> None:
    assert "Ana" in sums.see(f"/money/run?site={BARCELONA}&month=2026-11")
    assert "No invoices yet" in sums.see("/money")
    sums.send("/money/run", site=BARCELONA, month="2026-11")
    assert "BCN-2026-000001" in sums.see("/money")
    (head,) = sums.read(store.list_invoices)
    assert "278,30" in sums.see(f"/money/invoices/{head.id}")
    pdf = sums.browser.get(f"/api/v1/invoices/{head.id}/pdf")
    assert pdf.content.startswith(b"%PDF")
    sums.send(f"/money/invoices/{head.id}/paid", source="cash")
    (paid,) = sums.read(store.list_invoices)
    assert paid.state is InvoiceState.PAID


@pytest.mark.feature(46)
def test_a_promise_is_noted_on_the_board_of_debts(sums: Desk) -> None:
    sums.send("/money/run", site=BARCELONA, month="2026-11")
    (head,) = sums.read(store.list_invoices)
    with sums.space.database.write() as db:
        work = Work(db, Scope(NETWORK), sums.clock.moment)
        payments.collecting(work, head.id)
        payments.returned(work, head.id, sums.clock.moment.date() - timedelta(days=9))
    sums.clock.turn(days=9)
    sums.sign_in("sums")
    assert head.number in sums.see("/money/debts")
    until = sums.clock.moment.date() + timedelta(days=5)
    sums.send(f"/money/debts/{head.id}/promise", until=until.isoformat())
    assert "Nobody owes anything" in sums.see("/money/debts")
    contract = sums.read(lambda work: find_contract(work, ContractId("k-ana")))
    assert contract
    assert contract.paid_until == until


def test_stray_money_is_matched_by_hand(sums: Desk) -> None:
    sums.send("/money/run", site=BARCELONA, month="2026-11")
    with sums.space.database.write() as db:
        work = Work(db, Scope(NETWORK), sums.clock.moment)
        payments.take_payment(work, Payment("pay_1", BARCELONA, "camt", "x", 10000, date(2026, 11, 6), "A. Puig"))
    assert "A. Puig" in sums.see("/money/unmatched")
    sums.send("/money/unmatched/pay_1", number="BCN-2026-000001")
    assert "All money is matched" in sums.see("/money/unmatched")
    assert sums.read(payment_store.unmatched) == []


@pytest.mark.feature(46)
@pytest.mark.feature(137)
def test_an_admin_goes_live_and_signs_for_offices_and_an_accountant_only_closes_months(desk: Desk) -> None:
    with desk.space.database.write() as db:
        BilledSpace(Work(db, Scope(NETWORK), desk.clock.moment)).build(replace(ISSUER, live=False))
    desk.sign_in("sums")
    page = desk.see("/money/settings")
    assert "as a test" in page
    assert "Go live" not in page
    assert "Level B" in page
    assert desk.browser.post("/money/settings/live", data={"site": BARCELONA}).status_code == 403
    desk.send("/money/settings/month", site=BARCELONA, month="2026-10")
    assert "2026-10" in desk.see("/money/settings")
    desk.sign_in("admin")
    for path, said in (("live", {}), ("offices", {"locks": "true"})):
        desk.clock.turn(minutes=1)
        desk.send(f"/money/settings/{path}", site=BARCELONA, **said)
    issuer = desk.read(lambda work: store.issuer_of(work, BARCELONA))
    assert issuer
    assert (issuer.live, issuer.locks_offices) == (True, True)
    assert "for real" in desk.see("/money/settings")


@pytest.mark.feature(89)
def test_what_an_audit_found_is_shown(sums: Desk) -> None:
    assert "not been audited" in sums.see("/money")
    with sums.space.database.write() as db:
        audit_ledger(Work(db, Scope(NETWORK), sums.clock.moment))
    assert "the books are even" in sums.see("/money")


def test_an_operator_sees_no_money(sums: Desk) -> None:
    sums.sign_in("op")
    assert sums.browser.get("/money", headers={"accept": "text/html"}).status_code == 403
