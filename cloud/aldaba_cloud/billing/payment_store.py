"""The SQL of money that came or should come: payments, mandates, debits, reminders and what audits found."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Row,
    String,
    UniqueConstraint,
    false,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from aldaba_cloud.billing.models import DebitItem, Mandate, Payment
from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_shared.ids import SiteId

payments = scoped_table(
    "payments",
    Column("id", String(40), primary_key=True),
    Column("source", String(20), nullable=False),
    Column("external_id", String(140), nullable=False),
    Column("cents", Integer, nullable=False),
    Column("received_on", Date, nullable=False),
    Column("payer_name", String(200), nullable=False),
    Column("payer_iban", String(34), nullable=False),
    Column("text", String(400), nullable=False),
    Column("invoice_id", String(40), ForeignKey("invoices.id"), nullable=True, index=True),
    Column("returned_on", Date, nullable=True),
    UniqueConstraint("network_id", "source", "external_id"),
)

mandates = scoped_table(
    "mandates",
    Column("id", String(40), primary_key=True),
    Column("party_id", String(40), nullable=False, index=True),
    Column("reference", String(35), nullable=False),
    Column("iban", String(34), nullable=False),
    Column("signed_on", Date, nullable=False),
    Column("last_used_on", Date, nullable=True),
    Column("cancelled_on", Date, nullable=True),
    Column("hash", String(64), nullable=False),
    Column("one_off", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("network_id", "reference"),
)

debit_batches = scoped_table(
    "debit_batches",
    Column("id", String(40), primary_key=True),
    Column("collect_on", Date, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("count", Integer, nullable=False),
    Column("control_cents", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

debit_items = scoped_table(
    "debit_items",
    Column("batch_id", String(40), ForeignKey("debit_batches.id"), nullable=False),
    Column("invoice_id", String(40), ForeignKey("invoices.id"), nullable=False, index=True),
    Column("mandate_id", String(40), nullable=False),
    Column("cents", Integer, nullable=False),
    Column("end_to_end", String(35), nullable=False, index=True),
    Column("returned_on", Date, nullable=True),
    PrimaryKeyConstraint("batch_id", "invoice_id"),
)

reminder_steps = scoped_table(
    "reminder_steps",
    Column("invoice_id", String(40), ForeignKey("invoices.id"), nullable=False),
    Column("step", String(12), nullable=False),
    Column("done_on", Date, nullable=False),
    PrimaryKeyConstraint("invoice_id", "step"),
)

promises = scoped_table(
    "promises",
    Column("invoice_id", String(40), ForeignKey("invoices.id"), primary_key=True),
    Column("until", Date, nullable=False),
    Column("actor", String(80), nullable=False),
)

ledger_audits = scoped_table(
    "ledger_audits",
    Column("id", String(40), primary_key=True),
    Column("ran_at", UtcDateTime, nullable=False),
    Column("right", Boolean, nullable=False),
    Column("checks", JSON, nullable=False),
)

locked_months = scoped_table(
    "locked_months",
    Column("month", Date, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("locked_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("network_id", "site_id", "month"),
)


def add_payment(work: Work, one: Payment) -> bool:
    """Keep a payment; False if the same one is kept already."""
    made = postgres_insert if work.db.dialect.name == "postgresql" else sqlite_insert
    names = ("id", "source", "external_id", "cents", "received_on", "payer_name", "payer_iban", "text", "returned_on")
    row = {name: getattr(one, name) for name in names} | {"invoice_id": one.invoice} | work.stamp(one.site)
    fresh = made(payments).values(row).on_conflict_do_nothing()
    return work.db.execute(fresh.returning(payments.c.id)).first() is not None


def find_payment(work: Work, payment: str) -> Payment | None:
    """One payment, if the caller may see it."""
    row = work.db.execute(select(payments).where(payments.c.id == payment, work.visible(payments))).first()
    return _payment(row) if row else None


def known_payment(work: Work, source: str, external_id: str) -> bool:
    """Whether this very payment is kept already."""
    mine = (payments.c.source == source) & (payments.c.external_id == external_id)
    return work.db.execute(select(payments.c.id).where(mine, work.visible(payments))).first() is not None


def payment_named(work: Work, source: str, external_id: str) -> Payment | None:
    """One payment by what names it for good."""
    mine = (payments.c.source == source) & (payments.c.external_id == external_id)
    row = work.db.execute(select(payments).where(mine, work.visible(payments))).first()
    return _payment(row) if row else None


def took_back(work: Work, one: Payment, on: date) -> None:
    """Note that money nobody had used went back."""
    save_payment(work, replace(one, returned_on=on))


def payments_of(work: Work, invoice: str) -> list[Payment]:
    """What arrived for an invoice, oldest first."""
    mine = (payments.c.invoice_id == invoice) & work.visible(payments)
    found = select(payments).where(mine).order_by(payments.c.received_on, payments.c.id)
    return [_payment(row) for row in work.db.execute(found)]


def unmatched(work: Work) -> list[Payment]:
    """Money of which nobody knows yet what it is for, oldest first."""
    mine = payments.c.invoice_id.is_(None) & payments.c.returned_on.is_(None) & work.visible(payments)
    return [
        _payment(row)
        for row in work.db.execute(select(payments).where(mine).order_by(payments.c.received_on, payments.c.id))
    ]


def save_payment(work: Work, one: Payment) -> None:
    """Write what a payment is for, since when it is here and whether it went back."""
    mine = (payments.c.id == one.id) & work.writable(payments)
    values = {"invoice_id": one.invoice, "received_on": one.received_on, "returned_on": one.returned_on}
    work.db.execute(update(payments).where(mine).values(values))


def add_mandate(work: Work, one: Mandate) -> None:
    """Keep a signed mandate."""
    names = ("id", "reference", "iban", "signed_on", "last_used_on", "cancelled_on", "hash", "one_off")
    row = {name: getattr(one, name) for name in names} | {"party_id": one.party}
    work.db.execute(insert(mandates), row | work.stamp(one.site))


def mandates_by_party(work: Work, parties: Iterable[str] | None = None) -> dict[str, Mandate]:
    """The newest mandate of each party that was not cancelled."""
    found = select(mandates).where(mandates.c.cancelled_on.is_(None), work.visible(mandates))
    if parties is not None:
        found = found.where(mandates.c.party_id.in_(list(parties)))
    return {row.party_id: _mandate(row) for row in work.db.execute(found.order_by(mandates.c.signed_on))}


def add_batch(
    work: Work, site: SiteId, batch: str, collect_on: date, items: Sequence[DebitItem], *, digest: str
) -> None:
    """Keep a debit file that was made, with what is in it, and note the mandates as used."""
    stamp = work.stamp(site)
    control = sum(one.cents for one in items)
    head = {"id": batch, "collect_on": collect_on, "made_at": work.now, "count": len(items), "control_cents": control}
    work.db.execute(insert(debit_batches), head | {"hash": digest} | stamp)
    rows = [
        {
            "batch_id": batch,
            "invoice_id": one.invoice,
            "mandate_id": one.mandate,
            "cents": one.cents,
            "end_to_end": one.end_to_end,
        }
        | stamp
        for one in items
    ]
    work.db.execute(insert(debit_items), rows)
    used = mandates.c.id.in_(sorted({one.mandate for one in items})) & work.writable(mandates)
    work.db.execute(update(mandates).where(used).values(last_used_on=collect_on))


def invoice_debited_as(work: Work, end_to_end: str) -> str | None:
    """The invoice that was collected under a reference."""
    mine = (debit_items.c.end_to_end == end_to_end) & work.visible(debit_items)
    found: str | None = work.db.execute(select(debit_items.c.invoice_id).where(mine)).scalar()
    return found


def note_returned(work: Work, end_to_end: str, on: date) -> bool:
    """Note that a collection came back; False if that was known, so that the same file again changes nothing."""
    mine = (debit_items.c.end_to_end == end_to_end) & debit_items.c.returned_on.is_(None) & work.writable(debit_items)
    return work.db.execute(update(debit_items).where(mine).values(returned_on=on)).rowcount > 0


def steps_done(work: Work) -> dict[str, set[str]]:
    """The steps each invoice has been through."""
    done: dict[str, set[str]] = {}
    for row in work.db.execute(select(reminder_steps).where(work.visible(reminder_steps))):
        done.setdefault(row.invoice_id, set()).add(row.step)
    return done


def note_step(work: Work, site: SiteId, invoice: str, step: str, on: date) -> bool:
    """Note a step of an invoice; False if it was done before."""
    made = postgres_insert if work.db.dialect.name == "postgresql" else sqlite_insert
    row = {"invoice_id": invoice, "step": step, "done_on": on} | work.stamp(site)
    fresh = made(reminder_steps).values(row).on_conflict_do_nothing()
    return work.db.execute(fresh.returning(reminder_steps.c.step)).first() is not None


def save_promise(work: Work, site: SiteId, invoice: str, until: date) -> None:
    """Keep until when somebody promised to pay."""
    made = postgres_insert if work.db.dialect.name == "postgresql" else sqlite_insert
    row = {"invoice_id": invoice, "until": until, "actor": work.actor} | work.stamp(site)
    kept = made(promises).values(row)
    work.db.execute(
        kept.on_conflict_do_update(index_elements=["invoice_id"], set_={"until": until, "actor": work.actor})
    )


def promises_by_invoice(work: Work) -> dict[str, date]:
    """Until when payment of each invoice is promised."""
    found = select(promises.c.invoice_id, promises.c.until).where(work.visible(promises))
    return {row.invoice_id: row.until for row in work.db.execute(found)}


def add_audit(work: Work, site: SiteId, checks: Sequence[dict[str, object]], *, right: bool) -> None:
    """Keep what an audit found."""
    row = {"id": work.new_id("aud"), "ran_at": work.now, "right": right, "checks": list(checks)}
    work.db.execute(insert(ledger_audits), row | work.stamp(site))


def last_audit(work: Work) -> tuple[datetime, bool, list[dict[str, object]]] | None:
    """When the ledger was last audited, whether all was right, and each check."""
    found = select(ledger_audits).where(work.visible(ledger_audits)).order_by(ledger_audits.c.ran_at.desc()).limit(1)
    row = work.db.execute(found).first()
    return (row.ran_at, row.right, row.checks) if row else None


def lock_month(work: Work, site: SiteId, month: date) -> None:
    """Let nothing more be dated in a month."""
    made = postgres_insert if work.db.dialect.name == "postgresql" else sqlite_insert
    row = {"month": month.replace(day=1), "actor": work.actor, "locked_at": work.now} | work.stamp(site)
    work.db.execute(made(locked_months).values(row).on_conflict_do_nothing())


def locked_months_of(work: Work, site: SiteId) -> list[date]:
    """The months that are closed at a site, oldest first."""
    mine = (locked_months.c.site_id == site) & work.visible(locked_months)
    return list(work.db.execute(select(locked_months.c.month).where(mine).order_by(locked_months.c.month)).scalars())


def month_locked(work: Work, site: SiteId, day: date) -> bool:
    """Whether the month of a day is locked at a site."""
    mine = (locked_months.c.month == day.replace(day=1)) & (locked_months.c.site_id == site)
    return work.db.execute(select(locked_months.c.month).where(mine, work.visible(locked_months))).first() is not None


def paid_cents_by_invoice(work: Work) -> dict[str, int]:
    """What stayed of the payments for each invoice."""
    mine = payments.c.invoice_id.is_not(None) & payments.c.returned_on.is_(None) & work.visible(payments)
    found = select(payments.c.invoice_id, func.sum(payments.c.cents).label("cents")).where(mine)
    return {row.invoice_id: int(row.cents) for row in work.db.execute(found.group_by(payments.c.invoice_id))}


def _payment(row: Row[Any]) -> Payment:
    return Payment(
        id=row.id,
        site=SiteId(row.site_id),
        source=row.source,
        external_id=row.external_id,
        cents=row.cents,
        received_on=row.received_on,
        payer_name=row.payer_name,
        payer_iban=row.payer_iban,
        text=row.text,
        invoice=row.invoice_id,
        returned_on=row.returned_on,
    )


def _mandate(row: Row[Any]) -> Mandate:
    return Mandate(
        id=row.id,
        site=SiteId(row.site_id),
        party=row.party_id,
        reference=row.reference,
        iban=row.iban,
        signed_on=row.signed_on,
        hash=row.hash,
        last_used_on=row.last_used_on,
        cancelled_on=row.cancelled_on,
        one_off=row.one_off,
    )
