"""The people of a demo: coming and going all the time, through real wires, many more a minute than in life."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from aldaba_sim.building import STREET, Building, Opening
from aldaba_sim.wired_door import Wallet, WiredDoor

FEET: Final = 6
"""How many people walk at the same time."""
ANSWER_SECONDS: Final = 2.5
PAUSE_SECONDS: Final = (0.2, 2.0)
AWAY_TURNS: Final = 40
"""For how many choices somebody who was refused stays away."""
FULL: Final = 70


@dataclass(slots=True)
class Passer:
    """Somebody of the demo: their card, where they are, and how long they stay away."""

    name: str
    wallet: Wallet
    place: str = STREET
    walking: bool = False
    away: int = 0


class Crowd:
    """Threads that each take a person through doors, one person at a time a door."""

    def __init__(
        self, building: Building, doors: Mapping[str, WiredDoor], people: Sequence[Passer], rng: Random
    ) -> None:
        self._building = building
        self._doors = doors
        self._people = people
        self._rng = rng
        self._stop = threading.Event()
        self._choosing = threading.Lock()
        self._at_door = {name: threading.Lock() for name in doors}
        self._threads = [threading.Thread(target=self._walk, name=f"feet {n}", daemon=True) for n in range(FEET)]

    def start(self) -> None:
        """Let them go."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Have everybody stand still; who still waits at a door does so as a daemon thread, and ends with us."""
        self._stop.set()

    def _walk(self) -> None:
        while not self._stop.wait(self._rng.uniform(*PAUSE_SECONDS)):
            person, goal = self._choose()
            try:
                for opening, entering in self._building.way(person.place, goal):
                    if self._stop.is_set() or not self._pass(person, opening, entering=entering):
                        person.away = AWAY_TURNS
                        break
            finally:
                person.walking = False

    def _choose(self) -> tuple[Passer, str]:
        """Somebody who stands still, and where they want to go; the fuller the house, the more leave."""
        with self._choosing:
            inside = sum(one.place != STREET for one in self._people)
            leave = self._rng.random() < inside / FULL
            idle = [one for one in self._people if not one.walking and (one.place != STREET) is leave]
            ready = [one for one in idle if not one.away] or idle or [one for one in self._people if not one.walking]
            for one in self._people:
                one.away = max(0, one.away - 1)
            person = self._rng.choice(ready)
            person.walking = True
            if leave and self._rng.random() < 0.6:  # noqa: PLR2004 - the others go to another place
                return person, STREET
            return person, self._rng.choice([zone for zone in self._building.spaces if zone != person.place])

    def _pass(self, person: Passer, opening: Opening, *, entering: bool) -> bool:
        """Through one door, if it lets them."""
        door = self._doors[opening.door]
        with self._at_door[opening.door]:
            if entering or opening.reader_out:
                door.tap("in" if entering else "out", person.wallet)
            else:
                door.press()
            if not door.wait_released(ANSWER_SECONDS, entering=entering):
                return False
            if opening.turnstile:
                went = door.turn_arm(entering=entering)
            else:
                went = door.pull()
                self._stop.wait(0.6)
                door.shut()
            if went:
                person.place = opening.inner if entering else opening.outer
            return went
