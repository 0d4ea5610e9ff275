"""All doors of a controller, as the sync and the local socket see them: by id, each failing alone."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from aldaba_edge.door_loop import DoorLoop
from aldaba_edge.ports import Signal
from aldaba_shared.decide import DoorMode
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import DoorId


class NoSuchDoor(AldabaError):
    """A command names a door this controller does not have."""

    code = "no_such_door"

    def __init__(self, door: str, known: Iterable[str]) -> None:
        super().__init__(f"This controller has no door {door!r}. Its doors are: {', '.join(known)}.")


class Doors:
    """The doors of one controller."""

    def __init__(self, loops: Iterable[DoorLoop]) -> None:
        self._loops = {loop.id: loop for loop in loops}

    def __iter__(self) -> Iterator[DoorLoop]:
        return iter(self._loops.values())

    def door(self, door: DoorId) -> DoorLoop:
        """The door of this id.

        Raises:
            NoSuchDoor: there is none.
        """
        found = self._loops.get(door)
        if found is None:
            raise NoSuchDoor(door, self._loops)
        return found

    def release(self, door: DoorId, by: str, command: str | None = None) -> int:
        """Release a door; the sequence of the line that says so.

        Raises:
            NoSuchDoor: there is none of this id.
        """
        return self.door(door).release(by, command)

    def set_mode(self, door: DoorId, mode: DoorMode, until: datetime | None = None) -> None:
        """Have a door do something else by itself; a door that is not ours is none of our business."""
        found = self._loops.get(door)
        if found is not None:
            found.set_mode(mode, until)

    def secured(self) -> dict[DoorId, bool]:
        """Whether each door is shut and held."""
        return {loop.id: loop.mechanics.secured for loop in self}

    def look(self) -> None:
        """The rules changed: see at every door what it does by itself now."""
        for loop in self:
            loop.modes.look()

    def show(self, signal: Signal) -> None:
        """Show a signal at every side of every door."""
        for loop in self:
            loop.show_everywhere(signal)

    def close(self) -> None:
        """Hold every door shut."""
        for loop in self:
            loop.close()
