"""What the gestor asks for, as CSV with semicolons and decimal commas: pure functions from rows to text."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Final

from aldaba_cloud.billing.models import Posting, WholeInvoice
from aldaba_cloud.members.terms import Deposit

LIST_347_CENTS: Final = 3_005_06
"""Operations with one party in a year above this are declared in modelo 347 (RD 1065/2007 art. 33)."""


def issued_book(invoices: Iterable[WholeInvoice]) -> str:
    """The book of issued invoices (RD 1624/1992 art. 63): a row for each rate of each invoice."""
    rows = [
        (
            whole.head.number, whole.head.issued_on.isoformat(), whole.buyer.tax_id, whole.buyer.name,
            comma(tax.net_cents), comma(tax.rate), comma(tax.tax_cents), comma(tax.net_cents + tax.tax_cents),
            whole.corrects_number,
        )
        for whole in invoices
        for tax in whole.taxes
    ]  # fmt: skip
    return _csv(("numero", "fecha", "nif", "nombre", "base", "tipo", "cuota", "total", "rectifica"), rows)


def list_347(invoices: Iterable[WholeInvoice]) -> str:
    """Who has more than 3,005.06 a year, tax included, with the sums by quarter."""
    names: dict[str, str] = {}
    quarters: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for whole in invoices:
        if whole.buyer.tax_id:
            names[whole.buyer.tax_id] = whole.buyer.name
            quarters[whole.buyer.tax_id][(whole.head.issued_on.month - 1) // 3] += whole.head.total_cents
    rows = [
        (nif, names[nif], comma(sum(parts)), *map(comma, parts))
        for nif, parts in sorted(quarters.items())
        if abs(sum(parts)) > LIST_347_CENTS
    ]
    return _csv(("nif", "nombre", "total", "1T", "2T", "3T", "4T"), rows)


def journal(postings: Iterable[Posting]) -> str:
    """The journal with account codes: debits and credits in their own columns."""
    rows = [
        (
            one.entry,
            one.made_on.isoformat(),
            one.account,
            one.party,
            comma(max(one.cents, 0)),
            comma(max(-one.cents, 0)),
        )
        for one in postings
    ]
    return _csv(("asiento", "fecha", "cuenta", "tercero", "debe", "haber"), rows)


def deposits(held: Iterable[Deposit]) -> str:
    """Deposits, which carry no tax while they are only kept."""
    rows = [
        (one.id, one.contract, comma(one.cents), one.state.value, one.held_on or "", one.returned_on or "")
        for one in held
    ]
    return _csv(("fianza", "contrato", "importe", "estado", "recibida", "devuelta"), rows)


def comma(hundredths: int) -> str:
    """An amount or a rate with a decimal comma.

    >>> comma(-2100)
    '-21,00'
    """
    return f"{'-' if hundredths < 0 else ''}{abs(hundredths) // 100},{abs(hundredths) % 100:02}"


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table a spreadsheet opens; a cell that looks like a formula is told not to be one."""
    out = StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([[_plain(cell) for cell in row] for row in rows])
    return out.getvalue()


def _plain(cell: object) -> object:
    text = str(cell)
    return f"'{text}" if text[:1] in {"=", "+", "@"} or (text[:1] == "-" and not text[1:2].isdigit()) else cell
