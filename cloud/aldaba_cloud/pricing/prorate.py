"""Periods and parts of prices.

A period is inclusive local days. A part of a price is rounded half up to the
cent, once; the complement is the difference, never rounded alone, so both sum
to the price for every day and every price. An anchor keeps its day and clamps
to the last one of a short month: from 31 January 2027 the periods are 31 Jan -
27 Feb, 28 Feb - 30 Mar, 31 Mar - 29 Apr. No gap, no overlap, twelve a year.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from aldaba_cloud.money import share
from aldaba_cloud.pricing.models import Days

ONE_DAY = timedelta(days=1)
MONTHS = 12


def anchor_in(year: int, month: int, anchor_day: int) -> date:
    """The day on which a period with this anchor begins in a month."""
    return date(year, month, min(anchor_day, monthrange(year, month)[1]))


def month_of(day: date, anchor_day: int) -> Days:
    """The monthly period in which a day lies."""
    begins = anchor_in(day.year, day.month, anchor_day)
    if begins > day:
        begins = anchor_in(*_months_on(day.year, day.month, -1), anchor_day)
    ends = anchor_in(*_months_on(begins.year, begins.month, 1), anchor_day) - ONE_DAY
    return Days(begins, ends)


def year_of(day: date, start: date) -> Days:
    """The yearly period in which a day lies, of a contract that began on `start`."""
    begins = anchor_in(day.year, start.month, start.day)
    if begins > day:
        begins = anchor_in(day.year - 1, start.month, start.day)
    return Days(begins, anchor_in(begins.year + 1, start.month, start.day) - ONE_DAY)


def months_from(start: date, anchor_day: int) -> Iterator[Days]:
    """Monthly periods without end, from the one in which a day lies."""
    period = month_of(start, anchor_day)
    while True:
        yield period
        period = month_of(period.last + ONE_DAY, anchor_day)


def part(price_cents: int, period: Days, days: int) -> int:
    """What so many days of a period cost; all of them cost the price itself."""
    return share(price_cents, days, len(period))


def rest(price_cents: int, period: Days, days: int) -> int:
    """What the other days cost: the difference, so that nothing is lost or won."""
    return price_cents - part(price_cents, period, days)


def billed_days(period: Days, contract: Days, pauses: Iterable[Days] = ()) -> int:
    """How many days of a period are owed: those of the contract, without those on which it was paused."""
    owed = period.within(contract)
    paused = sum(len(owed.within(one)) for one in pauses)
    return len(owed) - paused


@dataclass(frozen=True, slots=True)
class Change:
    """An upgrade within a period: what of the old price comes back, and what of the new one is owed."""

    days: int
    credit_cents: int
    charge_cents: int

    @property
    def net_cents(self) -> int:
        """What the change costs."""
        return self.charge_cents - self.credit_cents


def upgrade(old_cents: int, new_cents: int, period: Days, on: date) -> Change:
    """Change to a dearer price on a day of a period that is billed already.

    The change day is billed once, at the new price: what is credited are the days
    from it on. A downgrade waits for the period's end and credits nothing.
    """
    left = len(Days(on, period.last))
    before = len(period) - left
    return Change(left, rest(old_cents, period, before), part(new_cents, period, left))


def refund(price_cents: int, period: Days, last_used: date) -> int:
    """What of a paid period comes back when its last used day was earlier."""
    return part(price_cents, period, len(Days(last_used + ONE_DAY, period.last)))


def later_end(commitment_until: date, pause: Days) -> date:
    """A commitment ends later by the days of a pause."""
    return commitment_until + timedelta(days=len(pause))


def _months_on(year: int, month: int, by: int) -> tuple[int, int]:
    months = year * MONTHS + month - 1 + by
    return months // MONTHS, months % MONTHS + 1
