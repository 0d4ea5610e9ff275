"""From a seed that fails to the shortest story that fails alike: delta debugging over faults and visits.

A part of the story is left out and the rest lived again; when the same
invariant still breaks, the part was not needed (Zeller and Hildebrandt,
"Simplifying and isolating failure-inducing input", 2002). Faults go first,
because there are few of them and each takes its trouble along, then visits,
and with them everybody who does nothing any more. A budget of seconds ends the search
with the shortest story found so far.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from aldaba_sim.ledger import Broken
from aldaba_sim.people import Errand
from aldaba_sim.story import FIRST_DAY, Story
from aldaba_sim.world import Outcome, World

Item = TypeVar("Item")
Visit = tuple[Errand, ...]
StillFails = Callable[[Story], bool]
Said = Callable[[str], object]


def live(story: Story, *, outage_hours: float = 0.0, progress: Callable[[int], None] = lambda _day: None) -> Outcome:
    """Live a story in a folder of its own, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="aldaba-world-"))
    try:
        world = World(story, folder)
        try:
            return world.run(progress, outage_hours=outage_hours)
        finally:
            world.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def shortest(
    story: Story, outcome: Outcome, *, seconds: float, say: Said = lambda _text: None
) -> tuple[Story, Outcome]:
    """The shortest story found within the seconds in which the first invariant that broke breaks still.

    An outcome in which none broke (a kind of fault is missing, say) has nothing to shrink.
    """
    kinds = [kind for kind, _ in outcome.ledger.breaches]
    if not kinds:
        return story, outcome
    search = _Search(kinds[0], time.monotonic() + seconds, say, story, outcome)
    search.shorten()
    return search.story, search.outcome


class _Search:
    """The shortest story so far, and how it came out."""

    def __init__(self, kind: Broken, ends: float, say: Said, story: Story, outcome: Outcome) -> None:
        self.story = story
        self.outcome = outcome
        self._kind = kind
        self._ends = ends
        self._say = say

    def shorten(self) -> None:
        """What came after the breach first, then faults, visits and people."""
        broke = self.outcome.ledger.first_breach_at
        if broke is not None:
            self._try(_until(self.story, broke))
        smallest(self.story.strikes, lambda strikes: self._try(self.story.only(self.story.errands, strikes)))
        smallest(visits_of(self.story), lambda left: self._try(_visited(self.story, left)))
        smallest(self.story.strikes, lambda strikes: self._try(self.story.only(self.story.errands, strikes)))

    def _try(self, story: Story) -> bool:
        if time.monotonic() > self._ends:
            return False
        if story == self.story:
            return True
        outcome = live(story)
        fails = outcome.ledger.count(self._kind) > 0
        if fails:
            self.story, self.outcome = story, outcome
        told = f"{len(story.strikes)} faults, {len(story.errands)} errands: {'fails still' if fails else 'holds'}"
        self._say(told)
        return fails


def smallest(items: Sequence[Item], still_fails: Callable[[Sequence[Item]], bool]) -> Sequence[Item]:
    """The fewest items that still fail, by leaving out ever smaller parts (ddmin, complements only)."""
    if items and still_fails(()):
        return ()
    parts = 2
    while len(items) > 1:
        size = -(-len(items) // parts)
        chunks = [items[start : start + size] for start in range(0, len(items), size)]
        rest = next((left for left in _complements(chunks) if still_fails(left)), None)
        if rest is not None:
            items, parts = rest, max(2, parts - 1)
        elif size == 1:
            break
        else:
            parts = min(len(items), parts * 2)
    return items


def _complements(chunks: Sequence[Sequence[Item]]) -> list[tuple[Item, ...]]:
    return [
        tuple(item for other, chunk in enumerate(chunks) if other != left_out for item in chunk)
        for left_out in range(len(chunks))
    ]


def visits_of(story: Story) -> list[Visit]:
    """The errands of each person and day together: nobody is left inside by leaving out the way home."""
    found: dict[Hashable, list[Errand]] = {}
    for errand in story.errands:
        found.setdefault((errand.holder, errand.at.date()), []).append(errand)
    return [tuple(errands) for errands in found.values()]


def _visited(story: Story, visits: Sequence[Visit]) -> Story:
    left = {errand for visit in visits for errand in visit}
    return _peopled(story.only([errand for errand in story.errands if errand in left], story.strikes))


def _until(story: Story, at: datetime) -> Story:
    errands = [errand for errand in story.errands if errand.at <= at]
    strikes = [strike for strike in story.strikes if strike.at <= at]
    return replace(story.only(errands, strikes), days=min((at - FIRST_DAY).days + 1, story.days))


def _peopled(story: Story) -> Story:
    """Only those who have an errand, and one member more for what strikes members."""
    busy = {errand.holder for errand in story.errands} | {errand.behind for errand in story.errands}
    first = next((person.holder for person in story.people if person.role == "member"), None)
    people = tuple(person for person in story.people if person.holder in busy or person.holder == first)
    return replace(story, people=people, promised=frozenset())
