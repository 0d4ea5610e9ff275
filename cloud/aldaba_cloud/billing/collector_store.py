"""The SQL of collectors: how parties pay through them, what was asked of them, and what they said."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Row,
    Select,
    String,
    UniqueConstraint,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from aldaba_cloud.billing.collection import Collection, Provider, Said, Told
from aldaba_cloud.billing.store import invoices
from aldaba_cloud.db import ALL_SITES, UtcDateTime, Work, scoped_table
from aldaba_shared.ids import SiteId

collector_accounts = scoped_table(
    "collector_accounts",
    Column("party_id", String(40), nullable=False),
    Column("provider", String(16), nullable=False),
    Column("customer", String(80), nullable=False),
    Column("method", String(80), nullable=False),
    PrimaryKeyConstraint("network_id", "party_id", "provider"),
)

collections = scoped_table(
    "collections",
    Column("id", String(40), primary_key=True),
    Column("provider", String(16), nullable=False),
    Column("invoice_id", String(40), ForeignKey("invoices.id"), nullable=False, index=True),
    Column("cents", Integer, nullable=False),
    Column("customer", String(80), nullable=False),
    Column("method", String(80), nullable=False),
    Column("reference", String(80), nullable=True),
    Column("asked_at", UtcDateTime, nullable=False),
    UniqueConstraint("network_id", "provider", "reference"),
)

collector_events = scoped_table(
    "collector_events",
    Column("provider", String(16), nullable=False),
    Column("event_id", String(80), nullable=False),
    Column("reference", String(80), nullable=False, index=True),
    Column("said", String(12), nullable=False),
    Column("happened_at", UtcDateTime, nullable=False),
    Column("text", String(200), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("network_id", "provider", "event_id"),
)


def save_account(work: Work, site: SiteId, party: str, provider: Provider, how: tuple[str, str]) -> None:
    """Keep how a party pays through a collector: its customer, and its mandate or way of payment there."""
    made = postgres_insert if work.db.dialect.name == "postgresql" else sqlite_insert
    values = {"customer": how[0], "method": how[1]}
    kept = made(collector_accounts).values({"party_id": party, "provider": provider} | values | work.stamp(site))
    keys = ["network_id", "party_id", "provider"]
    work.db.execute(kept.on_conflict_do_update(index_elements=keys, set_=values))


def accounts(work: Work, provider: Provider) -> dict[str, tuple[str, str]]:
    """Customer and way of payment by party."""
    table = collector_accounts
    found = select(table).where(table.c.provider == provider, work.visible(table))
    return {row.party_id: (row.customer, row.method) for row in work.db.execute(found)}


def add_collection(work: Work, site: SiteId, one: Collection) -> None:
    """Keep what will be asked, before it is asked."""
    names = ("id", "provider", "cents", "customer", "method", "reference")
    row = {name: getattr(one, name) for name in names} | {"invoice_id": one.invoice, "asked_at": work.now}
    work.db.execute(insert(collections), row | work.stamp(site))


def unasked(work: Work, provider: Provider) -> list[Collection]:
    """What has no reference yet: it was never asked, or we never heard the answer."""
    mine = (collections.c.provider == provider) & collections.c.reference.is_(None)
    return [_collection(row) for row in work.db.execute(_joined(work).where(mine).order_by(collections.c.id))]


def note_reference(work: Work, one: str, reference: str) -> None:
    """Keep the collector's name for a collection."""
    mine = (collections.c.id == one) & work.writable(collections)
    work.db.execute(update(collections).where(mine).values(reference=reference))


def collection_known_as(work: Work, provider: Provider, reference: str) -> Collection | None:
    """The collection of a reference, held until the transaction ends."""
    mine = (collections.c.provider == provider) & (collections.c.reference == reference)
    row = work.db.execute(_joined(work).where(mine).with_for_update(of=collections)).first()
    return _collection(row) if row else None


def collections_of(work: Work, invoice: str) -> list[Collection]:
    """Every attempt to collect an invoice."""
    mine = collections.c.invoice_id == invoice
    return [_collection(row) for row in work.db.execute(_joined(work).where(mine).order_by(collections.c.id))]


def add_event(work: Work, provider: Provider, one: Told) -> bool:
    """Keep an event; False if it is known."""
    made = postgres_insert if work.db.dialect.name == "postgresql" else sqlite_insert
    row = {
        "provider": provider,
        "event_id": one.id,
        "reference": one.reference,
        "said": one.said,
        "happened_at": one.at,
        "text": one.text[:200],
        "received_at": work.now,
    }
    fresh = made(collector_events).values(row | work.stamp(ALL_SITES)).on_conflict_do_nothing()
    return work.db.execute(fresh.returning(collector_events.c.event_id)).first() is not None


def events_of(work: Work, provider: Provider, references: Sequence[str]) -> list[Told]:
    """Everything a collector said of some collections."""
    table = collector_events
    mine = (table.c.provider == provider) & table.c.reference.in_(references) & work.visible(table)
    return [
        Told(row.event_id, row.reference, Said(row.said), row.happened_at, row.text)
        for row in work.db.execute(select(table).where(mine))
    ]


def _joined(work: Work) -> Select[Any]:
    joined = collections.join(invoices, invoices.c.id == collections.c.invoice_id)
    return select(collections, invoices.c.number).select_from(joined).where(work.visible(collections))


def _collection(row: Row[Any]) -> Collection:
    return Collection(
        row.id, Provider(row.provider), row.invoice_id, row.number, row.cents, row.customer, row.method, row.reference
    )
