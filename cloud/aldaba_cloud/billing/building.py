"""What a contract owes: from terms, pauses and dates to lines, without a database.

A period is billed in advance, once, per thing (the plan, each extra): the rows
of what is billed already say from which day on something is owed. So a run can
be repeated, a month that was forgotten is caught up, and what an import brought
as billed stays so. A period that a contract, a pause or a change of version cuts
is prorated by days, each part rounded once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from aldaba_cloud.billing.models import Pending
from aldaba_cloud.members.models import ContractState
from aldaba_cloud.members.terms import Discount, Extra, Period, PlanVersion
from aldaba_cloud.pricing.models import Days, PriceLine, Reduction, reduced
from aldaba_cloud.pricing.prorate import ONE_DAY, billed_days, month_of, part, year_of
from aldaba_shared.ids import ContractId, SiteId

PLAN = "plan"
BILLED_STATES = frozenset({ContractState.SCHEDULED, ContractState.ACTIVE, ContractState.PAUSED, ContractState.ENDING})


@dataclass(frozen=True, slots=True)
class Billable:
    """A contract as billing sees it. `billed_through` says by thing which day is the last one billed."""

    contract: ContractId
    site: SiteId
    plan_name: str
    people: str
    starts_on: date
    anchor_day: int
    spells: Sequence[tuple[date, PlanVersion]]
    ends_on: date | None = None
    cost_centre: str = ""
    pauses: Sequence[Days] = ()
    discounts: Sequence[Discount] = ()
    extras: Sequence[Extra] = ()
    pending: Sequence[Pending] = ()
    billed_through: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Charge:
    """A thing, the days that are now billed of it, and its lines."""

    item: str
    days: Days
    lines: tuple[PriceLine, ...]


def charges(one: Billable, horizon: date) -> Iterator[Charge]:
    """Everything owed for periods that begin by a day."""
    life = Days(one.starts_on, _last_day(one))
    yield from _plan_charges(one, life, horizon)
    for extra in one.extras:
        yield from _extra_charges(one, extra, life.within(Days(extra.starts_on, extra.ends_on or date.max)), horizon)


def pending_lines(one: Billable) -> Iterator[PriceLine]:
    """What happened in between: bookings, coffee, credits."""
    for event in one.pending:
        yield PriceLine(
            event.text,
            event.rule,
            event.cents,
            event.vat,
            event.account,
            event.gross,
            event.cost_centre or one.cost_centre,
        )


def _plan_charges(one: Billable, life: Days, horizon: date) -> Iterator[Charge]:
    owed_from = _owed_from(one, PLAN, life)
    while one.spells and owed_from <= min(horizon, life.last):
        version = _version_at(one.spells, owed_from)
        if version.period is Period.ONCE:
            if owed_from == life.first:
                lines = _with_discounts(one, _once(one, version), owed_from)
                yield Charge(PLAN, Days(owed_from, life.last), tuple(lines))
            return
        period = _period(version.period, owed_from, one)
        days = Days(max(owed_from, period.first), min(period.last, life.last))
        lines = [line for found in _parts(one, period, days) for line in _with_discounts(one, found, days.first)]
        yield Charge(PLAN, days, tuple(lines))
        owed_from = days.last + ONE_DAY


def _parts(one: Billable, period: Days, days: Days) -> Iterator[PriceLine]:
    """A line for each version that holds in these days of a period."""
    if len(one.spells) == 1:
        yield from _line(one, one.spells[0][1], period, days)
        return
    for at, (begins, version) in enumerate(one.spells):
        ends = one.spells[at + 1][0] - ONE_DAY if at + 1 < len(one.spells) else date.max
        yield from _line(one, version, period, days.within(Days(begins if at else date.min, ends)))


def _line(one: Billable, version: PlanVersion, period: Days, days: Days) -> Iterator[PriceLine]:
    owed = billed_days(period, days, one.pauses) if one.pauses else len(days)
    if owed <= 0:
        return
    name = f"{one.plan_name}, {one.people}" if one.people else one.plan_name
    text = f"{name}: {_span(days)}"
    rule = f"v{version.number}" if owed == len(period) else f"v{version.number}, {owed}/{len(period)}"
    cents = version.price_cents if owed == len(period) else part(version.price_cents, period, owed)
    yield PriceLine(text, rule, cents, version.vat, version.account, version.gross, one.cost_centre)


def _once(one: Billable, version: PlanVersion) -> PriceLine:
    text = f"{one.plan_name}, {one.people}: {one.starts_on.isoformat()}"
    return PriceLine(
        text, f"v{version.number}", version.price_cents, version.vat, version.account, version.gross, one.cost_centre
    )


def _extra_charges(one: Billable, extra: Extra, life: Days, horizon: date) -> Iterator[Charge]:
    owed_from = _owed_from(one, extra.id, life)
    while owed_from <= min(horizon, life.last):
        period = month_of(owed_from, one.anchor_day)
        days = Days(owed_from, min(period.last, life.last))
        owed = billed_days(period, days, one.pauses)
        rule = "extra" if owed == len(period) else f"extra, {owed}/{len(period)}"
        line = PriceLine(
            f"{extra.what}: {_span(days)}",
            rule,
            part(extra.price_cents, period, owed),
            extra.vat,
            extra.account,
            cost_centre=one.cost_centre,
        )
        yield Charge(extra.id, days, (line,) if owed else ())
        owed_from = days.last + ONE_DAY


def _with_discounts(one: Billable, line: PriceLine, day: date) -> Iterable[PriceLine]:
    if not one.discounts:
        return (line,)
    holding = [
        Reduction(known.reason, known.rate, known.amount_cents)
        for known in one.discounts
        if known.from_on <= day <= (known.until or date.max)
    ]
    return (line, *reduced(line, holding))


def _last_day(one: Billable) -> date:
    """A pause without an end bills nothing until somebody says when it ended."""
    open_pauses = [pause.first - ONE_DAY for pause in one.pauses if pause.last == date.max]
    return min([one.ends_on or date.max, *open_pauses])


def _owed_from(one: Billable, item: str, life: Days) -> date:
    through = one.billed_through.get(item)
    if through is None:
        return life.first
    return date.max if through == date.max else max(through + ONE_DAY, life.first)


def _version_at(spells: Sequence[tuple[date, PlanVersion]], day: date) -> PlanVersion:
    """The version that holds on a day; the first one also before it was told."""
    held = [version for begins, version in spells if begins <= day]
    return held[-1] if held else spells[0][1]


def _period(period: Period, day: date, one: Billable) -> Days:
    if period is Period.YEAR:
        return year_of(day, one.starts_on)
    return _month_of(day, one.anchor_day)


@lru_cache(maxsize=4096)
def _month_of(day: date, anchor_day: int) -> Days:
    """A month's run asks for the same few periods thousands of times."""
    return month_of(day, anchor_day)


@lru_cache(maxsize=4096)
def _span(days: Days) -> str:
    return f"{days.first.isoformat()} - {days.last.isoformat()}"
