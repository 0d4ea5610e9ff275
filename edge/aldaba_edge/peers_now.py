"""Which peers of the site can be heard now, and what they last said of their doors.

Presence and interlocks across controllers rest on news. A peer counts as heard
while its news is younger than five minutes and our own broker answers; it tells
at least every two minutes where a rule of the site asks for it. So a cut is
noticed at once by the controller that is cut off, and within five minutes by the
others; what each rule does then is declared (`Apart`).
"""

from collections.abc import Callable, Collection
from typing import Final

from aldaba_edge.ports import Clock
from aldaba_shared.ids import ControllerId, DoorId
from aldaba_shared.messages import PresenceNews

HEARTBEAT_SECONDS: Final = 120.0
SILENT_SECONDS: Final = 300.0


class PeersNow:
    """What is known of the peers at this moment; nothing of it outlives a restart."""

    def __init__(self, me: ControllerId, clock: Clock) -> None:
        self._me = me
        self._clock = clock
        self.connected: Callable[[], bool] = lambda: True
        """Whether our own broker answers."""
        self._heard: dict[ControllerId, float] = {}
        self._doors: dict[DoorId, tuple[ControllerId, bool]] = {}

    def heard(self, news: PresenceNews) -> None:
        """Take a peer's word into account; retained news is as old as it says."""
        age = max(0.0, (self._clock.now() - news.at).total_seconds())
        self._heard[news.controller] = self._clock.monotonic() - age
        for door in [door for door, (whose, _) in self._doors.items() if whose == news.controller]:
            del self._doors[door]
        self._doors.update({door: (news.controller, secured) for door, secured in news.doors})

    def unknown(self, controller: ControllerId) -> bool:
        """Whether nothing was heard of a controller since we started."""
        return controller not in self._heard

    def apart(self, controllers: Collection[ControllerId]) -> bool:
        """Whether any of these controllers, this one apart, cannot be heard."""
        others = [one for one in controllers if one != self._me]
        return bool(others) and not (self.connected() and all(map(self._is_heard, others)))

    def door_secured(self, door: DoorId) -> bool | None:
        """Whether a peer's door is secured; None while nobody who knows can be heard."""
        known = self._doors.get(door)
        if known is None or self.apart((known[0],)):
            return None
        return known[1]

    def _is_heard(self, controller: ControllerId) -> bool:
        at = self._heard.get(controller)
        return at is not None and self._clock.monotonic() - at < SILENT_SECONDS
