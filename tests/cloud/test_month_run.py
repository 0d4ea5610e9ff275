"""The month's run: contracts to numbered invoices, once, without a hole, and never a cent beside."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from aldaba_cloud.billing import ledger_store, store
from aldaba_cloud.billing.chain_store import records
from aldaba_cloud.billing.models import Pending
from aldaba_cloud.billing.month_run import Difference, against_last_month, differences, invoice_month, preview
from aldaba_cloud.billing.verifactu import broken_at
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.members import terms_store as terms
from aldaba_cloud.members.store import contracts
from aldaba_cloud.members.terms import Discount, Extra, ExtraKind, Pause, PlanVersion, Spell
from aldaba_cloud.money import VatKind
from aldaba_shared.ids import ContractId
from tests.cloud.billed_space import ISSUER, BilledSpace
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK

DECEMBER = date(2026, 12, 1)
NOVEMBER = date(2026, 11, 1)
K = ContractId("")


@pytest.fixture
def space(database: Database) -> Iterator[BilledSpace]:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build()
        yield space


def run(space: BilledSpace, month: date = DECEMBER) -> list[tuple[str, int]]:
    """The numbers and totals of a month's run on its first day."""
    made = invoice_month(space.work, BARCELONA, month, month)
    found = [store.find_by_number(space.work, number) for number in made.numbers]
    return [(one.number, one.total_cents) for one in found if one]


def lines(space: BilledSpace, number: str) -> list[tuple[str, int]]:
    head = store.find_by_number(space.work, number)
    assert head
    whole = store.whole_invoice(space.work, head.id)
    assert whole
    return [(one.rule, one.cents) for one in whole.lines]


def test_a_run_numbers_every_contract_once(space: BilledSpace) -> None:
    space.join("ana")
    space.join("biel", "odd")
    assert run(space) == [("BCN-2026-000001", 27830), ("BCN-2026-000002", 27829)]
    assert run(space) == []


@pytest.mark.feature(12)
@pytest.mark.feature(43)
def test_who_joined_in_the_middle_of_the_month_pays_the_rest_of_it(space: BilledSpace) -> None:
    space.join("ana", starts_on=date(2026, 11, 20))
    assert run(space, NOVEMBER) == [("BCN-2026-000001", 10204)]
    assert run(space) == [("BCN-2026-000002", 27830)]


def test_a_forgotten_month_is_caught_up(space: BilledSpace) -> None:
    space.join("ana", starts_on=date(2026, 11, 20))
    assert run(space) == [("BCN-2026-000001", 10204 + 27830)]


@pytest.mark.feature(3)
@pytest.mark.feature(108)
def test_contracts_of_one_payer_are_on_one_invoice(space: BilledSpace) -> None:
    ana = space.join("ana")
    biel = space.join("biel")
    with_payer = {"payer_id": "h-ana"}
    space.work.db.execute(contracts.update().where(contracts.c.id == biel.id).values(with_payer))
    assert run(space) == [("BCN-2026-000001", 55660)]
    head = store.find_by_number(space.work, "BCN-2026-000001")
    assert head
    assert store.contracts_on(space.work, head.id) == [ana.id, biel.id]


@pytest.mark.feature(4)
def test_whoever_has_no_tax_number_gets_a_simplified_invoice_of_another_series(space: BilledSpace) -> None:
    space.join("rita", "day", tax_id="", starts_on=DECEMBER)
    assert run(space) == [("BCNS-2026-000001", 2500)]


@pytest.mark.feature(18)
def test_over_400_without_a_tax_number_is_a_problem_and_no_invoice(space: BilledSpace) -> None:
    space.join("rita", "year", tax_id="")
    assert [one.code for one in preview(space.work, BARCELONA, DECEMBER).problems] == ["tax_id_needed"]
    assert run(space) == []


@pytest.mark.feature(73)
def test_a_paused_month_bills_nothing_and_makes_no_invoice(space: BilledSpace) -> None:
    ana = space.join("ana")
    terms.save_pause(space.work, Pause(ana.id, DECEMBER, date(2026, 12, 31)), BARCELONA)
    assert run(space) == []
    assert run(space, date(2027, 1, 1)) == [("BCN-2027-000001", 27830)]


def test_a_pause_within_a_month_is_not_billed(space: BilledSpace) -> None:
    ana = space.join("ana")
    terms.save_pause(space.work, Pause(ana.id, date(2026, 12, 11), date(2026, 12, 20)), BARCELONA)
    run(space)
    assert lines(space, "BCN-2026-000001") == [("v1, 21/31", 15581)]


def test_a_pause_without_end_waits_until_somebody_says_when_it_ended(space: BilledSpace) -> None:
    ana = space.join("ana")
    terms.save_pause(space.work, Pause(ana.id, date(2026, 12, 11)), BARCELONA)
    run(space)
    assert lines(space, "BCN-2026-000001") == [("v1, 10/31", 7419)]
    terms.save_pause(space.work, Pause(ana.id, date(2026, 12, 11), date(2027, 1, 10)), BARCELONA)
    run(space, date(2027, 1, 1))
    assert lines(space, "BCN-2027-000001") == [("v1, 21/31", 15581)]


def test_a_new_version_in_the_middle_of_a_period_makes_two_lines(space: BilledSpace) -> None:
    ana = space.join("ana", starts_on=NOVEMBER)
    terms.add_plan_version(space.work, PlanVersion("flex-2", "flex", 2, 30000, site=BARCELONA))
    terms.add_spells(space.work, [Spell(ana.id, "flex-2", date(2026, 11, 16))], BARCELONA)
    run(space, NOVEMBER)
    assert lines(space, "BCN-2026-000001") == [("v1, 15/30", 11500), ("v2, 15/30", 15000)]


@pytest.mark.feature(44)
def test_discounts_and_extras_are_lines_of_their_own(space: BilledSpace) -> None:
    locker = Extra("x1", K, ExtraKind.LOCKER, "locker 12", 1500, DECEMBER)
    space.join(
        "ana", extras=[locker], discounts=[Discount(K, "referral", amount_cents=2000), Discount(K, "10", rate=1000)]
    )
    run(space)
    assert lines(space, "BCN-2026-000001") == [("v1", 23000), ("-10 %", -2300), ("-20.00", -2000), ("extra", 1500)]


@pytest.mark.feature(11)
@pytest.mark.feature(42)
def test_a_coffee_sent_three_times_is_one_line_of_the_next_invoice(space: BilledSpace) -> None:
    ana = space.join("ana")
    coffee = Pending("kiosk-1:914", ana.id, "Coffee", "1.50", 150, date(2026, 12, 1), VatKind.CATERING, site=BARCELONA)
    assert [store.add_pending(space.work, coffee) for _ in range(3)] == [True, False, False]
    run(space)
    assert lines(space, "BCN-2026-000001") == [("v1", 23000), ("1.50", 150)]
    run(space, date(2027, 1, 1))
    assert lines(space, "BCN-2027-000001") == [("v1", 23000)]


@pytest.mark.feature(138)
def test_a_dry_run_writes_nothing_and_tells_what_differs_from_last_month(space: BilledSpace) -> None:
    space.join("ana", starts_on=NOVEMBER)
    run(space, NOVEMBER)
    space.join("biel")
    looked = preview(space.work, BARCELONA, DECEMBER)
    assert against_last_month(space.work, looked) == [Difference("h-biel", None, 27830)]
    assert store.find_by_number(space.work, "BCN-2026-000002") is None


def test_differences_are_told_the_largest_first() -> None:
    told = differences({"a": 100, "b": 200, "c": 300}, {"a": 100, "b": 250, "d": 900})
    assert told == [Difference("d", None, 900), Difference("c", 300, None), Difference("b", 200, 250)]


@pytest.mark.feature(89)
def test_the_books_of_a_run_are_even_and_its_chain_holds(space: BilledSpace) -> None:
    space.join("ana")
    space.join("rita", "day", tax_id="")
    run(space)
    assert ledger_store.unbalanced_entries(space.work) == ledger_store.uneven_invoices(space.work) == []
    assert ledger_store.balance(space.work, "430") == 27830 + 2500
    assert ledger_store.balance(space.work, "477") == -(4830 + 434)
    chain = records(space.work, ISSUER.tax_id)
    assert [record.document_type for record, _ in chain] == ["F1", "F2"]
    assert broken_at(chain) is None


@pytest.mark.feature(137)
def test_in_test_mode_no_real_number_is_taken_and_no_record_made(database: Database) -> None:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build(replace(ISSUER, live=False))
        space.join("ana")
        assert run(space) == [("TEST-BCN-2026-000001", 27830)]
        assert records(space.work, ISSUER.tax_id) == []
