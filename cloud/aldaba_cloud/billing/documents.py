"""The files of an invoice: XML, and the PDF that carries it (made as PDF/A-3 with Factur-X)."""

from facturx import generate_from_binary

from aldaba_cloud.billing import store
from aldaba_cloud.billing.cii import cii_xml
from aldaba_cloud.billing.layout import pdf
from aldaba_cloud.billing.models import WholeInvoice
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing


def final_invoice(work: Work, invoice: str) -> WholeInvoice:
    """A final invoice with all that is printed on it; drafts have no documents."""
    whole = store.whole_invoice(work, invoice)
    if whole is None or not whole.head.number:
        raise Missing("final invoice", invoice)
    return whole


def hybrid_pdf(whole: WholeInvoice) -> bytes:
    """The PDF with the XML inside."""
    metadata = {
        "author": whole.issuer.legal_name,
        "title": whole.head.number,
        "subject": whole.head.number,
        "keywords": "Factur-X",
    }
    made: bytes = generate_from_binary(
        pdf(whole),
        cii_xml(whole),
        flavor="factur-x",
        level="en16931",
        check_xsd=False,
        pdf_metadata=metadata,
        lang=whole.buyer.locale[:2],
        afrelationship="alternative",
    )
    return made
