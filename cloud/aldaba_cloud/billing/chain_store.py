"""The SQL of the VERI*FACTU chain: one locked row per issuer, and the records in their order."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Column, Date, Integer, PrimaryKeyConstraint, Row, String, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from aldaba_cloud.billing.models import InvoiceKind, Issuer
from aldaba_cloud.billing.verifactu import DOCUMENT_TYPES, Record, RecordKind, fingerprint
from aldaba_cloud.db import UtcDateTime, Work, bulk_insert, scoped_table

verifactu_chains = scoped_table(
    "verifactu_chains",
    Column("issuer_nif", String(40), nullable=False),
    Column("position", Integer, nullable=False),
    Column("last_hash", String(64), nullable=False),
    PrimaryKeyConstraint("network_id", "issuer_nif"),
)

verifactu_records = scoped_table(
    "verifactu_records",
    Column("issuer_nif", String(40), nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("invoice_id", String(40), nullable=False, index=True),
    Column("number", String(60), nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("document_type", String(2), nullable=False),
    Column("tax_cents", Integer, nullable=False),
    Column("total_cents", Integer, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("generated_at", String(40), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime, nullable=True),
    PrimaryKeyConstraint("network_id", "issuer_nif", "position"),
)

COLUMNS = (
    "issuer_nif", "position", "kind", "invoice_id", "number", "issued_on", "document_type", "tax_cents", "total_cents",
    "previous", "hash", "generated_at", "made_at", "sent_at",
)  # fmt: skip


class Registrable(NamedTuple):
    """What the chain keeps of an invoice."""

    id: str
    number: str
    issued_on: date
    kind: InvoiceKind
    tax_cents: int
    total_cents: int


def register(
    work: Work, issuer: Issuer, wanted: Sequence[Registrable], kind: RecordKind = RecordKind.REGISTRATION
) -> None:
    """Append a record for each invoice, in their order, in the caller's transaction."""
    if not wanted:
        return
    position, previous = _locked(work, issuer)
    generated_at = work.now.isoformat(timespec="seconds")
    rows = []
    for one in wanted:
        position += 1
        made = Record(
            kind,
            issuer.tax_id,
            one.number,
            one.issued_on,
            DOCUMENT_TYPES[one.kind],
            one.tax_cents,
            one.total_cents,
            previous,
            generated_at,
        )
        previous = fingerprint(made)
        rows.append((*_cells(made, position, one.id), previous, generated_at, work.now, None))
    stamp = tuple(work.stamp(issuer.site).values())
    bulk_insert(work, verifactu_records, COLUMNS, ((*stamp, *row) for row in rows))
    work.db.execute(update(verifactu_chains).where(_mine(work, issuer)).values(position=position, last_hash=previous))


def records(work: Work, issuer_nif: str, after: int = 0, limit: int | None = None) -> list[tuple[Record, str]]:
    """Records of an issuer in their order, each with its kept fingerprint."""
    table = verifactu_records
    found = select(table).where(table.c.issuer_nif == issuer_nif, table.c.position > after, work.visible(table))
    return [(_record(row), row.hash) for row in work.db.execute(found.order_by(table.c.position).limit(limit))]


def issuers_with_records(work: Work) -> list[str]:
    """The tax numbers that have a chain."""
    found = select(verifactu_chains.c.issuer_nif).where(work.visible(verifactu_chains))
    return list(work.db.execute(found.order_by(verifactu_chains.c.issuer_nif)).scalars())


def unsent(work: Work) -> tuple[int, Any]:
    """How many records wait to be sent, and since when."""
    table = verifactu_records
    waiting = select(func.count(), func.min(table.c.made_at)).where(table.c.sent_at.is_(None), work.visible(table))
    many, since = work.db.execute(waiting).one()
    return int(many), since


def _cells(made: Record, position: int, invoice: str) -> tuple[Any, ...]:
    return (
        made.issuer_nif,
        position,
        made.kind.value,
        invoice,
        made.number,
        made.issued_on,
        made.document_type,
        made.tax_cents,
        made.total_cents,
        made.previous,
    )


def _locked(work: Work, issuer: Issuer) -> tuple[int, str]:
    """The end of the chain, held until the transaction ends."""
    insert = postgres_insert if work.db.dialect.name == "postgresql" else sqlite_insert
    begun = {"issuer_nif": issuer.tax_id, "position": 0, "last_hash": ""} | work.stamp(issuer.site)
    work.db.execute(insert(verifactu_chains).values(begun).on_conflict_do_nothing())
    held = update(verifactu_chains).where(_mine(work, issuer)).values(position=verifactu_chains.c.position)
    row = work.db.execute(held.returning(verifactu_chains.c.position, verifactu_chains.c.last_hash)).one()
    return row.position, row.last_hash


def _mine(work: Work, issuer: Issuer) -> Any:  # noqa: ANN401 -- SQLAlchemy's own condition
    table = verifactu_chains
    return (table.c.network_id == work.scope.network) & (table.c.issuer_nif == issuer.tax_id)


def _record(row: Row[Any]) -> Record:
    return Record(
        RecordKind(row.kind),
        row.issuer_nif,
        row.number,
        row.issued_on,
        row.document_type,
        row.tax_cents,
        row.total_cents,
        row.previous,
        row.generated_at,
    )
