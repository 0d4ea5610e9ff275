"""An invoice as EN 16931 XML (UN/CEFACT CII, as Factur-X embeds it), from the one model that is also printed.

factur-x writes the XML from business terms (BT-1, BT-2 ...) and checks it
against its schema. A credit note (381) says positive amounts. A price is never
negative (BR-27): what comes off is a line of minus one.
"""

from typing import Any, Final

from facturx import generate_xml

from aldaba_cloud.billing.models import InvoiceKind, InvoiceLine, TaxLine, WholeInvoice
from aldaba_cloud.members.terms import Address, BillTo, PayBy, TaxIdKind
from aldaba_cloud.money import TaxZone, VatKind, amount

MEANS: Final = {
    PayBy.TRANSFER: "30",
    PayBy.CASH: "10",
    PayBy.CARD_TERMINAL: "48",
    PayBy.DIRECT_DEBIT: "59",
    PayBy.STRIPE: "48",
    PayBy.GOCARDLESS: "59",
}
"""UNTDID 4461."""

SPANISH: Final = frozenset({TaxIdKind.NIF, TaxIdKind.NIE, TaxIdKind.CIF})
PIECE: Final = "C62"


def cii_xml(whole: WholeInvoice) -> bytes:
    """The XML of an invoice, checked against the schema."""
    xml: bytes = generate_xml(business_terms(whole), level="en16931", check_schematron=False)
    return xml


def business_terms(whole: WholeInvoice) -> dict[str, Any]:
    """An invoice by the numbers EN 16931 gives its terms."""
    head = whole.head
    credit = head.kind is InvoiceKind.CREDIT_NOTE
    sign = -1 if credit else 1
    told: dict[str, Any] = {
        "BT-1": head.number,
        "BT-2": head.issued_on,
        "BT-3": "381" if credit else "380",
        "BT-5": "EUR",
        "BT-9": head.due_on,
        "BT-72": head.issued_on,
        "BT-81": MEANS[head.pay_by],
        "BG-4": _seller(whole),
        "BG-7": _buyer(whole.buyer),
        "BG-23": [_tax(one, whole.issuer.tax_zone, sign) for one in whole.taxes],
        "BG-25": [_line(at, one, whole.issuer.tax_zone, sign) for at, one in enumerate(whole.lines, 1)],
        "BT-106": amount(sign * head.net_cents),
        "BT-109": amount(sign * head.net_cents),
        "BT-110": amount(sign * head.tax_cents),
        "BT-112": amount(sign * head.total_cents),
        "BT-115": amount(sign * head.total_cents),
    }
    if head.po_number:
        told["BT-13"] = head.po_number
    if head.pay_by is PayBy.TRANSFER and whole.issuer.iban:
        told["BT-84"] = whole.issuer.iban
    if credit:
        told["BG-3"] = [{"BT-25": whole.corrects_number}]
        told["BG-1"] = [{"BT-22": head.reason}]
    return told


def shown_rate(rate: int) -> str:
    """A rate as the XML says it.

    >>> shown_rate(2100)
    '21'
    """
    return str(rate // 100) if rate % 100 == 0 else amount(rate)


def category(vat: VatKind, zone: TaxZone) -> str:
    """The category of a sale (UNTDID 5305): the Canaries have one of their own."""
    if vat is VatKind.OUTSIDE:
        return "O"
    if vat is VatKind.EXEMPT:
        return "E"
    return "L" if zone is TaxZone.IGIC else "S"


def _seller(whole: WholeInvoice) -> dict[str, Any]:
    issuer = whole.issuer
    return {"name": issuer.legal_name, "vat_identifier": f"ES{issuer.tax_id}", **_address(issuer.address)}


def _buyer(buyer: BillTo) -> dict[str, Any]:
    told: dict[str, Any] = {"name": buyer.name, **_address(buyer.address)}
    if buyer.tax_id_kind in SPANISH:
        told["vat_identifier"] = f"ES{buyer.tax_id}"
    elif buyer.tax_id_kind is TaxIdKind.EU_VAT:
        told["vat_identifier"] = buyer.tax_id
    return told


def _address(address: Address) -> dict[str, Any]:
    told = {"addr_l1": address.street, "postcode": address.postcode, "city": address.city}
    return {"country_code": address.country} | {name: value for name, value in told.items() if value}


def _tax(one: TaxLine, zone: TaxZone, sign: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "BT-116": amount(sign * one.net_cents),
        "BT-117": amount(sign * one.tax_cents),
        "BT-118": category(one.vat, zone),
        "BT-119": shown_rate(one.rate),
    }
    if one.vat in {VatKind.EXEMPT, VatKind.OUTSIDE}:
        told["BT-120"] = "Art. 20 LIVA" if one.vat is VatKind.EXEMPT else "Art. 78 LIVA"
    return told


def _line(position: int, one: InvoiceLine, zone: TaxZone, sign: int) -> dict[str, Any]:
    cents = sign * one.cents
    return {
        "BT-126": str(position),
        "BT-129": "-1" if cents < 0 else "1",
        "BT-130": PIECE,
        "BT-131": amount(cents),
        "BT-146": amount(abs(cents)),
        "BT-151": category(one.vat, zone),
        "BT-152": shown_rate(one.rate),
        "BT-153": one.text,
        "BT-154": one.rule,
    }
