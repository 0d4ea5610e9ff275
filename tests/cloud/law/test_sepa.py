"""SEPA direct debit: who, when, in which file, and what comes back."""

from dataclasses import replace
from datetime import date

import pytest
from lxml import etree

from aldaba_cloud.billing import debits, payments, store
from aldaba_cloud.billing.bank import take_statement
from aldaba_cloud.billing.models import DebitItem, InvoiceState, Mandate, Payment
from aldaba_cloud.billing.month_run import invoice_month
from aldaba_cloud.billing.payment_store import add_mandate
from aldaba_cloud.billing.sepa import Debit, creditor_id, dead_on, debit_file, settlement_day, why_not
from aldaba_cloud.billing.statements import WholeFileRefused, entries
from aldaba_cloud.members.terms import Address, BillTo, PayBy, PaymentTerms
from tests.cloud.billed_space import DEBIT, ISSUER, BilledSpace
from tests.cloud.conftest import BARCELONA

HOME = Address("Gran Via 1", "08010", "Barcelona")
DECEMBER = date(2026, 12, 1)
SIGNED = Mandate("man_1", BARCELONA, "h-ana", "MND-1", "ES7921000813610123456789", date(2026, 11, 1))
SOON = date(2026, 12, 7)


@pytest.mark.parametrize(
    ("wanted", "settles"),
    [
        pytest.param("2027-03-26", "2027-03-30", id="Good Friday, and Easter Monday too"),
        pytest.param("2026-12-05", "2026-12-07", id="a Saturday"),
        pytest.param("2026-12-08", "2026-12-08", id="a feast of Spain alone is a day of TARGET"),
        pytest.param("2026-12-25", "2026-12-28", id="Christmas and the weekend"),
        pytest.param("2027-05-01", "2027-05-03", id="the first of May"),
    ],
)
def test_collection_is_on_a_day_of_target(wanted: str, settles: str) -> None:
    assert settlement_day(date.fromisoformat(wanted)) == date.fromisoformat(settles)


@pytest.mark.parametrize(
    ("mandate", "address", "refused"),
    [
        pytest.param(SIGNED, HOME, "", id="structured"),
        pytest.param(
            SIGNED, Address("Gran Via 1, 2n 1a", "", "Barcelona"), "", id="hybrid: a line with town and country"
        ),
        pytest.param(SIGNED, Address("Gran Via 1, 08010 Barcelona", city=""), "lines alone", id="lines alone"),
        pytest.param(replace(SIGNED, signed_on=date(2023, 12, 7)), HOME, "36 months", id="36 months unused"),
        pytest.param(replace(SIGNED, signed_on=date(2023, 12, 8)), HOME, "", id="a day less"),
        pytest.param(
            replace(SIGNED, signed_on=date(2020, 1, 1), last_used_on=date(2026, 1, 1)), HOME, "", id="old, but in use"
        ),
        pytest.param(replace(SIGNED, one_off=True), HOME, "", id="signed for once"),
        pytest.param(
            replace(SIGNED, one_off=True, last_used_on=date(2026, 11, 5)), HOME, "was used", id="signed for once, used"
        ),
    ],
)
def test_whose_mandate_can_be_used(mandate: Mandate, address: Address, refused: str) -> None:
    told = why_not(mandate, address, SOON)
    assert refused in told if refused and told else told is None


def test_a_mandate_of_29_february_dies_on_the_28th() -> None:
    assert dead_on(replace(SIGNED, signed_on=date(2024, 2, 29))) == date(2027, 2, 28)


def test_nif_b12345674_collects_as_es11000b12345674() -> None:
    assert creditor_id("B12345674") == "ES11000B12345674"


@pytest.mark.feature(41)
@pytest.mark.parametrize(("one_off", "sequence"), [(False, "RCUR"), (True, "OOFF")])
def test_the_file_says_what_was_signed(*, one_off: bool, sequence: str) -> None:
    mandate = replace(SIGNED, one_off=one_off)
    one = Debit(DebitItem("i", "man_1", 12100, "e-1"), mandate, BillTo("h", "Ana", address=HOME), "N-1")
    root = etree.fromstring(debit_file(ISSUER, [one], SOON))
    assert etree.QName(root).namespace == "urn:iso:std:iso:20022:tech:xsd:pain.008.001.08"
    assert root.findtext(".//{*}SeqTp") == sequence
    assert root.findtext(".//{*}MndtId") == "MND-1"
    assert root.findtext(".//{*}DtOfSgntr") == "2026-11-01"
    assert (root.findtext(".//{*}CtrlSum"), root.findtext(".//{*}ReqdColltnDt")) == ("121.00", "2026-12-07")


@pytest.mark.parametrize(
    ("days", "first"),
    [
        pytest.param(0, date(2026, 12, 15), id="14 days before unless agreed shorter"),
        pytest.param(4, date(2026, 12, 5), id="terms of four days agreed shorter"),
        pytest.param(30, date(2026, 12, 31), id="terms of thirty days"),
    ],
)
def test_notice_is_fourteen_days_unless_the_terms_agreed_otherwise(space: BilledSpace, days: int, first: date) -> None:
    space.join("ana", payment=PaymentTerms(PayBy.DIRECT_DEBIT, days=days))
    invoice_month(space.work, BARCELONA, DECEMBER, DECEMBER)
    head = store.find_by_number(space.work, "BCN-2026-000001")
    assert head
    assert debits.announced_for(head) == first


def refusals(*end_to_end: str, whole: bool = False) -> bytes:
    """A pain.002.001.03 as banks answer a file of debits with."""
    told = "".join(
        f"<TxInfAndSts><StsId>S-{one}</StsId><OrgnlEndToEndId>{one}</OrgnlEndToEndId><TxSts>RJCT</TxSts>"
        "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>"
        "<OrgnlTxRef><Amt><InstdAmt Ccy='EUR'>278.30</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts>"
        for one in end_to_end
    )
    why = "<StsRsnInf><Rsn><Cd>FF01</Cd></Rsn></StsRsnInf>"
    group = f"<OrgnlGrpInfAndSts><GrpSts>RJCT</GrpSts>{why}</OrgnlGrpInfAndSts>"
    return (
        "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.002.001.03'><CstmrPmtStsRpt>"
        "<GrpHdr><CreDtTm>2026-12-09T08:00:00</CreDtTm></GrpHdr>"
        f"{group if whole else ''}<OrgnlPmtInfAndSts>{told}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


def advice(end_to_end: str) -> bytes:
    """A camt.054 with one debit that came back."""
    return (
        "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.054.001.02'><BkToCstmrDbtCdtNtfctn><Ntfctn><Ntry>"
        "<Amt Ccy='EUR'>278.30</Amt><CdtDbtInd>DBIT</CdtDbtInd><BookgDt><Dt>2026-12-09</Dt></BookgDt>"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>"
        "<RtrInf><Rsn><Cd>MD06</Cd></Rsn></RtrInf></TxDtls></NtryDtls></Ntry></Ntfctn>"
        "</BkToCstmrDbtCdtNtfctn></Document>"
    ).encode()


@pytest.mark.feature(41)
@pytest.mark.feature(96)
@pytest.mark.parametrize("told", [refusals, advice], ids=["pain.002", "camt.054"])
@pytest.mark.parametrize("paid", [False, True], ids=["while it is on its way", "late, after it was paid"])
def test_a_return_reopens_the_invoice_once(space: BilledSpace, told: object, *, paid: bool) -> None:
    space.join("ana", payment=DEBIT)
    add_mandate(space.work, SIGNED)
    invoice_month(space.work, BARCELONA, DECEMBER, DECEMBER)
    (item,) = debits.collect(space.work, BARCELONA, SOON).items
    if paid:
        payments.take_payment(
            space.work, Payment("pay_1", BARCELONA, "bank", "x", item.cents, SOON, invoice=item.invoice)
        )
    body = told(item.end_to_end)  # type: ignore[operator]  # either of the two above
    assert take_statement(space.work, BARCELONA, body).returned == 1
    head = store.find_invoice(space.work, item.invoice)
    assert head
    assert (head.state, head.open_cents, head.returned_on) == (InvoiceState.RETURNED, 27830, date(2026, 12, 9))
    debits.collect(space.work, BARCELONA, date(2026, 12, 14))
    assert take_statement(space.work, BARCELONA, body).known == 1
    again = store.find_invoice(space.work, item.invoice)
    assert again
    assert again.state is InvoiceState.COLLECTING


def test_what_was_paid_in_hand_stays_paid_when_a_debit_comes_back(space: BilledSpace) -> None:
    space.join("ana", payment=DEBIT)
    add_mandate(space.work, SIGNED)
    invoice_month(space.work, BARCELONA, DECEMBER, DECEMBER)
    head = store.find_by_number(space.work, "BCN-2026-000001")
    assert head
    payments.take_payment(space.work, Payment("pay_1", BARCELONA, "cash", "x", 7830, SOON, invoice=head.id))
    (item,) = debits.collect(space.work, BARCELONA, SOON).items
    assert item.cents == 20000
    take_statement(space.work, BARCELONA, refusals(item.end_to_end))
    back = store.find_invoice(space.work, head.id)
    assert back
    assert (back.state, back.open_cents) == (InvoiceState.RETURNED, 20000)


def test_a_file_that_was_refused_whole_is_told_as_such() -> None:
    with pytest.raises(WholeFileRefused, match="FF01"):
        entries(refusals(whole=True))
