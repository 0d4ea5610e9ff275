"""Direct debits: who can be collected, on which day, and a file that says what its invoices say."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from lxml import etree

from aldaba_cloud.billing import debits, payment_store, payments, store
from aldaba_cloud.billing.models import DebitItem, InvoiceState, Mandate
from aldaba_cloud.billing.month_run import invoice_month
from aldaba_cloud.billing.sepa import Debit, control_cents, creditor_id, debit_file, settlement_day, why_not
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.members.terms import Address, BillTo
from tests.cloud.billed_space import DEBIT, ISSUER, BilledSpace
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK

DECEMBER = date(2026, 12, 1)
HOME = Address("Gran Via 1", "08010", "Barcelona")
MANDATE = Mandate("man_1", BARCELONA, "h-ana", "MND-1", "ES7921000813610123456789", date(2026, 11, 1))


@pytest.fixture
def space(database: Database) -> Iterator[BilledSpace]:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build()
        yield space


@pytest.mark.parametrize(
    ("mandate", "address", "why"),
    [
        pytest.param(MANDATE, HOME, None, id="a live mandate and a structured address"),
        pytest.param(None, HOME, "no signed mandate", id="nobody signed"),
        pytest.param(replace(MANDATE, signed_on=date(2023, 12, 5)), HOME, "36 months", id="three years unused"),
        pytest.param(replace(MANDATE, signed_on=date(2023, 12, 6)), HOME, None, id="a day before it dies"),
        pytest.param(replace(MANDATE, iban="ES0021000813610123456789"), HOME, "no IBAN", id="wrong check digits"),
        pytest.param(MANDATE, Address("Gran Via 1"), "lines alone", id="lines without a town"),
    ],
)
def test_who_can_be_debited(mandate: Mandate | None, address: Address, why: str | None) -> None:
    told = why_not(mandate, address, date(2026, 12, 5))
    assert told is None if why is None else why in str(told)


def test_good_friday_is_collected_on_easter_tuesday() -> None:
    assert settlement_day(date(2027, 3, 26)) == date(2027, 3, 30)


def test_a_spanish_creditor_has_the_identifier_of_its_number() -> None:
    assert creditor_id("B12345674") == "ES11000B12345674"


@pytest.mark.feature(41)
def test_the_file_collects_what_the_invoices_say_and_each_once(space: BilledSpace) -> None:
    for name, iban in (("ana", MANDATE.iban), ("biel", "ES9121000418450200051332"), ("cesc", "")):
        space.join(name, "odd", payment=DEBIT)
        if iban:
            signed = replace(MANDATE, id=f"man_{name}", party=f"h-{name}", reference=f"MND-{name}", iban=iban)
            payment_store.add_mandate(space.work, signed)
    space.join("dora")
    invoice_month(space.work, BARCELONA, DECEMBER, DECEMBER)
    made = debits.collect(space.work, BARCELONA, date(2026, 12, 5))
    assert made.collect_on == date(2026, 12, 7)
    assert control_cents(made.xml) == sum(one.cents for one in made.items) == 2 * 27829
    assert [number for number, _ in made.problems] == ["BCN-2026-000003"]
    root = etree.fromstring(made.xml)
    assert root.findtext(".//{*}PmtTpInf/{*}SeqTp") == "RCUR"
    assert [one.text for one in root.iterfind(".//{*}Dbtr/{*}PstlAdr/{*}TwnNm")] == ["Barcelona", "Barcelona"]
    states = {one.state for item in made.items if (one := store.find_invoice(space.work, item.invoice))}
    assert states == {InvoiceState.COLLECTING}
    with pytest.raises(debits.NothingToCollect):
        debits.collect(space.work, BARCELONA, date(2026, 12, 5))


def test_what_came_back_can_be_collected_again(space: BilledSpace) -> None:
    space.join("ana", payment=DEBIT)
    payment_store.add_mandate(space.work, MANDATE)
    invoice_month(space.work, BARCELONA, DECEMBER, DECEMBER)
    first = debits.collect(space.work, BARCELONA, date(2026, 12, 7))
    payments.returned(space.work, first.items[0].invoice, date(2026, 12, 10))
    assert len(debits.collect(space.work, BARCELONA, date(2026, 12, 14)).items) == 1


@pytest.mark.feature(137)
def test_no_bank_file_is_made_in_test_mode(database: Database) -> None:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build(replace(ISSUER, live=False))
        with pytest.raises(debits.NotLive):
            debits.collect(space.work, BARCELONA, date(2026, 12, 7))


def test_after_a_run_doors_open_until_the_due_date(space: BilledSpace) -> None:
    space.join("ana", payment=DEBIT)
    invoice_month(space.work, BARCELONA, DECEMBER, DECEMBER)
    assert payments.follow_run(space.work, BARCELONA) == 1
    assert payments.follow_run(space.work, BARCELONA) == 0


def test_a_name_with_accents_and_an_ampersand_makes_a_valid_file() -> None:
    item = DebitItem("inv_1", MANDATE.id, 1, "e2e-1")
    buyer = BillTo("h", "Núñez & Íñigo, S.L. <ça>", address=HOME)
    xml = debit_file(ISSUER, [Debit(item, MANDATE, buyer, "BCN-2026-000001")], date(2026, 12, 7))
    assert control_cents(xml) == 1
