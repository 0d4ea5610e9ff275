"""Lines of money before anybody is billed: what, by which rule, how much, with which tax.

Amounts are integer cents (`aldaba_cloud.money`). Discounts come off in one
order, which the terms print: rates first, then amounts, and never below zero:
12 x 230.00 - 10 % - 20.00 is 2464.00.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

from aldaba_cloud.money import VatKind, half_up, percent_of


@dataclass(frozen=True, slots=True)
class Days:
    """Inclusive local days; bounds are the first and the last one."""

    first: date
    last: date

    def __len__(self) -> int:
        return max((self.last - self.first).days + 1, 0)

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def within(self, other: Self) -> Self:
        """The days in both; none of them (a length of 0) if they do not meet."""
        return type(self)(max(self.first, other.first), min(self.last, other.last))


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line of a bill to come. `cents` is net of tax unless `gross`; `rule` names why it is this much."""

    text: str
    rule: str
    cents: int
    vat: VatKind = VatKind.STANDARD
    account: str = "705"
    gross: bool = False
    cost_centre: str = ""


@dataclass(frozen=True, slots=True)
class Reduction:
    """What comes off: a rate in hundredths of a percent, then an amount in cents."""

    reason: str
    rate: int = 0
    amount_cents: int = 0


def reduced(line: PriceLine, reductions: Iterable[Reduction]) -> list[PriceLine]:
    """The lines that take reductions off a line: rates in the order given, then amounts, never below zero.

    >>> [one.cents for one in reduced(PriceLine("year", "12 x 230.00", 276000), [Reduction("a", 1000, 2000)])]
    [-27600, -2000]
    """
    known = list(reductions)
    found, left = [], line.cents
    for one in known:
        off = percent_of(left, one.rate)
        if off:
            found.append(replace(line, text=one.reason, rule=f"-{one.rate / 100:g} %", cents=-off))
            left -= off
    for one in known:
        off = min(one.amount_cents, left)
        if off > 0:
            found.append(replace(line, text=one.reason, rule=f"-{one.amount_cents / 100:.2f}", cents=-off))
            left -= off
    return found


def by_time(minutes: int, hour_cents: int, credit_minutes: int = 0) -> tuple[int, int]:
    """What a stay costs at a price an hour after included minutes: (minutes of credit used, cents), to the cent.

    >>> by_time(60, 2500, credit_minutes=30)
    (30, 1250)
    """
    used = max(min(minutes, credit_minutes), 0)
    return used, half_up((minutes - used) * hour_cents, 60)
