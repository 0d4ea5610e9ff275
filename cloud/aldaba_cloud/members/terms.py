"""What a contract is about: who is billed, what was sold at which price, extras, pauses and deposits.

A plan is sold in versions. Saving a plan anew makes a version, and contracts
keep theirs until somebody moves them, so a spell tells from which local day a
contract is under which version. Prices are net of tax unless the version says
gross; the tax itself follows the site (`aldaba_cloud.money`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import NewType

from aldaba_cloud.db import ALL_SITES
from aldaba_cloud.money import VatKind
from aldaba_shared.ids import ContractId, SiteId

CompanyId = NewType("CompanyId", str)


class TaxIdKind(StrEnum):
    """What sort of number names somebody to a tax office; `none` can have simplified invoices only."""

    NONE = "none"
    NIF = "nif"
    NIE = "nie"
    CIF = "cif"
    EU_VAT = "eu_vat"
    PASSPORT = "passport"


class Period(StrEnum):
    """How often a price is owed. `once` is owed at the start and never again, as for a day pass or a pack."""

    MONTH = "month"
    YEAR = "year"
    ONCE = "once"


class PayBy(StrEnum):
    """How a payer pays."""

    TRANSFER = "transfer"
    CASH = "cash"
    CARD_TERMINAL = "card_terminal"
    DIRECT_DEBIT = "direct_debit"
    STRIPE = "stripe"
    GOCARDLESS = "gocardless"


class QuotaKind(StrEnum):
    """What a plan may include so much of in a calendar month, or in a week."""

    ROOM_MINUTES_MONTH = "room_minutes_month"
    ROOM_MINUTES_WEEK = "room_minutes_week"
    DAYS_MONTH = "days_month"
    GUESTS_MONTH = "guests_month"
    PRINTS_MONTH = "prints_month"


class ExtraKind(StrEnum):
    """What is sold beside a plan."""

    LOCKER = "locker"
    PARKING = "parking"
    TAX_ADDRESS = "tax_address"
    PRINT = "print"
    COFFEE = "coffee"
    CATERING = "catering"
    OTHER = "other"


class DepositState(StrEnum):
    """Where a deposit is: it carries no tax while it is only kept."""

    ASKED = "asked"
    HELD = "held"
    RETURNED = "returned"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address in parts, as EN 16931 and SEPA want it; `country` is ISO 3166 alpha-2."""

    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = "ES"


@dataclass(frozen=True, slots=True)
class BillTo:
    """Whom an invoice names: `party` is the id of a holder or a company, everything else is as they told it."""

    party: str
    name: str
    tax_id_kind: TaxIdKind = TaxIdKind.NONE
    tax_id: str = ""
    address: Address = Address()
    mail: str = ""
    locale: str = "es"
    site: SiteId = ALL_SITES


@dataclass(frozen=True, slots=True)
class Company:
    """An organisation whose people use the space; what its invoices say stands in its `BillTo`."""

    id: CompanyId
    name: str
    sector: str = ""
    site: SiteId = ALL_SITES


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """A plan as it was sold from some day on; never changed once a contract stands on it.

    `levels` names access levels it brings beside those linked to the plan.
    `quotas` are minutes, days or pieces by kind.
    """

    id: str
    plan: str
    number: int
    price_cents: int
    period: Period = Period.MONTH
    gross: bool = False
    vat: VatKind = VatKind.STANDARD
    account: str = "705"
    valid_from: date = date(2000, 1, 1)
    levels: tuple[str, ...] = ()
    quotas: Mapping[QuotaKind, int] = field(default_factory=lambda: MappingProxyType({}))
    site: SiteId = ALL_SITES


@dataclass(frozen=True, slots=True)
class PaymentTerms:
    """When and how a contract's invoices are to be paid; due so many days after their date."""

    pay_by: PayBy = PayBy.TRANSFER
    days: int = 0
    notice_days: int = 30
    """How long before its last day a contract must be ended."""
    commitment_until: date | None = None
    anchor_day: int = 1
    """The day of the month on which a period begins; 31 clamps to the last day of short months."""
    po_number: str = ""
    cost_centre: str = ""


@dataclass(frozen=True, slots=True)
class Spell:
    """From this local day a contract is under this version of a plan."""

    contract: ContractId
    version: str
    from_on: date


@dataclass(frozen=True, slots=True)
class Pause:
    """Inclusive local days on which a contract bills nothing and its doors stay shut; `last` None is open."""

    contract: ContractId
    first: date
    last: date | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Discount:
    """What comes off a contract's plan: a rate in hundredths of a percent, then an amount, on inclusive days."""

    contract: ContractId
    reason: str
    rate: int = 0
    amount_cents: int = 0
    from_on: date = date(2000, 1, 1)
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Extra:
    """Something a contract has beside its plan, each month, on inclusive days; `what` is such as `locker 12`."""

    id: str
    contract: ContractId
    kind: ExtraKind
    what: str
    price_cents: int
    starts_on: date
    ends_on: date | None = None
    vat: VatKind = VatKind.STANDARD
    account: str = "705"
    site: SiteId = ALL_SITES


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money that a contract leaves with the space and gets back."""

    id: str
    contract: ContractId
    cents: int
    state: DepositState
    held_on: date | None = None
    returned_on: date | None = None
    site: SiteId = ALL_SITES
