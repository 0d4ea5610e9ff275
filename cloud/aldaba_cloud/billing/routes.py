"""Invoices over the API: a list in pages, one with its lines, and its files."""

from datetime import date
from typing import Self

from fastapi import APIRouter, Response
from pydantic import BaseModel

from aldaba_cloud.api.paging import PageAsked
from aldaba_cloud.billing import store
from aldaba_cloud.billing.cii import cii_xml
from aldaba_cloud.billing.documents import final_invoice, hybrid_pdf
from aldaba_cloud.billing.models import Invoice, InvoiceKind, InvoiceState, WholeInvoice
from aldaba_cloud.deps import CurrentAccountant, OneTurn
from aldaba_cloud.errors import Missing

router = APIRouter(prefix="/api/v1/invoices", tags=["billing"], route_class=OneTurn)


class InvoiceOut(BaseModel):
    """An invoice without its lines. Amounts are cents."""

    id: str
    kind: InvoiceKind
    state: InvoiceState
    number: str
    party: str
    issued_on: date
    due_on: date
    net_cents: int
    tax_cents: int
    total_cents: int
    open_cents: int
    corrects: str | None

    @classmethod
    def of(cls, one: Invoice) -> Self:
        """What the API says of an invoice."""
        return cls(
            id=one.id,
            kind=one.kind,
            state=one.state,
            number=one.number,
            party=one.party,
            issued_on=one.issued_on,
            due_on=one.due_on,
            net_cents=one.net_cents,
            tax_cents=one.tax_cents,
            total_cents=one.total_cents,
            open_cents=one.open_cents,
            corrects=one.corrects,
        )


class LineOut(BaseModel):
    """A line; `cents` is net, `rule` says why it is this much, `rate` is in hundredths of a percent."""

    text: str
    rule: str
    cents: int
    rate: int
    cost_centre: str
    contract: str | None


class WholeInvoiceOut(InvoiceOut):
    """An invoice with its buyer and lines."""

    buyer: str
    tax_id: str
    lines: list[LineOut]


@router.get("")
def list_invoices(caller: CurrentAccountant, page: PageAsked) -> list[InvoiceOut]:
    """List invoices, drafts among them."""
    (last,) = page.begin("")
    found = store.list_invoices(caller.work, after=str(last), limit=page.limit + 1)
    return [InvoiceOut.of(one) for one in page.page(found, lambda one: (one.id,))]


@router.get("/{invoice_id}")
def find_invoice(invoice_id: str, caller: CurrentAccountant) -> WholeInvoiceOut:
    """Show one invoice with its lines."""
    whole = store.whole_invoice(caller.work, invoice_id)
    if whole is None:
        raise Missing("invoice", invoice_id)
    return _whole(whole)


@router.get("/{invoice_id}/pdf", response_class=Response)
def download_pdf(invoice_id: str, caller: CurrentAccountant) -> Response:
    """Download the PDF, which carries the XML."""
    whole = final_invoice(caller.work, invoice_id)
    return _file(hybrid_pdf(whole), "application/pdf", f"{whole.head.number}.pdf")


@router.get("/{invoice_id}/xml", response_class=Response)
def download_xml(invoice_id: str, caller: CurrentAccountant) -> Response:
    """Download the EN 16931 XML."""
    whole = final_invoice(caller.work, invoice_id)
    return _file(cii_xml(whole), "application/xml", f"{whole.head.number}.xml")


def _file(body: bytes, kind: str, name: str) -> Response:
    return Response(body, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


def _whole(whole: WholeInvoice) -> WholeInvoiceOut:
    lines = [
        LineOut(
            text=one.text,
            rule=one.rule,
            cents=one.cents,
            rate=one.rate,
            cost_centre=one.cost_centre,
            contract=one.contract,
        )
        for one in whole.lines
    ]
    head = InvoiceOut.of(whole.head).model_dump()
    return WholeInvoiceOut(**head, buyer=whole.buyer.name, tax_id=whole.buyer.tax_id, lines=lines)
