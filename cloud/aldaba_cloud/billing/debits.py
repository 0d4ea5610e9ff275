"""Collecting by direct debit: one file of what is due, each invoice in it once."""

from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from aldaba_cloud import audit
from aldaba_cloud.billing import payment_store, payments, store
from aldaba_cloud.billing.models import DebitItem, Invoice, InvoiceState
from aldaba_cloud.billing.sepa import NOTICE_DAYS, Debit, control_cents, debit_file, settlement_day, total, why_not
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.members.terms import PayBy
from aldaba_shared.ids import SiteId


class NotLive(Unusable):
    """No bank file is made in test mode."""

    def __init__(self) -> None:
        super().__init__("This site invoices in test mode, so no bank file is made. Go live first.")


class NothingToCollect(Unusable):
    """No invoice is due by direct debit, or none of them can be collected."""

    def __init__(self, problems: int) -> None:
        told = f" {problems} cannot be collected: see the list." if problems else ""
        super().__init__(f"No invoice is to be collected by direct debit on that day.{told}")


@dataclass(frozen=True, slots=True)
class Collection:
    """A file for the bank, and whom it leaves out and why."""

    batch: str
    collect_on: date
    xml: bytes
    items: tuple[DebitItem, ...]
    problems: tuple[tuple[str, str], ...]


def collect(work: Work, site: SiteId, wanted: date) -> Collection:
    """Make the file of a site's invoices that are due by direct debit, and note each as collected.

    Collected is what is due by the day on which TARGET settles. The invoice is the
    notice: terms that say when it is due agreed to that; without them it is
    collected fourteen days after its date.
    """
    issuer = store.issuer_of(work, site)
    if issuer is None:
        raise Missing("issuer of invoices for the site", site)
    if not issuer.live:
        raise NotLive
    day = settlement_day(wanted)
    batch = work.new_id("sdd")
    debits, problems = _debits(work, site, day, batch)
    if not debits:
        raise NothingToCollect(len(problems))
    xml = debit_file(issuer, debits, day)
    items = tuple(one.item for one in debits)
    if control_cents(xml) != total(items):
        raise SumsDiffer
    payment_store.add_batch(work, site, batch, day, items, digest=sha256(xml).hexdigest())
    payments.collect_many(work, [one.invoice for one in items])
    audit.note(work, site, "debits_collected", batch, count=str(len(items)), cents=str(total(items)))
    return Collection(batch, day, xml, items, tuple(problems))


class SumsDiffer(Unusable):
    """The file says another sum than its invoices: never send it."""

    def __init__(self) -> None:
        super().__init__("The file's control sum is not that of its invoices. Nothing was collected; tell us.")


def _debits(work: Work, site: SiteId, day: date, batch: str) -> tuple[list[Debit], list[tuple[str, str]]]:
    due = [one for one in store.open_invoices(work) if _is_due(one, site, day)]
    mandates, buyers = payment_store.mandates_by_party(work), store.buyers_of(work, [one.id for one in due])
    debits, problems = [], []
    for position, one in enumerate(due, 1):
        mandate = mandates.get(one.party)
        reason = why_not(mandate, buyers[one.id].address, day)
        if mandate is None or reason is not None:
            problems.append((one.number, reason or ""))
            continue
        item = DebitItem(one.id, mandate.id, one.open_cents, f"{batch}-{position:05}")
        debits.append(Debit(item, mandate, buyers[one.id], one.number))
    return debits, problems


def _is_due(one: Invoice, site: SiteId, day: date) -> bool:
    collectable = one.state in {InvoiceState.FINAL, InvoiceState.RETURNED} and one.open_cents > 0
    return one.site == site and one.pay_by is PayBy.DIRECT_DEBIT and collectable and announced_for(one) <= day


def announced_for(one: Invoice) -> date:
    """The first day on which an invoice may be collected."""
    return one.due_on if one.due_on > one.issued_on else one.issued_on + timedelta(days=NOTICE_DAYS)
