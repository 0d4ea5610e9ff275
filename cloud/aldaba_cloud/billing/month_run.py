"""The month's run: every contract of a site to numbered invoices, at once and once.

Everything is read in a few queries, worked out in memory by `building` and
written by COPY (PostgreSQL) or one prepared statement a table (SQLite), in one
transaction with the numbers. What is billed is kept by contract, thing and day,
so that a second run of the same month makes nothing; the row of the series is
locked before anything is read, so that two runs follow each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from aldaba_cloud import audit
from aldaba_cloud.billing import ledger_store, run_store, store
from aldaba_cloud.billing.building import Billable, Charge, charges, pending_lines
from aldaba_cloud.billing.chain_store import Registrable, register
from aldaba_cloud.billing.models import (
    SIMPLIFIED_MOST_CENTS,
    InvoiceKind,
    InvoiceState,
    Issuer,
    numbered,
)
from aldaba_cloud.billing.numbering import take_numbers
from aldaba_cloud.billing.run_store import Account, Invoiced
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.pricing.models import PriceLine
from aldaba_cloud.pricing.prorate import month_of
from aldaba_cloud.pricing.tax import RateTotal, amounts
from aldaba_shared.ids import SiteId


@dataclass(slots=True)
class Proposed:
    """An invoice that a run would make."""

    account: Account
    contracts: list[Billable]
    charges: list[tuple[Billable, Charge]]
    lines: list[tuple[Billable, PriceLine]]
    nets: tuple[int, ...] = ()
    totals: tuple[RateTotal, ...] = ()
    net_cents: int = 0
    tax_cents: int = 0
    kind: InvoiceKind = InvoiceKind.INVOICE
    number: str = ""

    @property
    def total_cents(self) -> int:
        """What is to be paid."""
        return self.net_cents + self.tax_cents


@dataclass(frozen=True, slots=True)
class Problem:
    """A party that a run could not bill, and what to do."""

    party: str
    code: str
    told: str


@dataclass(slots=True)
class Run:
    """A run that was made, or would be: the numbers are there only if it was made."""

    site: SiteId
    month: date
    proposed: list[Proposed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    id: str = ""

    @property
    def total_cents(self) -> int:
        """What all invoices together come to, tax included."""
        return sum(one.total_cents for one in self.proposed)


def preview(work: Work, site: SiteId, month: date) -> Run:
    """What a run for a month would make; nothing is written."""
    run = Run(site, month.replace(day=1))
    issuer = _issuer(work, site)
    horizon = month_of(run.month, 1).last
    known = run_store.tax_ids(work)
    for account, contracts in run_store.billables(work, site, horizon).items():
        _propose(run, Proposed(account, contracts, *_owed(contracts, horizon)), issuer, known)
    return run


def invoice_month(work: Work, site: SiteId, month: date, today: date) -> Run:
    """Make the invoices of a month: numbered, taxed, in the books and, when live, in the chain."""
    issuer = _issuer(work, site)
    for kind in (InvoiceKind.INVOICE, InvoiceKind.SIMPLIFIED):
        take_numbers(work, site, issuer.series(kind, today.year), 0)
    run = preview(work, site, month)
    run.id = work.new_id("run")
    rows = _numbered(work, run, issuer, today)
    run.numbers = [one.number for one in rows]
    _write(work, run, rows)
    run_store.copy_buyers(work, run.id)
    ledger_store.post_run(work, run.id)
    if issuer.live:
        register(work, issuer, [_registrable(one) for one in rows])
    run_store.note_run(work, site, run.id, run.month, rows)
    audit.note(work, site, "month_invoiced", run.id, invoices=str(len(rows)), month=run.month.isoformat())
    return run


@dataclass(frozen=True, slots=True)
class Difference:
    """How what a party is billed differs from the month before; None where there was or is nothing."""

    party: str
    before_cents: int | None
    now_cents: int | None


def against_last_month(work: Work, run: Run) -> list[Difference]:
    """Who is billed otherwise than the month before, in the order of how much."""
    last = month_of(run.month - timedelta(days=1), 1)
    before = run_store.totals_by_party(work, run.site, last.first, last.last)
    now: dict[str, int] = {}
    for one in run.proposed:
        now[one.account.party] = now.get(one.account.party, 0) + one.total_cents
    return differences(before, now)


def differences(before: Mapping[str, int], now: Mapping[str, int]) -> list[Difference]:
    """Parties whose totals differ, the largest difference first."""
    found = [
        Difference(party, before.get(party), now.get(party))
        for party in before.keys() | now.keys()
        if before.get(party) != now.get(party)
    ]
    return sorted(found, key=lambda one: (-abs((one.now_cents or 0) - (one.before_cents or 0)), one.party))


def _issuer(work: Work, site: SiteId) -> Issuer:
    issuer = store.issuer_of(work, site)
    if issuer is None:
        raise Missing("issuer of invoices for the site", site)
    return issuer


def _owed(
    contracts: Sequence[Billable], horizon: date
) -> tuple[list[tuple[Billable, Charge]], list[tuple[Billable, PriceLine]]]:
    owed = [(one, charge) for one in contracts for charge in charges(one, horizon)]
    lines = [(one, line) for one, charge in owed for line in charge.lines]
    lines += [(one, line) for one in contracts for line in pending_lines(one)]
    return owed, lines


def _propose(run: Run, one: Proposed, issuer: Issuer, known: Mapping[str, bool]) -> None:
    """Take an invoice into the run, or say why it cannot be made."""
    one.nets, one.totals = amounts(tuple((line.cents, line.vat, line.gross) for _, line in one.lines), issuer.tax_zone)
    one.net_cents = sum(total.net_cents for total in one.totals)
    one.tax_cents = sum(total.tax_cents for total in one.totals)
    party = one.account.party
    if one.total_cents < 0:
        run.problems.append(Problem(party, "credit_left", "More is credited than owed; it waits for the next run."))
    elif not party:
        run.problems.append(Problem(party, "nobody_pays", "A contract has neither payer nor people. Name one."))
    elif known.get(party):
        run.proposed.append(one)
    elif one.total_cents <= SIMPLIFIED_MOST_CENTS:
        one.kind = InvoiceKind.SIMPLIFIED
        run.proposed.append(one)
    else:
        told = f"An invoice over {SIMPLIFIED_MOST_CENTS // 100} needs a tax number. Ask for it and run again."
        run.problems.append(Problem(party, "tax_id_needed", told))


def _numbered(work: Work, run: Run, issuer: Issuer, today: date) -> list[Invoiced]:
    """A row for each invoice of the run that has something to bill, with its number."""
    wanted = [one for one in run.proposed if one.lines]
    numbers: dict[InvoiceKind, Iterator[str]] = {}
    for kind in (InvoiceKind.INVOICE, InvoiceKind.SIMPLIFIED):
        series = issuer.series(kind, today.year)
        many = sum(one.kind is kind for one in wanted)
        numbers[kind] = iter([numbered(series, one) for one in take_numbers(work, run.site, series, many)])
    # Ids in the order of the rows: an index that grows at its end is written once, not shuffled.
    ids = (f"inv_{run.id}_{at:06}" for at in range(len(wanted)))
    for one in wanted:
        one.number = next(numbers[one.kind])
    return [_row(one, issuer, today, (next(ids), run.id)) for one in wanted]


def _registrable(one: Invoiced) -> Registrable:
    return Registrable(one.id, one.number, one.issued_on, InvoiceKind(one.kind), one.tax_cents, one.total_cents)


def _row(one: Proposed, issuer: Issuer, today: date, names: tuple[str, str]) -> Invoiced:
    only = one.contracts[0].contract if len(one.contracts) == 1 else None
    return Invoiced(
        id=names[0],
        kind=one.kind.value,
        state=InvoiceState.FINAL.value if one.total_cents else InvoiceState.PAID.value,
        issuer_id=issuer.id,
        party_id=one.account.party,
        contract_id=only,
        number=one.number,
        issued_on=today,
        due_on=today + timedelta(days=one.account.days),
        net_cents=one.net_cents,
        tax_cents=one.tax_cents,
        total_cents=one.total_cents,
        paid_cents=0,
        pay_by=one.account.pay_by,
        po_number=one.account.po_number,
        corrects_id=None,
        reason="",
        returned_on=None,
        live=issuer.live,
        run_id=names[1],
    )


def _write(work: Work, run: Run, rows: Sequence[Invoiced]) -> None:
    """Write lines, tax and what is charged now; a period in which nothing is owed is charged without an invoice."""
    ids = iter(rows)
    made = [(next(ids).id if one.lines else None, one) for one in run.proposed]
    run_store.write_run(
        work,
        run.site,
        rows,
        (line for invoice, one in made if invoice for line in _line_rows(invoice, one)),
        (
            (invoice, total.vat.value, total.rate, total.net_cents, total.tax_cents)
            for invoice, one in made
            if invoice
            for total in one.totals
        ),
        charged=(
            (billed.contract, charge.item, charge.days.first, charge.days.last, invoice)
            for invoice, one in made
            for billed, charge in one.charges
        ),
    )
    taken = (
        (event.key, invoice) for invoice, one in made if invoice for known in one.contracts for event in known.pending
    )
    run_store.take_pending(work, dict(taken))


def _line_rows(invoice: str, one: Proposed) -> Iterator[tuple[str | int | None, ...]]:
    rates = {total.vat: total.rate for total in one.totals}
    for position, ((billed, line), cents) in enumerate(zip(one.lines, one.nets, strict=True), 1):
        yield (
            invoice,
            position,
            line.text[:400],
            line.rule,
            cents,
            line.vat.value,
            rates[line.vat],
            line.account,
            line.cost_centre,
            billed.contract,
        )
