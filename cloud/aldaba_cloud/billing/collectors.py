"""Collecting through Stripe and GoCardless: what is asked, and what follows from what they say.

An attempt is kept before it is asked, under the key it is asked with, so that a
crash in between asks for the same one again. What an invoice's money is follows
from all events of its attempts (`collection.story`), so their order, their
number and their delay do not matter.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from aldaba_cloud import audit
from aldaba_cloud.billing import collector_store, payment_store, payments, store
from aldaba_cloud.billing.collection import Collection, Provider, Said, Story, Told, story
from aldaba_cloud.billing.debits import NotLive
from aldaba_cloud.billing.models import Invoice, InvoiceState, Payment, local_day
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.places import store as places
from aldaba_shared.ids import SiteId


def prepare(work: Work, site: SiteId, provider: Provider, today: date) -> list[tuple[str, str]]:
    """Note an attempt for every invoice that is due through a collector; whose cannot be asked comes back with why."""
    issuer = store.issuer_of(work, site)
    if issuer is None:
        raise Missing("issuer of invoices for the site", site)
    if not issuer.live:
        raise NotLive
    known, left_out = collector_store.accounts(work, provider), []
    for one in store.open_invoices(work):
        if not _is_due(one, site, provider, today):
            continue
        if one.party not in known:
            left_out.append((one.number, f"They have no way of payment at {provider.value}. Ask them to sign one."))
            continue
        customer, method = known[one.party]
        name = work.new_id("col")
        wanted = Collection(name, provider, one.id, one.number, one.open_cents, customer, method)
        collector_store.add_collection(work, site, wanted)
        payments.collecting(work, one.id)
        audit.note(work, site, "collection_asked", name, invoice=one.id, provider=provider)
    return left_out


def note_asked(work: Work, wanted: Collection, reference: str) -> None:
    """Keep what the collector calls an attempt, and use what it may have said of it already."""
    collector_store.note_reference(work, wanted.id, reference)
    _follow(work, wanted.provider, reference)


def take(work: Work, provider: Provider, told: Sequence[Told]) -> int:
    """Take events in, each once however often, and let the invoices follow; says how many were new."""
    fresh = [one for one in told if collector_store.add_event(work, provider, one)]
    for reference in sorted({one.reference for one in fresh}):
        _follow(work, provider, reference)
    return len(fresh)


def _is_due(one: Invoice, site: SiteId, provider: Provider, today: date) -> bool:
    collectable = one.state in {InvoiceState.FINAL, InvoiceState.RETURNED} and one.open_cents > 0
    return one.site == site and one.pay_by.value == provider.value and collectable and one.due_on <= today


def _follow(work: Work, provider: Provider, reference: str) -> None:
    """Let an invoice follow from everything that is known of an attempt."""
    known = collector_store.collection_known_as(work, provider, reference)
    head = store.find_invoice(work, known.invoice, locked=True) if known else None
    if known is None or head is None:
        return
    zone = next(one.time_zone for one in places.list_sites(work) if one.id == head.site)
    told = story(collector_store.events_of(work, provider, [reference]))
    for position, spell in enumerate(told.spells, 1):
        name = reference if position == 1 else f"{reference}/{position}"
        _keep(work, known, name, local_day(spell.paid_at, zone))
        if spell.back_at is not None:
            _take_back(work, provider, name, local_day(spell.back_at, zone))
    _settle(work, known.invoice, zone)


def _keep(work: Work, known: Collection, name: str, on: date) -> None:
    """Money that arrived; what nothing is owed for any more waits for a person."""
    kept = payment_store.payment_named(work, known.provider, name)
    if kept is not None:
        # An event that comes late may tell that it was here earlier; the journal keeps the day we heard of it.
        payment_store.save_payment(work, replace(kept, received_on=on))
        return
    head = store.find_invoice(work, known.invoice, locked=True)
    owed = head is not None and head.open_cents >= known.cents
    if head is not None:
        made = work.new_id("pay")
        invoice = known.invoice if owed else None
        payments.take_payment(
            work,
            Payment(made, head.site, known.provider, name, known.cents, on, text=known.number, invoice=invoice),
        )


def _take_back(work: Work, provider: Provider, name: str, on: date) -> None:
    kept = payment_store.payment_named(work, provider, name)
    if kept is None or kept.returned_on is not None:
        return
    if kept.invoice is None:
        payment_store.took_back(work, kept, on)
    else:
        payments.returned(work, kept.invoice, on, [kept])


def _settle(work: Work, invoice: str, zone: str) -> None:
    """What is not paid is on its way if any attempt is, and came back if none is."""
    head = store.find_invoice(work, invoice, locked=True)
    if head is None or head.state is InvoiceState.PAID:
        return
    stories = [_story_of(work, one) for one in collector_store.collections_of(work, invoice)]
    coming = any(one.last is not Said.CAME_BACK for one in stories)
    backs = [one.back_at for one in stories if one.back_at is not None]
    if coming and head.state is InvoiceState.RETURNED:
        payments.collecting(work, invoice)
    elif not coming and backs and head.state is InvoiceState.COLLECTING:
        payments.returned(work, invoice, local_day(max(backs), zone), [])


def _story_of(work: Work, one: Collection) -> Story:
    return story(collector_store.events_of(work, one.provider, [one.reference])) if one.reference else Story()
