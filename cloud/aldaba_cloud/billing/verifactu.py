"""VERI*FACTU: the record of each invoice, its fingerprint and its QR, as pure functions.

RD 1007/2023 and Orden HAC/1177/2024; the fingerprint is AEAT's "Detalle de las
especificaciones técnicas para generación de la huella" 0.1.2: SHA-256 in upper
hex over `name=value` joined by `&`, UTF-8, values trimmed at both ends only. Each
record carries the fingerprint of the one before, and the first an empty one.
There is one chain for each issuer and installation, registrations and
cancellations in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from aldaba_cloud.billing.models import InvoiceKind
from aldaba_cloud.money import amount

QR_ABOVE: Final = "QR tributario:"
QR_BELOW: Final = "VERI*FACTU"
VALIDATE_URL: Final = "https://www2.agenciatributaria.gob.es/wlpl/TIKE-CONT/ValidarQR"


class RecordKind(StrEnum):
    """What a record says of an invoice."""

    REGISTRATION = "alta"
    CANCELLATION = "anulacion"


DOCUMENT_TYPES: Final = {InvoiceKind.INVOICE: "F1", InvoiceKind.SIMPLIFIED: "F2", InvoiceKind.CREDIT_NOTE: "R1"}
"""List L2 of the specification: complete, simplified, corrective (art. 80.1, 80.2 and 80.6 LIVA)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `generated_at` is the very text that is hashed and sent: ISO 8601 with its offset."""

    kind: RecordKind
    issuer_nif: str
    number: str
    issued_on: date
    document_type: str
    tax_cents: int
    total_cents: int
    previous: str
    generated_at: str


def spanish_day(day: date) -> str:
    """A date as the agency writes it.

    >>> spanish_day(date(2024, 1, 2))
    '02-01-2024'
    """
    return f"{day.day:02}-{day.month:02}-{day.year:04}"


def hashed_text(record: Record) -> str:
    """The text over which a record's fingerprint is taken."""
    mark = "" if record.kind is RecordKind.REGISTRATION else "Anulada"
    fields = [
        (f"IDEmisorFactura{mark}", record.issuer_nif),
        (f"NumSerieFactura{mark}", record.number),
        (f"FechaExpedicionFactura{mark}", spanish_day(record.issued_on)),
    ]
    if record.kind is RecordKind.REGISTRATION:
        fields += [
            ("TipoFactura", record.document_type),
            ("CuotaTotal", amount(record.tax_cents)),
            ("ImporteTotal", amount(record.total_cents)),
        ]
    fields += [("Huella", record.previous), ("FechaHoraHusoGenRegistro", record.generated_at)]
    return "&".join(f"{name}={value.strip()}" for name, value in fields)


def fingerprint(record: Record) -> str:
    """A record's fingerprint."""
    return sha256(hashed_text(record).encode()).hexdigest().upper()


def broken_at(chain: Iterable[tuple[Record, str]]) -> int | None:
    """The position, from 1, of the first record that does not follow from the one before; None if all do."""
    previous = ""
    for position, (record, kept) in enumerate(chain, 1):
        if record.previous != previous or fingerprint(record) != kept:
            return position
        previous = kept
    return None


def qr_url(issuer_nif: str, number: str, issued_on: date, total_cents: int) -> str:
    """What the QR of an invoice says: the agency's address where anybody can look it up.

    >>> qr_url("89890001K", "12345678/G33", date(2024, 1, 1), 24140)[-69:]
    'nif=89890001K&numserie=12345678%2FG33&fecha=01-01-2024&importe=241.40'
    """
    asked = {"nif": issuer_nif, "numserie": number, "fecha": spanish_day(issued_on), "importe": amount(total_cents)}
    return f"{VALIDATE_URL}?{urlencode(asked)}"
