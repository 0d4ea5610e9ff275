"""The story of a simulated world: who comes when, and what goes wrong, all of it told before it is lived.

A story is plain data and a function of its seed, so a part can be left out of
it and the rest lived again: that is how a failing seed is shrunk. Whatever luck
decides while the world lives comes from a stream named after the seed and the
thing itself, so leaving one thing out does not throw the dice anew for all others.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_sim.building import BARCELONA
from aldaba_sim.faults import Fault, Strike, plan
from aldaba_sim.people import TIME_ZONE, Errand, Person, day_of, inhabitants

FIRST_DAY: Final = datetime(2026, 10, 19, tzinfo=ZoneInfo(TIME_ZONE))
"""A Monday; the clocks go back on its first Sunday."""


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is to happen. `promised` are the kinds of fault that must have struck in the end."""

    seed: int
    days: int
    people: tuple[Person, ...]
    errands: tuple[Errand, ...]
    strikes: tuple[Strike, ...]
    promised: frozenset[Fault] = frozenset()

    def luck(self, *of: object) -> Random:
        """The dice of one thing, the same whatever else happens."""
        return Random(":".join(map(str, (self.seed, *of))))

    def on(self, day: date) -> list[Errand]:
        """The errands of one local day."""
        return [errand for errand in self.errands if errand.at.date() == day]

    def without_faults(self) -> "Story":
        """The same people on the same days, and nothing goes wrong."""
        return replace(self, strikes=(), promised=frozenset())

    def only(self, errands: Iterable[Errand], strikes: Iterable[Strike]) -> "Story":
        """A part of the story, which promises no fault."""
        return replace(self, errands=tuple(errands), strikes=tuple(strikes), promised=frozenset())


def tell(seed: int, days: int, *, every: int = 1) -> Story:
    """The whole story of a seed; one in `every` of the people lives in it."""
    bare = Story(seed, days, (), (), ())
    people = inhabitants(bare.luck("people"))[::every]
    errands = [errand for day in range(days) for errand in _day(bare, people, day)]
    controllers = [opening.controller for opening in BARCELONA.openings.values()]
    strikes = plan(FIRST_DAY, days, controllers, bare.luck("faults"))
    return Story(seed, days, people, tuple(errands), tuple(strikes), frozenset(Fault))


def midnight(day: int) -> datetime:
    """The local midnight at which a day of the story begins."""
    return datetime.combine(FIRST_DAY.date() + timedelta(days=day), time(), ZoneInfo(TIME_ZONE))


def _day(bare: Story, people: tuple[Person, ...], day: int) -> list[Errand]:
    return day_of(people, midnight(day).date(), bare.luck("day", day))
