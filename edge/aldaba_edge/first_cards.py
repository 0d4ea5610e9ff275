"""When somebody of the house last showed a card at each door, kept over a restart."""

from datetime import datetime

from aldaba_edge.state import Slot, State
from aldaba_shared.ids import DoorId


class KeptFirstCards:
    """Satisfies `FirstCards` on `state.db`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._seen = state.get(Slot.FIRST_CARDS, dict[str, datetime]) or {}

    def seen_at(self, door: DoorId) -> datetime | None:
        """The moment; None when nobody ever did."""
        return self._seen.get(door)

    def see(self, door: DoorId, at: datetime) -> None:
        """Keep it."""
        self._seen = {**self._seen, door: at}
        self._state.put(Slot.FIRST_CARDS, self._seen)
