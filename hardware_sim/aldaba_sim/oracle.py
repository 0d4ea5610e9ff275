"""The naive judge: who had the right to pass, from ground truth alone.

It imports nothing of the decision, the presence or the compiler, and shares no
line with them: contracts with the day they are paid until, plans with a list of
places and opening hours, holidays, cards that were taken back. It is slow and
plain on purpose, so that one can see that it is right.

What a door may know is older than what is true, so the judge keeps every state
of the truth and is asked about the one the door had.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aldaba_sim.building import Building


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours: weekday (0 is Monday) to the first and the last hour, the last excluded."""

    days: Mapping[int, tuple[float, float]]
    keeps_holidays: bool = True


ALWAYS = Hours(dict.fromkeys(range(7), (0.0, 24.0)), keeps_holidays=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a plan or a job lets one do: be in these places during these hours. The way there is included."""

    places: tuple[str, ...]
    hours: str


@dataclass(frozen=True, slots=True)
class Paid:
    """A member's contract: the last local day that is paid for, and the days of patience after it."""

    until: date
    grace_days: int


@dataclass(frozen=True, slots=True)
class Carrier:
    """A holder as the books of the business know them; without `paid` there is no contract."""

    holder: str
    offer: str
    paid: Paid | None = None
    essential: bool = False
    card_taken_back: bool = False
    card_from: datetime | None = None
    card_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """How things stood at one time."""

    carriers: Mapping[str, Carrier]
    offers: Mapping[str, Offer]
    hours: Mapping[str, Hours]
    holidays: frozenset[date] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class Judge:
    """Says who might pass which door when."""

    building: Building
    time_zone: str
    patience_hours: int = 168

    def may_enter(self, truth: Truth, holder: str, door: str, at: datetime, heard_at: datetime | None) -> bool:
        """Whether a holder had the right at this door and moment, for a door that last heard at `heard_at`."""
        carrier = truth.carriers.get(holder)
        if carrier is None or carrier.card_taken_back or not _card_in_force(carrier, at):
            return False
        deaf = heard_at is None or at >= heard_at + timedelta(hours=self.patience_hours)
        if deaf and not carrier.essential:
            return False
        offer = truth.offers[carrier.offer]
        if not self._on_the_way(door, offer.places):
            return False
        return self._is_paid(carrier, at) and self._is_open(truth, truth.hours[offer.hours], at)

    def _on_the_way(self, door: str, places: tuple[str, ...]) -> bool:
        return any(
            opening.door == door and entering
            for place in places
            for opening, entering in self.building.way("street", place)
        )

    def _is_paid(self, carrier: Carrier, at: datetime) -> bool:
        if carrier.paid is None:
            return True
        last_day = carrier.paid.until + timedelta(days=carrier.paid.grace_days)
        return at < datetime.combine(last_day + timedelta(days=1), time(), ZoneInfo(self.time_zone))

    def _is_open(self, truth: Truth, hours: Hours, at: datetime) -> bool:
        local = at.astimezone(ZoneInfo(self.time_zone))
        if hours.keeps_holidays and local.date() in truth.holidays:
            return False
        if local.weekday() not in hours.days:
            return False
        opens, closes = hours.days[local.weekday()]
        return opens <= local.hour + local.minute / 60 + local.second / 3600 < closes


def _card_in_force(carrier: Carrier, at: datetime) -> bool:
    if carrier.card_from is not None and at < carrier.card_from:
        return False
    return carrier.card_until is None or at < carrier.card_until
