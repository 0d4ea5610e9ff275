"""An invoice on paper: what is printed where, by typst, made as PDF/A-3.

The page is one template for every invoice; what is on it comes in as data, so
that no name can be taken for markup. The QR is the tax office's, 35 mm wide, at
level M, with its words above and below (Orden HAC/1177/2024, art. 20 and 21).
"""

import json
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from threading import Lock
from typing import Any, Final

import qrcode
import typst
from qrcode.constants import ERROR_CORRECT_M
from qrcode.image.svg import SvgPathImage

from aldaba_cloud.billing.models import InvoiceKind, WholeInvoice
from aldaba_cloud.billing.verifactu import QR_ABOVE, QR_BELOW, qr_url

WORDS: Final[dict[str, dict[str, str]]] = {
    "es": {
        "invoice": "Factura", "simplified": "Factura simplificada", "credit_note": "Factura rectificativa",
        "date": "Fecha", "due": "Vencimiento", "to": "Cliente", "line": "Concepto", "amount": "Importe",
        "base": "Base", "tax": "Cuota", "rate": "Tipo", "total": "Total", "corrects": "Rectifica la factura",
        "reason": "Motivo", "order": "Pedido", "test": "PRUEBA: sin validez fiscal", "iban": "IBAN",
    },
    "ca": {
        "invoice": "Factura", "simplified": "Factura simplificada", "credit_note": "Factura rectificativa",
        "date": "Data", "due": "Venciment", "to": "Client", "line": "Concepte", "amount": "Import",
        "base": "Base", "tax": "Quota", "rate": "Tipus", "total": "Total", "corrects": "Rectifica la factura",
        "reason": "Motiu", "order": "Comanda", "test": "PROVA: sense validesa fiscal", "iban": "IBAN",
    },
    "en": {
        "invoice": "Invoice", "simplified": "Simplified invoice", "credit_note": "Credit note",
        "date": "Date", "due": "Due", "to": "To", "line": "Item", "amount": "Amount",
        "base": "Base", "tax": "Tax", "rate": "Rate", "total": "Total", "corrects": "Corrects invoice",
        "reason": "Reason", "order": "Order", "test": "TEST: not a valid invoice", "iban": "IBAN",
    },
}  # fmt: skip

TEMPLATE: Final = files(__package__) / "invoice.typ"
ONE_AT_A_TIME: Final = Lock()
"""The warm compiler keeps state while it works."""


def pdf(whole: WholeInvoice) -> bytes:
    """The printed page; the XML is put into it by whoever sends it."""
    return _compiled(whole, format="pdf", pdf_standards=["a-3b"])


def picture(whole: WholeInvoice) -> bytes:
    """The same page as a PNG, to look at before anything is sent."""
    return _compiled(whole, format="png", ppi=110)


def _compiled(whole: WholeInvoice, **how: object) -> bytes:
    data = {"data": json.dumps(_told(whole))}
    with ONE_AT_A_TIME:
        compiled: bytes = _compiler().compile(sys_inputs=data, **how)
    return compiled


@lru_cache(maxsize=1)
def _compiler() -> Any:  # noqa: ANN401 -- typst ships no types
    """One warm compiler: the fonts are read once."""
    return typst.Compiler(str(TEMPLATE), ignore_system_fonts=True)


def _told(whole: WholeInvoice) -> dict[str, Any]:
    head, issuer = whole.head, whole.issuer
    words = WORDS.get(whole.buyer.locale[:2], WORDS["es"])
    url = qr_url(issuer.tax_id, head.number, head.issued_on, head.total_cents) if head.live else ""
    return {
        "words": words,
        "locale": whole.buyer.locale[:2],
        "title": words[head.kind.value],
        "number": head.number,
        "date": head.issued_on.strftime("%d/%m/%Y"),
        "due": head.due_on.strftime("%d/%m/%Y"),
        "order": head.po_number,
        "corrects": whole.corrects_number if head.kind is InvoiceKind.CREDIT_NOTE else "",
        "reason": head.reason,
        "seller": _lines(issuer.legal_name, issuer.tax_id, issuer.address.street, issuer.address),
        "buyer": _lines(whole.buyer.name, whole.buyer.tax_id, whole.buyer.address.street, whole.buyer.address),
        "lines": [[one.text, one.rule, _shown(one.cents)] for one in whole.lines],
        "taxes": [
            [f"{issuer.tax_zone.value.upper()} {one.rate / 100:g} %", _shown(one.net_cents), _shown(one.tax_cents)]
            for one in whole.taxes
        ],
        "total": f"{_shown(head.total_cents)} €",
        "iban": issuer.iban,
        "test": not head.live,
        "url": url,
        "qr": _qr(url) if url else "",
        "above": QR_ABOVE,
        "below": QR_BELOW,
    }


def _lines(name: str, tax_id: str, street: str, address: Any) -> list[str]:  # noqa: ANN401 -- an address of either side
    place = f"{address.postcode} {address.city} ({address.country})".strip()
    return [line for line in (name, tax_id, street, place) if line]


def _shown(cents: int) -> str:
    """An amount as Spain writes it.

    >>> _shown(-123456)
    '-1.234,56'
    """
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}".replace(",", ".") + f",{rest:02}"


def _qr(url: str) -> str:
    made = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=4, image_factory=SvgPathImage)
    made.add_data(url)
    made.make(fit=True)
    out = BytesIO()
    made.make_image().save(out)
    return out.getvalue().decode()
