"""The nightly audit of the ledger: the same sums by different ways, and each must agree.

Lines = invoice = tax book = payments + what is open; every entry sums to
nothing; every series runs from 1 without a hole; the chain follows from record
to record. What an audit found is kept and shown.
"""

from collections import defaultdict
from datetime import timedelta
from typing import Final, NamedTuple

from aldaba_cloud.billing import chain_store, ledger_store, payment_store, store
from aldaba_cloud.billing.numbering import last_numbers
from aldaba_cloud.billing.verifactu import broken_at
from aldaba_cloud.db import ALL_SITES, Work

ONCE_A_NIGHT: Final = timedelta(hours=20)


class Check(NamedTuple):
    """One check of an audit."""

    name: str
    right: bool
    told: str


def audit_ledger(work: Work) -> list[Check]:
    """Check everything and keep what was found."""
    tax, owed = ledger_store.sum_of_invoices(work)
    uneven, unbalanced = ledger_store.uneven_invoices(work), ledger_store.unbalanced_entries(work)
    checks = [
        _check("invoices", not uneven, f"uneven: {', '.join(uneven[:5])}"),
        _check("entries", not unbalanced, f"do not sum to nothing: {', '.join(unbalanced[:5])}"),
        _sums("tax", -ledger_store.balance(work, ledger_store.TAX), tax),
        _sums("customers", ledger_store.balance(work, ledger_store.CUSTOMERS), owed),
        _payments(work),
        *_series(work),
        *_chains(work),
    ]
    right = all(one.right for one in checks)
    payment_store.add_audit(work, ALL_SITES, [one._asdict() for one in checks], right=right)
    return checks


def audit_by_night(work: Work) -> list[Check] | None:
    """Audit once in twenty hours, where there is anything to audit; whoever asks each hour gets one a night."""
    last = payment_store.last_audit(work)
    if not last_numbers(work) or (last and work.now - last[0] < ONCE_A_NIGHT):
        return None
    return audit_ledger(work)


def _check(name: str, right: bool, wrong: str) -> Check:  # noqa: FBT001 -- a fact of the check
    return Check(name, right, "right" if right else wrong)


def _sums(name: str, booked: int, documents: int) -> Check:
    told = f"the ledger says {booked / 100:.2f}, the documents say {documents / 100:.2f}"
    return _check(name, booked == documents, told)


def _payments(work: Work) -> Check:
    arrived = payment_store.paid_cents_by_invoice(work)
    wrong = [one for one, cents in store.paid_cents(work).items() if arrived.get(one, 0) != cents]
    return _check("payments", not wrong, f"not what arrived: {', '.join(wrong[:5])}")


def _series(work: Work) -> list[Check]:
    """The numbers of each series follow each other up to its last one; what came before us is not ours to check."""
    known: dict[str, list[int]] = defaultdict(list)
    for number in store.all_numbers(work):
        series, _, counted = number.rpartition("-")
        known[series].append(int(counted))
    found = []
    for series, last in last_numbers(work).items():
        mine = sorted(known.get(series, ()))
        whole = mine == list(range(last - len(mine) + 1, last + 1))
        found.append(_check(f"series {series}", whole, f"{len(mine)} documents, the last number is {last}"))
    return found


def _chains(work: Work) -> list[Check]:
    found = []
    for nif in chain_store.issuers_with_records(work):
        at = broken_at(chain_store.records(work, nif))
        found.append(_check(f"chain {nif}", at is None, f"record {at} does not follow from the one before"))
    return found
