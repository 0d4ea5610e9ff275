"""Taking over from the product used before: what it billed stays billed, and its series go on.

A row says of a contract through which day it was billed (its plan and every
extra it has), or of a series which number was its last one.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from io import StringIO
from typing import NamedTuple

from aldaba_cloud import audit
from aldaba_cloud.billing import store
from aldaba_cloud.billing.building import PLAN
from aldaba_cloud.billing.numbering import continue_series, last_numbers
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Unusable
from aldaba_cloud.members import store as members
from aldaba_cloud.members import terms_store
from aldaba_shared.ids import ContractId, SiteId

COLUMNS = ("kind", "name", "value")


class Row(NamedTuple):
    """A row of the file, as it was told."""

    line: int
    kind: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What a row did: `taken`, `known`, or what is wrong with it."""

    line: int
    name: str
    result: str
    wrong: bool = False


class ColumnsMissing(Unusable):
    """A file is no table of these rows."""

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__(f"The file needs the columns {', '.join(COLUMNS)}; it has: {', '.join(found) or 'none'}.")


class RowWrong(Unusable):
    """One row makes no sense."""


def read_rows(text: str) -> list[Row]:
    """The rows of a CSV with commas or semicolons, by their line in the file."""
    head = text.partition("\n")[0]
    reader = csv.DictReader(StringIO(text), delimiter=";" if ";" in head else ",")
    found = reader.fieldnames or []
    if not set(COLUMNS) <= set(found):
        raise ColumnsMissing(found)
    return [Row(reader.line_num, *((one[name] or "").strip() for name in COLUMNS)) for one in reader]


def take_rows(work: Work, site: SiteId, rows: Sequence[Row]) -> list[Taken]:
    """Take every row, and say of each what became of it; whoever calls keeps all of them or none."""
    return [_taken(work, site, one) for one in rows]


def _taken(work: Work, site: SiteId, row: Row) -> Taken:
    try:
        if row.kind == "contract":
            fresh = _billed_before(work, site, ContractId(row.name), row.value)
        elif row.kind == "series":
            fresh = _numbered_before(work, site, row.name, row.value)
        else:
            raise RowWrong(f"There is no kind {row.kind!r}. Say contract or series.")
    except Unusable as error:
        return Taken(row.line, row.name, str(error), wrong=True)
    return Taken(row.line, row.name, "taken" if fresh else "known")


def _billed_before(work: Work, site: SiteId, name: ContractId, value: str) -> bool:
    contract = members.find_contract(work, name)
    if contract is None or contract.site != site:
        raise RowWrong(f"There is no contract {str(name)!r} at this site. Import the contracts first.")
    try:
        last = date.fromisoformat(value)
    except ValueError:
        raise RowWrong(f"{value!r} is no day; say it such as 2026-11-30.") from None
    if last < contract.starts_on:
        raise RowWrong(
            f"The contract begins on {contract.starts_on}, after {last}. Nothing of it was billed: leave it out."
        )
    billed = store.billed_through(work, name)
    if billed is not None:
        if billed < last:
            raise RowWrong(f"It is billed through {billed} here already, and {last} is later. Look at its invoices.")
        return False
    items = [PLAN, *(one.id for one in terms_store.extras_of(work, name))]
    store.note_charged(work, site, [(name, item, contract.starts_on, last, None) for item in items])
    audit.note(work, site, "billed_before_us", name, through=last.isoformat())
    return True


def _numbered_before(work: Work, site: SiteId, series: str, value: str) -> bool:
    if not value.isdigit():
        raise RowWrong(f"{value!r} is no number. Say the last one of the series, without what stands before it.")
    if not series:
        raise RowWrong("Say which series, such as BCN-2026.")
    if last_numbers(work).get(series) == int(value):
        return False
    continue_series(work, site, series, int(value))
    audit.note(work, site, "series_continued", series, after=value)
    return True
