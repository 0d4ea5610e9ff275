"""Dunning and doors: steps that count from the day a debt is known, and a date that shuts doors by itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from aldaba_cloud.billing import payments, reminders, store
from aldaba_cloud.billing.dunning import Step, doors_due, steps_due
from aldaba_cloud.billing.models import Invoice, InvoiceState, Payment
from aldaba_cloud.billing.month_run import invoice_month
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import Contract, PlanKind, Standing
from aldaba_shared.ids import ContractId
from tests.cloud.billed_space import DEBIT, ISSUER, BilledSpace
from tests.cloud.conftest import BARCELONA
from tests.cloud.test_money_story import debt

NOVEMBER = date(2026, 11, 1)
MADRID = ZoneInfo("Europe/Madrid")


def november(day: int) -> date:
    return NOVEMBER.replace(day=day)


@pytest.mark.feature(46)
@pytest.mark.parametrize(
    ("returned", "due"),
    [
        pytest.param(None, {8: Step.REMIND, 12: Step.WARN, 13: Step.LIMIT}, id="due on the 5th and never paid"),
        pytest.param(9, {12: Step.REMIND, 16: Step.WARN, 17: Step.LIMIT}, id="due on the 5th, returned on the 9th"),
        pytest.param(3, {8: Step.REMIND, 12: Step.WARN, 13: Step.LIMIT}, id="returned before it was due"),
    ],
)
def test_steps_count_from_the_due_date_or_the_return_if_later(returned: int | None, due: dict[int, Step]) -> None:
    owed = debt()
    if returned:
        owed = replace(owed, state=InvoiceState.RETURNED, returned_on=november(returned))
    first = {step: day for day in range(30, 0, -1) for step in steps_due(owed, november(day), locks=True)}
    assert {day: step for step, day in first.items()} == due


@pytest.mark.feature(46)
def test_a_limit_falls_at_the_first_instant_of_its_local_day() -> None:
    owed = replace(debt(), state=InvoiceState.RETURNED, returned_on=november(9))
    until = doors_due([owed], november(30), {}, 4)
    contract = Contract(ContractId("k"), "flex", (), NOVEMBER, paid_until=until)
    assert contract.rights_end_at(MADRID) == datetime(2026, 11, 17, tzinfo=MADRID).astimezone(UTC)


GOOD: dict[str, Callable[[Invoice], Invoice]] = {
    "a pending debit": lambda one: replace(one, state=InvoiceState.COLLECTING),
    "paid": lambda one: replace(one, state=InvoiceState.PAID, paid_cents=one.total_cents),
    "not yet due": lambda one: replace(one, due_on=date(2027, 6, 1)),
}


@pytest.mark.feature(46)
@pytest.mark.parametrize("name", GOOD)
def test_what_is_not_late_counts_as_good(name: str) -> None:
    assert steps_due(GOOD[name](debt()), date(2027, 5, 1), locks=True) == []


@pytest.mark.feature(46)
@pytest.mark.parametrize(
    ("kind", "signed", "steps", "standing"),
    [
        pytest.param(PlanKind.HOT_DESK, False, [Step.REMIND, Step.WARN, Step.LIMIT], Standing.LIMITED, id="hot desk"),
        pytest.param(PlanKind.OFFICE, False, [Step.REMIND, Step.WARN, Step.ASK_PERSON], Standing.GOOD, id="office"),
        pytest.param(PlanKind.FIXED, False, [Step.REMIND, Step.WARN, Step.ASK_PERSON], Standing.GOOD, id="dedicated"),
        pytest.param(
            PlanKind.OFFICE, True, [Step.REMIND, Step.WARN, Step.LIMIT], Standing.LIMITED, id="office, signed for"
        ),
    ],
)
def test_offices_get_a_task_for_a_person_unless_an_admin_signed(
    space: BilledSpace, kind: PlanKind, *, signed: bool, steps: list[Step], standing: Standing
) -> None:
    if signed:
        work = replace(space.work, now=space.work.now + timedelta(minutes=1))
        store.add_issuer(work, replace(ISSUER, id="iss_2", locks_offices=True))
    space.join("ana", starts_on=NOVEMBER, payment=DEBIT, kind=kind)
    invoice_month(space.work, BARCELONA, NOVEMBER, NOVEMBER)
    payments.follow_run(space.work, BARCELONA)
    # Every day twice: a step is done once for an invoice.
    days = [november(day) for day in range(6, 30) for _ in range(2)]
    assert [step for day in days for _, step in reminders.remind(space.work, BARCELONA, day)] == steps
    contract = members.find_contract(space.work, ContractId("k-ana"))
    assert contract
    assert contract.standing is standing
    assert (contract.paid_until is None) is (kind in {PlanKind.OFFICE, PlanKind.FIXED} and not signed)


@pytest.mark.feature(46)
@pytest.mark.feature(55)
@pytest.mark.parametrize("day", [9, 12, 14], ids=["after the first", "after the second", "after the doors"])
def test_all_steps_stop_the_moment_it_is_paid_and_only_that_contract_moves(space: BilledSpace, day: int) -> None:
    for name in ("ana", "biel"):
        space.join(name, starts_on=NOVEMBER, payment=DEBIT)
    invoice_month(space.work, BARCELONA, NOVEMBER, NOVEMBER)
    payments.follow_run(space.work, BARCELONA)
    reminders.remind(space.work, BARCELONA, november(day))
    head = store.find_by_number(space.work, "BCN-2026-000001")
    assert head
    paid = Payment("pay_1", BARCELONA, "transfer", "x", head.total_cents, november(day), invoice=head.id)
    payments.take_payment(space.work, paid)
    later = [number for _ in range(3) for number, _ in reminders.remind(space.work, BARCELONA, november(29))]
    assert set(later) <= {"BCN-2026-000002"}
    stands = {one.id: one.standing for one in members.contracts_of(space.work)}
    assert stands == {"k-ana": Standing.GOOD, "k-biel": Standing.LIMITED}
