"""How the simulated business stands at the start, and what changes: plain facts for the oracle.

The same facts go to the cloud through its own services (`cloud_side`); nothing
of what the cloud makes of them comes back here.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_sim.oracle import ALWAYS, Carrier, Hours, Offer, Paid, Truth
from aldaba_sim.people import ROOMS, TIME_ZONE, Person

EVERYWHERE: Final = ("floor", "offices", "workshop", *ROOMS)
GRACE_DAYS: Final = 5
WEEK: Final = range(5)
LATE_PAYERS: Final = 0.06

OFFERS: Final = {
    "hot_desk": Offer(("floor", *ROOMS), "working"),
    "resident": Offer(("floor", "workshop", *ROOMS), "always"),
    "office": Offer(EVERYWHERE, "always"),
    "staff": Offer(EVERYWHERE, "staff"),
    "cleaner": Offer(EVERYWHERE, "evening"),
    "supplier": Offer(("floor",), "mornings"),
    "emergency_key": Offer(EVERYWHERE, "always"),
    "guest": Offer(ROOMS, "working"),
}

HOURS: Final = {
    "always": ALWAYS,
    "working": Hours({**dict.fromkeys(WEEK, (8.0, 20.0)), 5: (9.0, 14.0)}),
    "staff": Hours(dict.fromkeys(range(7), (6.5, 22.0)), keeps_holidays=False),
    "evening": Hours(dict.fromkeys(WEEK, (19.0, 23.5)), keeps_holidays=False),
    "mornings": Hours(dict.fromkeys(WEEK, (8.0, 14.0))),
}

OTHER_HOURS: Final = ((9.0, 18.0), (8.0, 20.0), (8.5, 19.0), (7.0, 21.0))
"""What the admin changes the working hours to, in turn."""


def first_truth(people: Sequence[Person], first_day: date, luck: Callable[[str], Random]) -> Truth:
    """The books on the first day: most have paid for a while, some will not pay again. Each person has their dice."""
    carriers = {person.holder: _carrier(person, first_day, luck(person.holder)) for person in people}
    return Truth(carriers, OFFERS, HOURS, frozenset({first_day + timedelta(days=9)}))


def _carrier(person: Person, first_day: date, rng: Random) -> Carrier:
    offer = person.plan or person.role
    if person.role == "member":
        return Carrier(
            person.holder, offer, Paid(first_day + timedelta(days=rng.randrange(-GRACE_DAYS, 28)), GRACE_DAYS)
        )
    if person.role == "guest":
        begins = first_day + timedelta(days=rng.randrange(0, 10))
        ends = begins + timedelta(days=rng.randrange(1, 8))
        return Carrier(person.holder, offer, card_from=_midnight(begins), card_until=_midnight(ends))
    return Carrier(person.holder, offer, essential=person.role in {"staff", "emergency_key", "cleaner"})


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(TIME_ZONE))


def paid_another_month(truth: Truth, holder: str) -> Truth:
    """A member's collection was accepted: thirty days more."""
    carrier = truth.carriers[holder]
    if carrier.paid is None:
        return truth
    paid = replace(carrier.paid, until=carrier.paid.until + timedelta(days=30))
    return replace(truth, carriers={**truth.carriers, holder: replace(carrier, paid=paid)})


def card_taken_back(truth: Truth, holder: str, *, taken: bool = True) -> Truth:
    """A card was reported lost, or found again."""
    return replace(truth, carriers={**truth.carriers, holder: replace(truth.carriers[holder], card_taken_back=taken)})


def working_hours(truth: Truth, opens: float, closes: float) -> Truth:
    """The admin changed the working week."""
    changed = Hours({**dict.fromkeys(WEEK, (opens, closes)), 5: (9.0, 14.0)})
    return replace(truth, hours={**truth.hours, "working": changed})


def due(truth: Truth, day: date) -> list[str]:
    """Members whose paid days end on this local day."""
    return [
        name
        for name, carrier in sorted(truth.carriers.items())
        if carrier.paid is not None and carrier.paid.until == day
    ]
