"""Invoices without a database: their states, their series, who issues them.

A draft has no number. Finalising gives it the next number of its series and
from then on it never changes (RD 1619/2012 art. 6): what was wrong is taken
back by a credit note of a series of its own that cites it and never exceeds it.
What happens to the money moves only its state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_cloud.db import ALL_SITES
from aldaba_cloud.errors import Unusable
from aldaba_cloud.members.terms import Address, BillTo, PayBy
from aldaba_cloud.money import TaxZone, VatKind
from aldaba_shared.ids import ContractId, SiteId

SIMPLIFIED_MOST_CENTS: Final = 400_00
"""The dearest simplified invoice, tax included (RD 1619/2012 art. 4.1)."""


class InvoiceKind(StrEnum):
    """What sort of document it is; each has a series of its own."""

    INVOICE = "invoice"
    SIMPLIFIED = "simplified"
    CREDIT_NOTE = "credit_note"


class InvoiceState(StrEnum):
    """Where an invoice is. Credit notes are final and stay so."""

    DRAFT = "draft"
    FINAL = "final"
    COLLECTING = "collecting"
    PAID = "paid"
    RETURNED = "returned"


class MoneyNews(StrEnum):
    """What can become known of an invoice."""

    FINALISE = "finalise"
    COLLECT = "collect"
    PAY = "pay"
    RETURN = "return"


INVOICE_STATES: Final[Mapping[tuple[InvoiceState, MoneyNews], InvoiceState]] = MappingProxyType(
    {
        (InvoiceState.DRAFT, MoneyNews.FINALISE): InvoiceState.FINAL,
        (InvoiceState.FINAL, MoneyNews.COLLECT): InvoiceState.COLLECTING,
        (InvoiceState.FINAL, MoneyNews.PAY): InvoiceState.PAID,
        (InvoiceState.COLLECTING, MoneyNews.PAY): InvoiceState.PAID,
        (InvoiceState.COLLECTING, MoneyNews.RETURN): InvoiceState.RETURNED,
        (InvoiceState.PAID, MoneyNews.RETURN): InvoiceState.RETURNED,
        (InvoiceState.RETURNED, MoneyNews.COLLECT): InvoiceState.COLLECTING,
        (InvoiceState.RETURNED, MoneyNews.PAY): InvoiceState.PAID,
    }
)
"""A debit may fail after it was paid: a late return reopens the invoice."""

SETTLED_OR_COMING: Final = frozenset({InvoiceState.PAID, InvoiceState.COLLECTING})
"""What is on its way counts as good standing until it comes back."""


class CannotHappen(Unusable):
    """An invoice is not where this could happen to it."""

    def __init__(self, number: str, state: InvoiceState, news: MoneyNews) -> None:
        known = ", ".join(can for at, can in INVOICE_STATES if at is state) or "nothing any more"
        told = f"The invoice {number or 'draft'} is {state.value!r} and cannot {news.value!r}. It can: {known}."
        super().__init__(told)


def after(number: str, state: InvoiceState, news: MoneyNews) -> InvoiceState:
    """The state of an invoice once something is known, or `CannotHappen`."""
    if (state, news) not in INVOICE_STATES:
        raise CannotHappen(number, state, news)
    return INVOICE_STATES[state, news]


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who invoices at a site, in which tax zone and series; `live` is off until somebody goes live.

    In test mode series begin with TEST, no bank file is made and no record joins
    the tax office's chain. A changed issuer is a new row, so that old invoices
    keep the name they were issued under.
    """

    id: str
    site: SiteId
    legal_name: str
    tax_id: str
    address: Address
    prefix: str
    tax_zone: TaxZone = TaxZone.IVA
    mail: str = ""
    iban: str = ""
    creditor_id: str = ""
    live: bool = False
    locks_offices: bool = False
    """An admin signed that offices and dedicated desks may be limited like everybody else."""

    def series(self, kind: InvoiceKind, year: int) -> str:
        """The series of a kind of document in a local year."""
        mark = {InvoiceKind.INVOICE: "", InvoiceKind.SIMPLIFIED: "S", InvoiceKind.CREDIT_NOTE: "R"}[kind]
        return f"{'' if self.live else 'TEST-'}{self.prefix}{mark}-{year}"


def numbered(series: str, number: int) -> str:
    """A number as it is printed.

    >>> numbered("BCN-2026", 42)
    'BCN-2026-000042'
    """
    return f"{series}-{number:06}"


def local_day(moment: datetime, time_zone: str) -> date:
    """The date an invoice carries: the site's, so that a series has the site's year."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """A line of an invoice; `cents` is net. `rule` names why it is this much."""

    text: str
    rule: str
    cents: int
    vat: VatKind
    rate: int
    account: str = "705"
    cost_centre: str = ""
    contract: ContractId | None = None


@dataclass(frozen=True, slots=True)
class TaxLine:
    """Tax of an invoice by rate."""

    vat: VatKind
    rate: int
    net_cents: int
    tax_cents: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice, a simplified one or a credit note. `paid_cents` is what arrived for it.

    `returned_on` is when a debit came back: the debt is known from then.
    """

    id: str
    kind: InvoiceKind
    state: InvoiceState
    site: SiteId
    issuer: str
    party: str
    number: str
    issued_on: date
    due_on: date
    net_cents: int
    tax_cents: int
    total_cents: int
    pay_by: PayBy = PayBy.TRANSFER
    paid_cents: int = 0
    contract: ContractId | None = None
    corrects: str | None = None
    reason: str = ""
    po_number: str = ""
    returned_on: date | None = None
    live: bool = False

    @property
    def open_cents(self) -> int:
        """What is still owed."""
        return self.total_cents - self.paid_cents

    @property
    def debt_known_on(self) -> date:
        """The day from which it is owed and late: its due date, or its return if later."""
        return max(self.due_on, self.returned_on or self.due_on)


@dataclass(frozen=True, slots=True)
class WholeInvoice:
    """An invoice with all that is printed on it."""

    head: Invoice
    issuer: Issuer
    buyer: BillTo
    lines: tuple[InvoiceLine, ...]
    taxes: tuple[TaxLine, ...]
    corrects_number: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """Something to be on the next invoice of a contract: a booking, a coffee, a credit of an upgrade.

    `key` names it: what is sent again under the same key is the same thing.
    """

    key: str
    contract: ContractId
    text: str
    rule: str
    cents: int
    happened_on: date
    vat: VatKind = VatKind.STANDARD
    account: str = "705"
    gross: bool = False
    cost_centre: str = ""
    site: SiteId = ALL_SITES


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that arrived: `source` and `external_id` name it, so that it is kept once however often it is told."""

    id: str
    site: SiteId
    source: str
    external_id: str
    cents: int
    received_on: date
    payer_name: str = ""
    payer_iban: str = ""
    text: str = ""
    invoice: str | None = None
    returned_on: date | None = None


@dataclass(frozen=True, slots=True)
class Mandate:
    """A payer's word that we may debit; unused for 36 months it is dead."""

    id: str
    site: SiteId
    party: str
    reference: str
    iban: str
    signed_on: date
    hash: str = ""
    last_used_on: date | None = None
    cancelled_on: date | None = None
    one_off: bool = False
    """Signed for one collection only (OOFF); once used it is no mandate any more."""


@dataclass(frozen=True, slots=True)
class DebitItem:
    """An invoice in a debit file."""

    invoice: str
    mandate: str
    cents: int
    end_to_end: str


@dataclass(frozen=True, slots=True)
class Posting:
    """One side of an entry."""

    entry: str
    account: str
    made_on: date
    party: str
    cents: int
