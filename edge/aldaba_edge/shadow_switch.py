"""Which doors are in shadow: what the configuration says, what the cloud says, and what somebody on the spot said.

The latest word counts. On the spot one speaks against the modes the cloud sent
last; the next modes that say something about the door speak against that.
"""

from msgspec import Struct

from aldaba_edge.door_loop import DoorLoop
from aldaba_edge.state import Slot, State
from aldaba_shared.ids import DoorId


class Switch(Struct, frozen=True):
    """The last word about a door, and the counter of the modes that were known when it was said."""

    shadow: bool
    counter: int


class Shadows:
    """Keeps the last word about each door in `state.db`, so that a restart changes nothing."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._counter = 0
        self._said = state.get(Slot.SHADOWS, dict[DoorId, Switch]) or {}

    def started(self, loop: DoorLoop) -> None:
        """A door begins: its configuration said how, unless somebody said otherwise since."""
        said = self._said.get(loop.id)
        if said is not None:
            loop.set_shadow(shadow=said.shadow, by="kept")

    def told(self, loop: DoorLoop, shadow: bool | None, counter: int) -> None:  # noqa: FBT001 - the cloud's word
        """The cloud's modes came, or were known at the start."""
        self._counter = counter
        said = self._said.get(loop.id)
        if shadow is None or (said is not None and said.counter >= counter):
            return
        self._keep(loop, Switch(shadow, counter))
        loop.set_shadow(shadow=shadow, by="cloud")

    def switch(self, loop: DoorLoop, by: str, *, shadow: bool) -> None:
        """Somebody on the spot says so."""
        self._keep(loop, Switch(shadow, self._counter))
        loop.set_shadow(shadow=shadow, by=by)

    def _keep(self, loop: DoorLoop, said: Switch) -> None:
        self._said = {**self._said, loop.id: said}
        self._state.put(Slot.SHADOWS, self._said)
