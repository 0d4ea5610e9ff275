"""Statements of the bank come in once and are matched only where it is certain; the gestor gets one zip."""

from collections.abc import Iterator
from datetime import date
from io import BytesIO
from zipfile import ZipFile

import pytest

from aldaba_cloud.billing import payment_store, payments, store
from aldaba_cloud.billing.bank import Taken, take_statement
from aldaba_cloud.billing.debits import collect
from aldaba_cloud.billing.gestor import gestor_zip
from aldaba_cloud.billing.matching import Entry, invoice_for
from aldaba_cloud.billing.models import Invoice, InvoiceState, Payment
from aldaba_cloud.billing.month_run import invoice_month
from aldaba_cloud.billing.statements import StatementUnreadable, entries
from aldaba_cloud.db import Database, Scope, Work
from tests.cloud.billed_space import DEBIT, BilledSpace
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK
from tests.cloud.test_debits import MANDATE
from tests.cloud.test_money_story import debt

DECEMBER = date(2026, 12, 1)


@pytest.fixture
def space(database: Database) -> Iterator[BilledSpace]:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build()
        yield space


def camt(*entries: str, version: str = "02") -> bytes:
    head = f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt><Stmt>'
    return f"<?xml version='1.0'?>{head}{''.join(entries)}</Stmt></BkToCstmrStmt></Document>".encode()


def booked(reference: str, euros: str, text: str = "", *, name: str = "", end: str = "", returned: bool = False) -> str:
    back = "<RtrInf><Rsn><Cd>AM04</Cd></Rsn></RtrInf>" if returned else ""
    payer = f"<RltdPties><Dbtr><Nm>{name}</Nm></Dbtr></RltdPties>" if name else ""
    refs = f"<Refs><EndToEndId>{end}</EndToEndId></Refs>" if end else ""
    side = "DBIT" if returned else "CRDT"
    return (
        f"<Ntry><Amt Ccy='EUR'>{euros}</Amt><CdtDbtInd>{side}</CdtDbtInd><BookgDt><Dt>2026-12-09</Dt></BookgDt>"
        f"<AcctSvcrRef>{reference}</AcctSvcrRef><NtryDtls><TxDtls>{refs}{payer}"
        f"<RmtInf><Ustrd>{text}</Ustrd></RmtInf>{back}</TxDtls></NtryDtls></Ntry>"
    )


def norma43(euros_cents: int, text: str) -> bytes:
    """The records of AEB's Norma 43: account, movement, its text, closing, end of file; 80 characters each."""
    lines = [
        f"11{'0081':4}{'0001':4}{'1234567890':10}261201261231{2}{0:014}9783{'ALDABA':26}   ",
        f"22    0001261209261209{'02':2}{'000':3}2{euros_cents:014}{0:010}{0:012}{'':16}",
        f"2301{text:38}{'':38}",
        f"3300810001{'1234567890':10}{0:05}{0:014}{1:05}{euros_cents:014}2{euros_cents:014}978    ",
        f"88{'9' * 18}{4:06}{'':54}",
    ]
    return "\r\n".join(lines).encode("iso-8859-1")


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        pytest.param(Entry("1", 121, DECEMBER, text="Fra. n-1 gracias"), "i", id="the number in the text"),
        pytest.param(Entry("1", 121, DECEMBER, name="ANA PUIG"), "i", id="the only one of that payer, to the cent"),
        pytest.param(Entry("1", 120, DECEMBER, name="Ana Puig"), None, id="a cent less and no number"),
        pytest.param(Entry("1", 122, DECEMBER, text="N-1"), None, id="more than is owed"),
        pytest.param(Entry("1", 121, DECEMBER, text="thanks"), None, id="nobody is named"),
    ],
)
def test_money_is_matched_only_where_it_says_so(entry: Entry, found: str | None) -> None:
    owed: list[Invoice] = [debt(), debt(id="j", number="M-2", total_cents=500)]
    assert invoice_for(entry, owed, {"i": "Ana Puig", "j": "Biel Roca"}) == found


def test_two_invoices_of_the_same_amount_are_left_to_a_person() -> None:
    entry = Entry("1", 121, DECEMBER, name="Ana Puig")
    assert invoice_for(entry, [debt(), debt(id="j", number="M-2")], {"i": "Ana Puig", "j": "Ana Puig"}) is None


@pytest.mark.parametrize("version", ["02", "08"])
def test_a_statement_is_taken_once_and_the_rest_waits(space: BilledSpace, version: str) -> None:
    space.join("ana")
    invoice_month(space.work, BARCELONA, DECEMBER, DECEMBER)
    body = camt(booked("A1", "278.30", "BCN-2026-000001"), booked("A2", "5.00", "?"), version=version)
    assert take_statement(space.work, BARCELONA, body) == Taken(1, 1, 0, 0)
    assert take_statement(space.work, BARCELONA, body) == Taken(0, 0, 0, 2)
    (head,) = store.list_invoices(space.work)
    assert head.state is InvoiceState.PAID
    assert [one.cents for one in payment_store.unmatched(space.work)] == [500]


def test_norma_43_is_matched_as_camt_is(space: BilledSpace) -> None:
    space.join("ana")
    invoice_month(space.work, BARCELONA, DECEMBER, DECEMBER)
    body = norma43(27830, "TRANSF BCN-2026-000001")
    assert take_statement(space.work, BARCELONA, body) == Taken(1, 0, 0, 0)
    assert take_statement(space.work, BARCELONA, body) == Taken(0, 0, 0, 1)


@pytest.mark.feature(96)
def test_a_debit_that_came_back_on_the_statement_reopens_its_invoice(space: BilledSpace) -> None:
    space.join("ana", payment=DEBIT)
    payment_store.add_mandate(space.work, MANDATE)
    invoice_month(space.work, BARCELONA, DECEMBER, DECEMBER)
    (item,) = collect(space.work, BARCELONA, date(2026, 12, 7)).items
    body = camt(booked("R1", "278.30", end=item.end_to_end, returned=True))
    assert take_statement(space.work, BARCELONA, body).returned == 1
    assert take_statement(space.work, BARCELONA, body) == Taken(0, 0, 0, 1)
    head = store.find_invoice(space.work, item.invoice)
    assert head
    assert (head.state, head.returned_on) == (InvoiceState.RETURNED, date(2026, 12, 9))


@pytest.mark.parametrize("body", [b"", b"hello", b"<html></html>", b"<", b"11xx"])
def test_a_file_that_is_no_statement_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(StatementUnreadable, match="Norma 43"):
        entries(body)


def test_a_statement_reads_no_file_of_the_machine() -> None:
    body = camt(booked("A1", "1.00", "&secret;")).replace(
        b"<Document", b'<!DOCTYPE d [<!ENTITY secret SYSTEM "file:///etc/hostname">]><Document'
    )
    assert [one.text for one in entries(body)] == [""]


@pytest.mark.feature(133)
def test_the_gestor_gets_books_that_sum_to_the_invoices(space: BilledSpace) -> None:
    space.join("ana")
    space.join("big", "year")
    invoice_month(space.work, BARCELONA, DECEMBER, DECEMBER)
    (head, *_) = store.open_invoices(space.work)
    arrived = Payment("pay_1", BARCELONA, "bank", "x", head.open_cents, DECEMBER, invoice=head.id)
    payments.take_payment(space.work, arrived)
    packed = ZipFile(BytesIO(gestor_zip(space.work, BARCELONA, DECEMBER, date(2026, 12, 31))))
    tables = {name: packed.read(name).decode("utf-8-sig").splitlines()[1:] for name in packed.namelist()}
    assert len(tables["libro-facturas-emitidas.csv"]) == 2
    assert "230,00;21,00;48,30;278,30" in tables["libro-facturas-emitidas.csv"][0]
    assert tables["modelo-347.csv"] == ["12345678Z;Big Puig;3182,30;0,00;0,00;0,00;3182,30"]
    sides = [line.split(";")[4:] for line in tables["diario.csv"]]
    debit, credit = (sum(int(side[at].replace(",", "")) for side in sides) for at in (0, 1))
    assert debit == credit > 0
