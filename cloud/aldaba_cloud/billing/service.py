"""One document at a time: drafts, finalising them, and the credit notes that take them back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from aldaba_cloud import audit
from aldaba_cloud.billing import ledger_store, payment_store, store
from aldaba_cloud.billing.chain_store import Registrable, register
from aldaba_cloud.billing.models import (
    SIMPLIFIED_MOST_CENTS,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceState,
    Issuer,
    MoneyNews,
    TaxLine,
    WholeInvoice,
    after,
    numbered,
)
from aldaba_cloud.billing.numbering import take_numbers
from aldaba_cloud.billing.payments import follow_run, net_credit
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.members.terms import BillTo, PaymentTerms, TaxIdKind
from aldaba_cloud.places import store as places
from aldaba_cloud.pricing.models import PriceLine
from aldaba_cloud.pricing.tax import taxed
from aldaba_shared.ids import SiteId


class TaxIdNeeded(Unusable):
    """Too dear for a simplified invoice, and nobody told a tax number."""

    def __init__(self, name: str) -> None:
        super().__init__(f"An invoice over {SIMPLIFIED_MOST_CENTS // 100} € needs a tax number. Ask {name} for it.")


class CreditTooLarge(Unusable):
    """A credit note would take back more than the invoice was."""

    def __init__(self, number: str, left_cents: int) -> None:
        super().__init__(
            f"Of the invoice {number} only {left_cents / 100:.2f} can still be credited. Take that at most."
        )


class MonthLocked(Unusable):
    """A document would be dated in a month that the accountant has closed."""

    def __init__(self, day: date) -> None:
        super().__init__(f"{day:%Y-%m} is locked. Date the document today, or ask an admin to look at the lock.")


def today_at(work: Work, site: SiteId) -> date:
    """The site's date: a series has the site's year."""
    zone = next((one.time_zone for one in places.list_sites(work) if one.id == site), "UTC")
    return work.now.astimezone(ZoneInfo(zone)).date()


def draft(
    work: Work,
    site: SiteId,
    buyer: BillTo,
    lines: Sequence[PriceLine],
    terms: PaymentTerms = PaymentTerms(),  # noqa: B008 -- frozen
) -> WholeInvoice:
    """Make a draft of an invoice; it has no number and may be thrown away."""
    issuer, today = _issuer(work, site), today_at(work, site)
    bill = taxed(lines, issuer.tax_zone)
    head = Invoice(
        id=work.new_id("inv"),
        kind=_kind(buyer, bill.total_cents),
        state=InvoiceState.DRAFT,
        site=site,
        issuer=issuer.id,
        party=buyer.party,
        number="",
        issued_on=today,
        due_on=today + timedelta(days=terms.days),
        net_cents=bill.net_cents,
        tax_cents=bill.tax_cents,
        total_cents=bill.total_cents,
        pay_by=terms.pay_by,
        po_number=terms.po_number,
        live=issuer.live,
    )
    rates = {one.vat: one.rate for one in bill.totals}
    made = tuple(
        InvoiceLine(one.text, one.rule, one.cents, one.vat, rates[one.vat], one.account, one.cost_centre)
        for one in bill.lines
    )
    taxes = tuple(TaxLine(one.vat, one.rate, one.net_cents, one.tax_cents) for one in bill.totals)
    whole = WholeInvoice(head, issuer, buyer, made, taxes)
    store.add_draft(work, whole)
    return whole


def finalise(work: Work, invoice: str) -> Invoice:
    """Give a draft the next number of its series; from then on it never changes."""
    head = store.find_invoice(work, invoice, locked=True)
    if head is None:
        raise Missing("invoice", invoice)
    state, today = after(head.number, head.state, MoneyNews.FINALISE), today_at(work, head.site)
    if payment_store.month_locked(work, head.site, today):
        raise MonthLocked(today)
    issuer = _issuer(work, head.site)
    series = issuer.series(head.kind, today.year)
    number = numbered(series, take_numbers(work, head.site, series, 1)[0])
    due_on = today + (head.due_on - head.issued_on)
    final = replace(head, number=number, state=state, issued_on=today, due_on=due_on)
    store.give_number(work, final)
    ledger_store.post_invoice(work, final.id)
    if issuer.live:
        register(work, issuer, [Registrable(final.id, number, today, final.kind, final.tax_cents, final.total_cents)])
    audit.note(work, final.site, "invoice_finalised", final.id, number=number)
    return final


def credit(work: Work, invoice: str, cents: int, reason: str) -> Invoice:
    """Take an invoice back, or a part of it: a credit note in its own series, shared over the lines' rates."""
    whole = store.whole_invoice(work, invoice)
    if whole is None or not whole.head.number or whole.head.kind is InvoiceKind.CREDIT_NOTE:
        raise Missing("invoice that can be credited", invoice)
    store.find_invoice(work, invoice, locked=True)
    left = whole.head.total_cents - store.credited_cents(work, invoice)
    if not 0 < cents <= left:
        raise CreditTooLarge(whole.head.number, left)
    lines, taxes = credited(whole, cents)
    today = today_at(work, whole.head.site)
    net, tax = sum(one.net_cents for one in taxes), sum(one.tax_cents for one in taxes)
    head = replace(
        whole.head,
        id=work.new_id("inv"),
        kind=InvoiceKind.CREDIT_NOTE,
        state=InvoiceState.DRAFT,
        number="",
        issued_on=today,
        due_on=today,
        net_cents=net,
        tax_cents=tax,
        total_cents=net + tax,
        paid_cents=0,
        corrects=whole.head.id,
        reason=reason,
        returned_on=None,
    )
    store.add_draft(work, WholeInvoice(head, whole.issuer, whole.buyer, lines, taxes, whole.head.number))
    return net_credit(work, finalise(work, head.id), invoice)


def credited(whole: WholeInvoice, cents: int) -> tuple[tuple[InvoiceLine, ...], tuple[TaxLine, ...]]:
    """The lines and tax of a credit of so much of an invoice: all of it negated, or a part of each rate.

    A part is shared over the rates by what they were; the last rate takes the
    spare cent, and the parts sum to what was asked.
    """
    if cents == whole.head.total_cents:
        return (
            tuple(replace(one, cents=-one.cents) for one in whole.lines),
            tuple(replace(one, net_cents=-one.net_cents, tax_cents=-one.tax_cents) for one in whole.taxes),
        )
    lines, left = [], cents
    for at, tax in enumerate(whole.taxes):
        rate_total = tax.net_cents + tax.tax_cents
        mine = left if at == len(whole.taxes) - 1 else cents * rate_total // whole.head.total_cents
        left -= mine
        lines.append(PriceLine(whole.head.number, f"{mine / 100:.2f}", -mine, tax.vat, gross=True))
    bill = taxed(lines, whole.issuer.tax_zone)
    rates = {one.vat: one.rate for one in whole.taxes}
    return (
        tuple(InvoiceLine(one.text, one.rule, one.cents, one.vat, rates[one.vat]) for one in bill.lines),
        tuple(TaxLine(one.vat, one.rate, one.net_cents, one.tax_cents) for one in bill.totals),
    )


def go_live(work: Work, site: SiteId) -> Issuer:
    """Leave the test mode of a site for good: from now on numbers, files and records are real ones."""
    issuer = _issuer(work, site)
    wanting = [name for name in ("legal_name", "tax_id", "prefix") if not getattr(issuer, name)]
    if wanting or not issuer.address.postcode:
        raise NotReady([*wanting, *([] if issuer.address.postcode else ["address"])])
    live = replace(issuer, id=work.new_id("iss"), live=True)
    store.add_issuer(work, live)
    audit.note(work, site, "billing_went_live", live.id)
    return live


def sign_office_locks(work: Work, site: SiteId, *, locks: bool) -> Issuer:
    """Sign that debts may limit offices and dedicated desks like everybody else, or take that back."""
    signed = replace(_issuer(work, site), id=work.new_id("iss"), locks_offices=locks)
    store.add_issuer(work, signed)
    audit.note(work, site, "office_locks_signed", signed.id, locks=str(locks).lower())
    follow_run(work, site)
    return signed


def lock_month(work: Work, site: SiteId, month: date) -> None:
    """Close a month: no document is dated in it any more."""
    payment_store.lock_month(work, site, month)
    audit.note(work, site, "month_locked", f"{month:%Y-%m}")


class NotReady(Unusable):
    """Something that every invoice must say is not known yet."""

    def __init__(self, wanting: Sequence[str]) -> None:
        super().__init__(f"Before going live, tell: {', '.join(wanting)}. Every invoice must carry it.")


def _issuer(work: Work, site: SiteId) -> Issuer:
    issuer = store.issuer_of(work, site)
    if issuer is None:
        raise Missing("issuer of invoices for the site", site)
    return issuer


def _kind(buyer: BillTo, total_cents: int) -> InvoiceKind:
    if buyer.tax_id_kind is not TaxIdKind.NONE:
        return InvoiceKind.INVOICE
    if total_cents > SIMPLIFIED_MOST_CENTS:
        raise TaxIdNeeded(buyer.name)
    return InvoiceKind.SIMPLIFIED
