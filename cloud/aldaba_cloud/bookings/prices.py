"""What a booking costs: the one price rule that fits best, included minutes, the fee of a late cancellation. Pure.

Rules name as much as they like: a resource or a kind, a plan or the public,
hours of the week. The best fit wins, and its name goes onto the invoice's line:
the resource's own before its kind's, the plan's before the public's, hours before
any hour. An off-peak price never goes under the floor that its rule names.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_cloud.bookings.models import NotBookable, Price, Resource, ResourceId, ResourceKind, Span
from aldaba_cloud.db import ALL_SITES
from aldaba_cloud.money import VatKind, half_up, percent_of
from aldaba_shared.ids import SiteId

HOUR: Final = 60
WHOLE_DAY: Final = (0, 24 * HOUR)


@dataclass(frozen=True, slots=True)
class PriceRule:
    """A price an hour and for whom it is. None is anybody, anything, any day.

    `hours` are minutes of the local day, half open; `days` are 0 for Monday to 6.
    """

    id: str
    name: str
    hour_cents: int
    site: SiteId = ALL_SITES
    kind: ResourceKind | None = None
    resource: ResourceId | None = None
    plan: str | None = None
    days: frozenset[int] = frozenset(range(7))
    hours: tuple[int, int] = WHOLE_DAY
    floor_cents: int = 0
    vat: VatKind = VatKind.STANDARD

    def fits(self, resource: Resource, plan: str | None, start: datetime) -> bool:
        """Whether it is a price for this resource, under this plan, at this local start."""
        minute = start.hour * HOUR + start.minute
        return (
            self.resource in {None, resource.id}
            and self.kind in {None, resource.kind}
            and self.plan in {None, plan}
            and start.weekday() in self.days
            and self.hours[0] <= minute < self.hours[1]
        )

    @property
    def closeness(self) -> tuple[int, ...]:
        """How much it names, the weightiest first."""
        return (
            self.resource is not None,
            self.plan is not None,
            self.kind is not None,
            self.hours != WHOLE_DAY,
            len(self.days) < len(range(7)),
        )

    @property
    def an_hour_cents(self) -> int:
        """Its price an hour, never under its floor."""
        return max(self.hour_cents, self.floor_cents)


def rule_for(rules: Iterable[PriceRule], resource: Resource, plan: str | None, start: datetime) -> PriceRule | None:
    """The rule that fits best; of two that fit alike the cheaper one."""
    fitting = [one for one in rules if one.fits(resource, plan, start)]
    return min(fitting, key=lambda one: (tuple(-x for x in one.closeness), one.an_hour_cents, one.id), default=None)


def quote(
    rules: Sequence[PriceRule], resource: Resource, plan: str | None, span: Span, zone: ZoneInfo, *, credit: int = 0
) -> Price:
    """What a span costs, shown before anybody confirms it; `credit` are included minutes that are left.

    Included minutes go to the first ones. Where prices change within the span
    each part has its own, and the sum is rounded to the cent once.

    Raises:
        NotBookable: no rule names a price. Free is a rule of 0, never an accident.
    """
    left = used = min(span.minutes, max(credit, 0))
    owed, names, vat = 0, [], VatKind.STANDARD
    for one in _parts(rules, span, zone):
        best = rule_for(rules, resource, plan, one.start.astimezone(zone))
        if best is None:
            raise NotBookable(f"Nobody has said what {resource.name} costs. Ask an admin to give it a price.")
        free = min(left, one.minutes)
        left -= free
        owed += (one.minutes - free) * best.an_hour_cents
        names.append(best.name)
        vat = best.vat
    house = resource.rules
    rule = " + ".join(dict.fromkeys(names))
    return Price(half_up(owed, HOUR), rule, used, vat, house.cancel_free_hours, house.late_cancel_rate)


def _parts(rules: Iterable[PriceRule], span: Span, zone: ZoneInfo) -> Iterator[Span]:
    """A span cut where some rule's hours begin or end, and at midnight, by the wall clock."""
    edges = sorted({0, *(minute for one in rules for minute in one.hours if minute < WHOLE_DAY[1])})
    first, last = span.start.astimezone(zone).date(), span.end.astimezone(zone).date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    walls = (datetime.combine(day, time(minute // HOUR, minute % HOUR), zone) for day in days for minute in edges)
    cuts = {moment for wall in walls if span.start < (moment := wall.astimezone(UTC)) < span.end}
    yield from (Span(*both) for both in pairwise(sorted({span.start, span.end, *cuts})))


def cancel_fee(price: Price, start: datetime, now: datetime) -> int:
    """What cancelling now costs, by the rule that stood when it was booked: nothing before the limit, then a part."""
    early = now <= start - timedelta(hours=price.free_hours)
    return 0 if early else percent_of(price.cents, price.late_rate)


def no_show_fee(price: Price) -> int:
    """What not coming costs: as much as cancelling at the last moment."""
    return percent_of(price.cents, price.late_rate)
