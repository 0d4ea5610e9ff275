"""The doors of a demo with the cards that fit them: what the page shows, and hands to use."""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from aldaba_shared.events import AccessDecided, Line, read_line
from aldaba_shared.reasons import SENTENCES
from aldaba_shared.wire import Malformed
from aldaba_sim.building import Building
from aldaba_sim.page import CardOnTable, DoorSeen, NoSuchThing
from aldaba_sim.wired_door import Wallet, WiredDoor

NEWEST_LINES = "SELECT body FROM lines ORDER BY sequence DESC LIMIT 12"


@dataclass(frozen=True, slots=True)
class Card:
    """A card on the table."""

    shown: CardOnTable
    wallet: Wallet


class DemoStage:
    """Satisfies `page.Stage` over wired doors; answers are read from the controllers' own journals."""

    def __init__(
        self,
        building: Building,
        doors: Mapping[str, WiredDoor],
        journals: Mapping[str, Path],
        cards: Sequence[Card],
    ) -> None:
        self._building = building
        self._doors = doors
        self._journals = journals
        self._cards = {card.shown.id: card for card in cards}

    def cards(self) -> Sequence[CardOnTable]:
        """The cards on the table."""
        return [card.shown for card in self._cards.values()]

    def doors(self) -> Sequence[DoorSeen]:
        """The doors, in the order of the plan."""
        return [self._with_answer(name, self._with_names(door.seen())) for name, door in self._doors.items()]

    def tap(self, door: str, side: str, card: str) -> None:
        """Hold a card to the reader of a side."""
        if card not in self._cards:
            raise NoSuchThing("card", card)
        self._hold(door, side, self._cards[card].wallet)

    def hold(self, door: str, side: str, uid: bytes) -> None:
        """Hold a card that is not on the table to the reader of a side."""
        self._hold(door, side, Wallet(uid))

    def _hold(self, door: str, side: str, wallet: Wallet) -> None:
        wired = self._door(door)
        if not wired.has_reader(side):
            raise NoSuchThing("reader", side)
        threading.Thread(target=wired.tap, args=(side, wallet), daemon=True).start()

    def press(self, door: str) -> None:
        """Press the exit button for a moment."""
        threading.Thread(target=self._door(door).press, daemon=True).start()

    def push(self, door: str, *, open_leaf: bool) -> None:
        """Open or shut the leaf, or turn the arm."""
        wired = self._door(door)
        if wired.opening.turnstile:
            entering = wired.released(entering=True)
            threading.Thread(target=wired.turn_arm, kwargs={"entering": entering}, daemon=True).start()
        elif open_leaf:
            wired.pull()
        else:
            wired.shut()

    def _door(self, door: str) -> WiredDoor:
        if door not in self._doors:
            raise NoSuchThing("door", door)
        return self._doors[door]

    def _with_names(self, seen: DoorSeen) -> DoorSeen:
        return replace(seen, outer=self._place(seen.outer), inner=self._place(seen.inner))

    def _place(self, space: str) -> str:
        known = self._building.spaces.get(space)
        return known.name if known else space

    def _with_answer(self, name: str, seen: DoorSeen) -> DoorSeen:
        line = last_answer(self._journals[name])
        if line is None or not isinstance(line.event, AccessDecided):
            return seen
        reason = line.event.decision.reason
        return replace(
            seen,
            reason=reason.value,
            sentences=dict(SENTENCES[reason]),  # type: ignore[arg-type] # languages are strings to the page
            granted=line.event.decision.granted,
            answered_at=line.at.isoformat(),
        )


def last_answer(journal: Path) -> Line | None:
    """The newest answer in a controller's journal; None while there is none or no journal."""
    if not journal.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=0.2)) as books:
            bodies = [row[0] for row in books.execute(NEWEST_LINES)]
        lines = [read_line(body) for body in bodies]
    except (sqlite3.Error, Malformed):
        return None
    return next((line for line in lines if isinstance(line.event, AccessDecided)), None)
