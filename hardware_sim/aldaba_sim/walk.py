"""How people get through doors: they tap, wait for the bolt, walk, hold the door for others, or give up.

Whoever walks knows nothing of rules. A door serves one person at a time, so that
every movement of a bolt belongs to one tap, or to none and is a breach.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from aldaba_sim.building import STREET, Building, Opening
from aldaba_sim.clock import HandTime
from aldaba_sim.ledger import Broken, Ledger, Tap
from aldaba_sim.paper_door import PaperDoor, PaperLock
from aldaba_sim.people import Errand, Person

ANSWER_SECONDS = 0.6
"""How long somebody looks at the reader before they try the door."""
WALK_SECONDS = 1.5
DOOR_FREE_SECONDS = 7.0
RETRY_SECONDS = 20.0
ENTRY_TRIES = 4
ASKED_US = 2_000_000
"""How long after a tap or a press a bolt may move for it."""


class Behind(Protocol):
    """The controller behind a door, as far as somebody in front of it is concerned."""

    @property
    def name(self) -> str:
        """Its id."""

    @property
    def alive(self) -> bool:
        """Whether its software runs."""

    @property
    def life(self) -> int:
        """How often it has started."""

    def wall_clock(self) -> datetime:
        """What time it believes it is."""

    def paper(self, door: str) -> PaperDoor:
        """The devices on the wall."""

    def read(self, door: str, uid: bytes, *, entering: bool) -> None:
        """Hold a card to the reader of one side."""


Judge = Callable[[Behind, str, str, datetime], frozenset[bool]]
"""The answers to accept when this holder taps at this door now, given what the controller may know."""


@dataclass(slots=True)
class Walker:
    """A person on their feet: where they are, what they still want, and whether they are under way."""

    person: Person
    place: str = STREET
    wants: deque[Errand] = field(default_factory=deque)
    walking: bool = False
    tries: int = 0
    behind: str | None = None
    seen: bool = True
    """Whether the last door they passed knows of it; false behind somebody else's back or in a fault's gap."""


class Streets:
    """Everybody's feet. `behind` are the controllers by door."""

    def __init__(
        self,
        time: HandTime,
        building: Building,
        behind: Mapping[str, Behind],
        ledger: Ledger,
        judge: Judge,
    ) -> None:
        self.walkers: dict[str, Walker] = {}
        self._time = time
        self._building = building
        self._behind = behind
        self._ledger = ledger
        self._judge = judge
        self._free_at: dict[str, float] = {}
        self._asked: dict[str, int] = {}

    def meet(self, person: Person) -> None:
        """Somebody appears in the street."""
        self.walkers[person.holder] = Walker(person, seen=not person.card_of)

    def promise(self, errand: Errand) -> None:
        """Have somebody set out at the errand's time."""
        self._time.call_at(errand.at, lambda: self._set_out(errand))

    def inside(self, zone: str) -> set[str]:
        """Who is really in a zone or in one inside it."""
        return {
            name
            for name, walker in self.walkers.items()
            if walker.place != STREET and self._building.contains(zone, walker.place)
        }

    def bolt_moved(self, door: str) -> None:
        """A bolt lets through: whoever asked for it stands there, or nobody does and it is a breach."""
        if self._time.elapsed_us - self._asked.get(door, -ASKED_US - 1) > ASKED_US:
            self._ledger.breach(Broken.UNAUTHORISED_RELEASE, f"nobody, at {door}, {self._time.now()}")

    def _set_out(self, errand: Errand) -> None:
        walker = self.walkers[errand.holder]
        if errand.behind is not None:
            if walker.walking or walker.place != self.walkers[errand.behind].place:
                return
            walker.behind = errand.behind
            self._time.call_later(RETRY_SECONDS * 30, lambda: self._stop_following(walker))
            return
        walker.behind = None
        walker.wants.append(errand)
        self._go_on(walker)

    def _stop_following(self, walker: Walker) -> None:
        walker.behind = None

    def _go_on(self, walker: Walker) -> None:
        """The next door on somebody's way, when they are not at one already."""
        if walker.walking or not walker.wants:
            return
        way = self._building.way(walker.place, walker.wants[0].goal)
        if not way:
            walker.wants.popleft()
            self._go_on(walker)
            return
        walker.walking = True
        opening, entering = way[0]
        self._queue(walker, opening, entering=entering, seconds=8.0)

    def _queue(self, walker: Walker, opening: Opening, *, entering: bool, seconds: float) -> None:
        """Wait for one's turn at a door."""
        now = self._time.elapsed_us / 1_000_000
        turn = max(now + seconds, self._free_at.get(opening.door, 0.0))
        self._free_at[opening.door] = turn + DOOR_FREE_SECONDS
        self._time.call_later(turn - now, lambda: self._try_door(walker, opening, entering=entering))

    def _try_door(self, walker: Walker, opening: Opening, *, entering: bool) -> None:
        behind = self._behind[opening.door]
        if not behind.alive:
            self._try_later(walker, opening, entering=entering)
            return
        paper = behind.paper(opening.door)
        since = self._time.elapsed_us
        if entering or opening.reader_out:
            tap = self._tap(walker, opening, behind, entering=entering)
            answer = lambda: self._look(walker, opening, tap, since)  # noqa: E731 - a promise needs a call without arguments
        else:
            life = behind.life
            self._asked[opening.door] = since
            paper.button.turn(active=True)
            self._time.call_later(0.5, lambda: paper.button.turn(active=False))
            answer = lambda: self._leave_by_button(walker, opening, life, since)  # noqa: E731 - same
        self._time.call_later(ANSWER_SECONDS, answer)

    def _tap(self, walker: Walker, opening: Opening, behind: Behind, *, entering: bool) -> Tap:
        now, holder = self._time.now(), walker.person.carries
        if walker.person.card_of:
            self._ledger.faults["cloned_card"] += 1
        self._asked[opening.door] = self._time.elapsed_us
        rightful = self._judge(behind, holder, opening.door, now) if entering else frozenset({True})
        tap = Tap(now, behind.wall_clock(), behind.name, opening.door, holder, entering, rightful, behind.life)
        self._ledger.taps.append(tap)
        behind.read(opening.door, walker.person.uid, entering=entering)
        return tap

    def _look(self, walker: Walker, opening: Opening, tap: Tap, since: int) -> None:
        """The bolt moved or it did not: judge that, and walk or give up."""
        behind = self._behind[opening.door]
        tap.released = _moved(_lock(behind.paper(opening.door), opening, entering=tap.entering), since)
        tap.died_with_it = behind.life != tap.life or not behind.alive
        way = "in" if tap.entering else "out"
        answer = "let through" if tap.released else "no answer" if tap.died_with_it else "refused"
        self._ledger.tell(f"{tap.holder} taps {way} at {tap.door}: {answer}")
        if tap.released:
            if True not in tap.rightful:
                self._ledger.breach(Broken.UNAUTHORISED_RELEASE, f"{tap.holder} at {tap.door}, {tap.at}")
            self._walk(walker, opening, entering=tap.entering, life=tap.life)
            return
        if tap.died_with_it:
            self._try_later(walker, opening, entering=tap.entering)
            return
        if not tap.entering:
            self._ledger.breach(Broken.LOCKED_IN, f"{tap.holder} at {tap.door}, {tap.at}")
        elif False not in tap.rightful:
            self._ledger.breach(Broken.WRONGLY_REFUSED, f"{tap.holder} at {tap.door}, {tap.at}")
        self._give_up(walker)

    def _leave_by_button(self, walker: Walker, opening: Opening, life: int, since: int) -> None:
        behind = self._behind[opening.door]
        if _moved(behind.paper(opening.door).lock, since):
            self._walk(walker, opening, entering=False, life=life)
        elif behind.life != life or not behind.alive:
            self._try_later(walker, opening, entering=False)
        else:
            who = walker.person.holder
            self._ledger.breach(Broken.LOCKED_IN, f"{who} at the button of {opening.door}, {self._time.now()}")
            self._give_up(walker)

    def _try_later(self, walker: Walker, opening: Opening, *, entering: bool) -> None:
        """Nobody answers: wait, and try again; who wants in gives up in the end."""
        walker.tries += 1
        if entering and walker.tries >= ENTRY_TRIES:
            self._give_up(walker)
            return
        self._queue(walker, opening, entering=entering, seconds=RETRY_SECONDS)

    def _give_up(self, walker: Walker) -> None:
        if walker.wants:
            walker.wants.popleft()
        walker.walking = False
        walker.tries = 0
        self._go_on(walker)

    def _walk(self, walker: Walker, opening: Opening, *, entering: bool, life: int) -> None:
        """Through the door, with whoever comes along behind."""
        walker.tries = 0
        if opening.turnstile and entering and not walker.wants[0].takes_passage:
            self._time.call_later(DOOR_FREE_SECONDS, lambda: self._give_up(walker))
            return
        companions = [one for one in self.walkers.values() if self._comes_along(one, walker, entering=entering)]
        paper = self._behind[opening.door].paper(opening.door)
        if opening.turnstile:
            self._turn_arm(paper, 1 + len(companions), entering=entering)
        else:
            self._time.call_later(0.3, lambda: paper.leaf.turn(active=True))
            self._time.call_later(3.0, lambda: paper.leaf.turn(active=False))
        self._time.call_later(
            WALK_SECONDS, lambda: self._arrive(walker, companions, opening, entering=entering, life=life)
        )

    def _comes_along(self, other: Walker, leader: Walker, *, entering: bool) -> bool:
        return entering and other.behind == leader.person.holder and other.place == leader.place and not other.walking

    def _turn_arm(self, paper: PaperDoor, persons: int, *, entering: bool) -> None:
        contact = paper.passage_in if entering else paper.passage_out
        for person in range(persons):
            self._time.call_later(0.7 + person * 1.2, lambda: contact.turn(active=True))
            self._time.call_later(1.2 + person * 1.2, lambda: contact.turn(active=False))

    def _arrive(self, walker: Walker, companions: list[Walker], opening: Opening, *, entering: bool, life: int) -> None:
        behind = self._behind[opening.door]
        survived = behind.alive and behind.life == life
        place = opening.inner if entering else opening.outer
        for companion in companions:
            companion.place = place
            companion.seen = False
            self._ledger.faults["tailgating"] += 1
        walker.place = place
        followed = f" with {', '.join(one.person.holder for one in companions)} behind" if companions else ""
        self._ledger.tell(f"{walker.person.holder} is in {place}{followed}")
        if entering or opening.reader_out:
            self.walkers[walker.person.carries].seen = survived and not walker.person.card_of
        walker.walking = False
        self._go_on(walker)


def _lock(paper: PaperDoor, opening: Opening, *, entering: bool) -> PaperLock:
    return paper.lock_out if opening.turnstile and not entering else paper.lock


def _moved(lock: PaperLock, since: int) -> bool:
    return lock.last_release_us >= since
