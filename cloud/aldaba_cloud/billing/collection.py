"""What a collector's events come to: pure, and the same in any order.

Stripe and GoCardless collect money for us and nothing else: our invoices, our
numbers, our proration. Their events come late, twice and in any order. So an
event is kept under its id, and what is known of a collection is always read
from all of its events, in the order in which they happened there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from aldaba_cloud.errors import Unusable


class Provider(StrEnum):
    """Who collects; the values are those of `PayBy`."""

    STRIPE = "stripe"
    GOCARDLESS = "gocardless"


LEVELS: Final = {Provider.STRIPE: "B", Provider.GOCARDLESS: "B"}
"""How far each was tried: A a real account, B the vendor's published fixtures, C our reading of its papers."""


class Said(StrEnum):
    """What an event says of a collection."""

    ON_ITS_WAY = "on_its_way"
    PAID = "paid"
    CAME_BACK = "came_back"


ORDER: Final = {Said.ON_ITS_WAY: 0, Said.PAID: 1, Said.CAME_BACK: 2}
"""Of what happened in the same second."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event; `reference` is the collector's name for the collection."""

    id: str
    reference: str
    said: Said
    at: datetime
    text: str = ""


@dataclass(frozen=True, slots=True)
class Spell:
    """Money that was here from an event on, until it went back."""

    paid_at: datetime
    back_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of a collection."""

    spells: tuple[Spell, ...] = ()
    last: Said = Said.ON_ITS_WAY
    back_at: datetime | None = None


def story(told: Iterable[Told]) -> Story:
    """Read a collection's events, however they arrived; the same event twice is one."""
    once = {one.id: one for one in told}
    spells: list[Spell] = []
    last, back_at = Said.ON_ITS_WAY, None
    for one in sorted(once.values(), key=lambda event: (event.at, ORDER[event.said], event.id)):
        if one.said is Said.PAID and last is not Said.PAID:
            spells.append(Spell(one.at))
        if one.said is Said.CAME_BACK:
            if last is Said.PAID:
                spells[-1] = Spell(spells[-1].paid_at, one.at)
            back_at = one.at
        if one.said is not Said.ON_ITS_WAY or last is not Said.PAID:
            last = one.said
    return Story(tuple(spells), last, back_at)


@dataclass(frozen=True, slots=True)
class Collection:
    """One attempt to collect an invoice. `id` is the key under which we ask, so that asking twice is asking once."""

    id: str
    provider: Provider
    invoice: str
    number: str
    cents: int
    customer: str
    method: str
    reference: str | None = None


class CollectorSilent(Unusable):
    """A collector could not be asked."""

    def __init__(self, whom: str, why: str) -> None:
        super().__init__(f"{whom} did not take a collection: {why}. Run the command again; nothing is asked twice.")


class Collector(Protocol):
    """Whoever collects."""

    provider: Provider

    def collect(self, wanted: Collection) -> str:
        """Ask for a collection and get its reference; asked again it is the same one.

        Raises:
            CollectorSilent: it could not be asked, or refused; ask again later.
        """
        ...
