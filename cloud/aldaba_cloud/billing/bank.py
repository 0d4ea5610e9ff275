"""Taking a bank statement in: what is certain is matched, the rest waits for a person, nothing is taken twice."""

from dataclasses import dataclass

from aldaba_cloud.billing import payment_store, payments, store
from aldaba_cloud.billing.matching import Entry, invoice_for
from aldaba_cloud.billing.models import InvoiceState, Payment
from aldaba_cloud.billing.statements import entries
from aldaba_cloud.db import Work
from aldaba_shared.ids import SiteId


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a statement's entries."""

    matched: int
    unmatched: int
    returned: int
    known: int
    """Taken before, or money that left and is none of our debits."""


def take_statement(work: Work, site: SiteId, body: bytes) -> Taken:
    """Take every entry of a file of the bank (`statements`); the same file again changes nothing."""
    counts = {"matched": 0, "unmatched": 0, "returned": 0, "known": 0}
    for entry in entries(body):
        counts[_take(work, site, entry)] += 1
    return Taken(**counts)


def _take(work: Work, site: SiteId, entry: Entry) -> str:
    collected = payment_store.invoice_debited_as(work, entry.end_to_end) if entry.end_to_end else None
    if entry.returned and collected:
        head = store.find_invoice(work, collected, locked=True)
        fresh = payment_store.note_returned(work, entry.end_to_end, entry.booked_on)
        if head is None or not fresh or head.state not in {InvoiceState.COLLECTING, InvoiceState.PAID}:
            return "known"
        payments.returned(work, collected, entry.booked_on)
        return "returned"
    if entry.cents <= 0 or payment_store.known_payment(work, "bank", entry.external_id):
        return "known"
    owed = [one for one in store.open_invoices(work) if one.site == site]
    buyers = {one: told.name for one, told in store.buyers_of(work, [one.id for one in owed]).items()}
    invoice = collected if collected in buyers else invoice_for(entry, owed, buyers)
    name = work.new_id("pay")
    made = Payment(
        name,
        site,
        "bank",
        entry.external_id,
        entry.cents,
        entry.booked_on,
        entry.name,
        entry.iban,
        entry.text[:400],
        invoice,
    )
    payments.take_payment(work, made)
    return "matched" if invoice else "unmatched"
