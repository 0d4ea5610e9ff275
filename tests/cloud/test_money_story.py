"""From an invoice to the money and to the doors: payments, returns, reminders, promises, credit notes, audits."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_cloud import outbox
from aldaba_cloud.billing import ledger_store, payment_store, payments, reminders, service, store
from aldaba_cloud.billing.dunning import Step, doors_due, steps_due
from aldaba_cloud.billing.models import (
    INVOICE_STATES,
    CannotHappen,
    Invoice,
    InvoiceKind,
    InvoiceState,
    MoneyNews,
    Payment,
    after,
)
from aldaba_cloud.billing.month_run import invoice_month
from aldaba_cloud.billing.nightly import audit_ledger
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import PlanKind, Standing
from aldaba_cloud.members.terms import BillTo, PayBy, PaymentTerms, TaxIdKind
from aldaba_cloud.pricing.models import PriceLine
from aldaba_cloud.tasks.models import TaskKind
from aldaba_cloud.tasks.store import open_tasks
from aldaba_shared.ids import ContractId
from tests.cloud.billed_space import DEBIT, ISSUER, BilledSpace
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK

NOVEMBER = date(2026, 11, 1)
MADRID = ZoneInfo("Europe/Madrid")


@pytest.fixture
def space(database: Database) -> Iterator[BilledSpace]:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build()
        yield space


def invoiced(space: BilledSpace, number: str = "BCN-2026-000001") -> Invoice:
    """November's invoice of somebody who joined on the first; due on 5 November."""
    invoice_month(space.work, BARCELONA, NOVEMBER, NOVEMBER)
    head = store.find_by_number(space.work, number)
    assert head
    for contract in store.contracts_on(space.work, head.id):
        payments.refresh(space.work, contract)
    return head


def pay(space: BilledSpace, head: Invoice, cents: int, key: str = "p1", source: str = "transfer") -> Payment:
    payment = Payment(space.work.new_id("pay"), BARCELONA, source, key, cents, date(2026, 11, 6), invoice=head.id)
    return payments.take_payment(space.work, payment)


def standing(space: BilledSpace, name: str = "ana") -> tuple[Standing, date | None]:
    found = members.find_contract(space.work, ContractId(f"k-{name}"))
    assert found
    return found.standing, found.paid_until


@pytest.mark.feature(46)
@pytest.mark.feature(55)
def test_a_returned_debit_limits_eight_days_after_it_and_payment_restores(space: BilledSpace) -> None:
    space.join("ana", starts_on=NOVEMBER, payment=DEBIT)
    head = invoiced(space)
    assert head.due_on == date(2026, 11, 5)
    payments.collecting(space.work, head.id)
    pay(space, head, head.total_cents)
    assert standing(space) == (Standing.GOOD, date(2026, 12, 5))
    payments.returned(space.work, head.id, date(2026, 11, 9))
    assert standing(space) == (Standing.GRACE, date(2026, 11, 9))
    contract = members.find_contract(space.work, store.contracts_on(space.work, head.id)[0])
    assert contract
    assert contract.rights_end_at(MADRID) == datetime(2026, 11, 17, tzinfo=MADRID).astimezone(UTC)
    taken = [
        (day, step) for day in range(9, 20) for _, step in reminders.remind(space.work, BARCELONA, date(2026, 11, day))
    ]
    assert taken == [(12, Step.REMIND), (16, Step.WARN), (17, Step.LIMIT)]
    assert standing(space)[0] is Standing.LIMITED
    (task,) = open_tasks(space.work)
    assert (task.told, task.due) == ("Call about invoice BCN-2026-000001: 278.30 EUR open", date(2026, 11, 16))
    pay(space, head, head.total_cents, "p2")
    assert open_tasks(space.work) == []
    assert standing(space) == (Standing.GOOD, date(2026, 12, 5))
    assert reminders.remind(space.work, BARCELONA, date(2026, 12, 30)) == []
    assert {one.subject for one in outbox.waiting(space.work.db, [outbox.RIGHTS_CHANGED])} == {"h-ana"}


@pytest.mark.feature(46)
@pytest.mark.parametrize("kind", [PlanKind.OFFICE, PlanKind.FIXED])
def test_an_office_is_never_limited_without_a_person(space: BilledSpace, kind: PlanKind) -> None:
    space.join("ana", starts_on=NOVEMBER, payment=DEBIT, kind=kind)
    head = invoiced(space)
    steps = [step for day in range(6, 30) for _, step in reminders.remind(space.work, BARCELONA, date(2026, 11, day))]
    assert steps == [Step.REMIND, Step.WARN, Step.ASK_PERSON]
    assert [task.kind for task in open_tasks(space.work)] == [TaskKind.DEBT, TaskKind.DEBT_DECISION]
    assert standing(space) == (Standing.GOOD, None)
    store.add_issuer(space.work, replace(ISSUER, id="iss_2", locks_offices=True))
    payments.limit(space.work, head)
    assert standing(space)[0] is Standing.LIMITED


def test_only_the_unpaid_contract_is_limited(space: BilledSpace) -> None:
    space.join("ana", starts_on=NOVEMBER, payment=DEBIT)
    space.join("biel", starts_on=NOVEMBER, payment=DEBIT)
    head = invoiced(space)
    pay(space, head, head.total_cents)
    reminders.remind(space.work, BARCELONA, date(2026, 11, 20))
    assert (standing(space)[0], standing(space, "biel")[0]) == (Standing.GOOD, Standing.LIMITED)


def test_a_promise_opens_the_doors_until_its_day_and_grace(space: BilledSpace) -> None:
    space.join("ana", starts_on=NOVEMBER, payment=DEBIT)
    head = invoiced(space)
    reminders.remind(space.work, BARCELONA, date(2026, 11, 20))
    payments.promise(space.work, head.id, date(2026, 11, 30))
    assert standing(space) == (Standing.GRACE, date(2026, 11, 30))
    assert reminders.board(space.work, date(2026, 11, 30)) == []


@pytest.mark.parametrize(
    ("day", "steps"),
    [
        pytest.param(5, [], id="the due day is not late"),
        pytest.param(7, [], id="two days later nothing"),
        pytest.param(8, [Step.REMIND], id="three days later a mail"),
        pytest.param(12, [Step.REMIND, Step.WARN], id="a week later a mail and a task"),
        pytest.param(13, [Step.REMIND, Step.WARN, Step.LIMIT], id="the eighth day limits"),
    ],
)
def test_steps_count_from_the_due_day(day: int, steps: list[Step]) -> None:
    assert steps_due(debt(), date(2026, 11, day), locks=True) == steps


def debt(**changed: object) -> Invoice:
    head = Invoice(
        "i",
        InvoiceKind.INVOICE,
        InvoiceState.FINAL,
        BARCELONA,
        "iss",
        "h",
        "N-1",
        NOVEMBER,
        date(2026, 11, 5),
        100,
        21,
        121,
    )
    return replace(head, **changed)  # type: ignore[arg-type]  # the tests name real fields


@pytest.mark.parametrize("state", [InvoiceState.COLLECTING, InvoiceState.PAID])
def test_what_is_on_its_way_or_paid_is_no_debt(state: InvoiceState) -> None:
    assert steps_due(debt(state=state), date(2027, 11, 5), locks=True) == []
    assert doors_due([debt(state=state)], date(2026, 11, 30), {}, 4) == date(2026, 12, 5)


@pytest.mark.parametrize(("state", "news"), [(state, news) for state in InvoiceState for news in MoneyNews])
def test_an_invoice_moves_by_its_table(state: InvoiceState, news: MoneyNews) -> None:
    if (state, news) in INVOICE_STATES:
        assert after("N-1", state, news) is not state
    else:
        with pytest.raises(CannotHappen, match=state.value):
            after("N-1", state, news)


@given(
    told=st.lists(st.sampled_from(["pay", "return", "collect"]), min_size=1, max_size=12),
    late=st.integers(0, 60),
)
def test_doors_never_shut_before_grace_whatever_is_told(told: list[str], late: int) -> None:
    head = debt()
    for one in told:
        if (head.state, MoneyNews(one)) in INVOICE_STATES:
            state = after("N-1", head.state, MoneyNews(one))
            back = head.due_on + timedelta(days=late) if one == "return" else head.returned_on
            head = replace(head, state=state, returned_on=back, paid_cents=121 if state is InvoiceState.PAID else 0)
    event(head.state)
    until = doors_due([head], date(2026, 11, 30), {}, 4)
    assert until
    assert until >= head.due_on
    limiting = [day for day in range(120) if Step.LIMIT in steps_due(head, NOVEMBER + timedelta(days=day), locks=True)]
    if limiting:
        assert NOVEMBER + timedelta(days=limiting[0]) == until + timedelta(days=8)


@pytest.mark.feature(96)
def test_the_same_payment_told_three_times_is_one(space: BilledSpace) -> None:
    space.join("ana", starts_on=NOVEMBER)
    head = invoiced(space)
    for _ in range(3):
        pay(space, head, head.total_cents)
    assert [one.cents for one in payment_store.payments_of(space.work, head.id)] == [head.total_cents]
    assert ledger_store.balance(space.work, "572") == head.total_cents


def test_more_than_is_owed_is_refused(space: BilledSpace) -> None:
    space.join("ana", starts_on=NOVEMBER)
    head = invoiced(space)
    with pytest.raises(payments.TooMuch, match=r"278\.30"):
        pay(space, head, head.total_cents + 1)


def test_money_nobody_knows_waits_until_somebody_says_what_it_is_for(space: BilledSpace) -> None:
    space.join("ana", starts_on=NOVEMBER)
    head = invoiced(space)
    stray = Payment("pay_1", BARCELONA, "camt", "x", 10000, date(2026, 11, 6), "Ana")
    payments.take_payment(space.work, stray)
    assert payment_store.unmatched(space.work) == [stray]
    payments.match(space.work, "pay_1", head.id)
    assert payment_store.unmatched(space.work) == []
    left = store.find_invoice(space.work, head.id)
    assert left
    assert (left.open_cents, left.state) == (17830, InvoiceState.FINAL)


def test_a_credit_note_cites_its_invoice_and_never_exceeds_it(space: BilledSpace) -> None:
    space.join("ana", starts_on=NOVEMBER)
    head = invoiced(space)
    note = service.credit(space.work, head.id, 12100, "Closed for a week")
    assert (note.number, note.net_cents, note.tax_cents) == ("BCNR-2026-000001", -10000, -2100)
    with pytest.raises(service.CreditTooLarge, match=r"157\.30"):
        service.credit(space.work, head.id, 15731, "Too much")
    service.credit(space.work, head.id, 15730, "All of it")
    left = store.find_invoice(space.work, head.id)
    assert left
    assert (left.state, left.open_cents) == (InvoiceState.PAID, 0)
    assert all(one.right for one in audit_ledger(space.work))


@pytest.mark.feature(18)
def test_an_invoice_over_400_wants_a_tax_number(space: BilledSpace) -> None:
    with pytest.raises(service.TaxIdNeeded, match="Rita"):
        service.draft(space.work, BARCELONA, BillTo("h", "Rita"), [PriceLine("Hall", "", 40000)])


def test_a_final_invoice_cannot_be_finalised_again(space: BilledSpace) -> None:
    made = service.draft(space.work, BARCELONA, BillTo("h", "Rita"), [PriceLine("Hall", "", 10000)])
    assert service.finalise(space.work, made.head.id).number == "BCNS-2026-000001"
    with pytest.raises(CannotHappen):
        service.finalise(space.work, made.head.id)


def test_the_year_of_a_series_is_the_sites(space: BilledSpace) -> None:
    work = replace(space.work, now=datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    terms = PaymentTerms(PayBy.CASH)
    made = service.draft(
        work, BARCELONA, BillTo("h", "Rita", TaxIdKind.NIF, "12345678Z"), [PriceLine("Hall", "", 1)], terms
    )
    assert service.finalise(work, made.head.id).number == "BCN-2027-000001"


def test_nothing_is_dated_in_a_locked_month(space: BilledSpace) -> None:
    made = service.draft(space.work, BARCELONA, BillTo("h", "Rita"), [PriceLine("Hall", "", 100)])
    payment_store.lock_month(space.work, BARCELONA, NOVEMBER)
    with pytest.raises(service.MonthLocked, match="2026-11"):
        service.finalise(space.work, made.head.id)


@pytest.mark.feature(89)
def test_the_audit_finds_a_cent_that_somebody_moved(space: BilledSpace) -> None:
    space.join("ana", starts_on=NOVEMBER)
    head = invoiced(space)
    pay(space, head, 10000)
    assert all(one.right for one in audit_ledger(space.work))
    table = ledger_store.ledger_postings
    space.work.db.execute(table.update().where(table.c.account == "477").values(cents=table.c.cents + 1))
    later = replace(space.work, now=MONDAY_NOON + timedelta(days=1))
    assert [one.name for one in audit_ledger(later) if not one.right] == ["entries", "tax"]
    kept = payment_store.last_audit(space.work)
    assert kept
    assert kept[1] is False


@pytest.mark.feature(137)
def test_going_live_is_one_logged_switch(database: Database) -> None:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        issuer = replace(ISSUER, live=False)
        space.build(issuer)
        work = replace(space.work, now=MONDAY_NOON + timedelta(minutes=1))
        assert service.go_live(work, BARCELONA).live
        assert service.today_at(work, BARCELONA) == date(2026, 11, 23)
        store_issuer = store.issuer_of(work, BARCELONA)
        assert store_issuer
        assert store_issuer.series(InvoiceKind.INVOICE, 2026) == "BCN-2026"
