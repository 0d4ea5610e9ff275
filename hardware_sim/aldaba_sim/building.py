"""The simulated building: eight doors of a coworking space in Barcelona, as plain data.

This is ground truth, written down once and by hand: where a door leads, and
whether leaving through it is read. The cloud and the doors get it through their
own front doors; the oracle judges by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

STREET: Final = "street"


@dataclass(frozen=True, slots=True)
class Opening:
    """A door between two places; people enter `inner` from `outer`.

    Without a reader on the way out there is an exit button. A turnstile lets one
    person through a release and reports every turn of its arm.
    """

    door: str
    controller: str
    name: str
    outer: str
    inner: str
    reader_out: bool = False
    turnstile: bool = False


@dataclass(frozen=True, slots=True)
class Space:
    """A place between doors. `counted` says that nobody can leave it unread."""

    zone: str
    name: str
    parent: str | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Building:
    """Doors and spaces by id, in the order in which a plan shows them."""

    openings: Mapping[str, Opening]
    spaces: Mapping[str, Space]

    def way(self, here: str, there: str) -> tuple[tuple[Opening, bool], ...]:
        """The doors from one place to another, each with whether it is entered (or left).

        Spaces form a tree with the street as its root and one door each, so the
        way goes out to the last space both share and then in again.
        """
        out, into = self._in_from_street(here), self._in_from_street(there)
        shared = sum(1 for mine, theirs in zip(out, into, strict=False) if mine == theirs)
        leaving = tuple((opening, False) for opening in reversed(out[shared:]))
        return (*leaving, *((opening, True) for opening in into[shared:]))

    def _in_from_street(self, place: str) -> tuple[Opening, ...]:
        way: list[Opening] = []
        while place != STREET:
            opening = next(one for one in self.openings.values() if one.inner == place)
            way.append(opening)
            place = opening.outer
        return tuple(reversed(way))

    def contains(self, zone: str, place: str) -> bool:
        """Whether a place is a zone or lies inside it."""
        step: str | None = place
        while step is not None and step != STREET:
            if step == zone:
                return True
            step = self.spaces[step].parent
        return False


def _by_door(*openings: Opening) -> dict[str, Opening]:
    return {opening.door: opening for opening in openings}


BARCELONA: Final = Building(
    _by_door(
        Opening("street", "c-street", "Street door", STREET, "lobby"),
        Opening("lane", "c-lane", "Turnstile lane", "lobby", "floor", reader_out=True, turnstile=True),
        Opening("offices", "c-offices", "Offices", "floor", "offices", reader_out=True),
        Opening("workshop", "c-workshop", "Workshop", "floor", "workshop", reader_out=True),
        Opening("room-1", "c-room-1", "Room Gaudi", "floor", "room-1"),
        Opening("room-2", "c-room-2", "Room Miro", "floor", "room-2"),
        Opening("room-3", "c-room-3", "Room Tapies", "floor", "room-3"),
        Opening("room-4", "c-room-4", "Room Domenech", "floor", "room-4"),
    ),
    {
        space.zone: space
        for space in (
            Space("lobby", "Lobby"),
            Space("floor", "Coworking floor", "lobby", counted=True),
            Space("offices", "Offices", "floor", counted=True),
            Space("workshop", "Workshop", "floor", counted=True),
            Space("room-1", "Room Gaudi", "floor"),
            Space("room-2", "Room Miro", "floor"),
            Space("room-3", "Room Tapies", "floor"),
            Space("room-4", "Room Domenech", "floor"),
        )
    },
)
