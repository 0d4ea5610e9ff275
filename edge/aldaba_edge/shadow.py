"""Shadow: the door listens beside a system that is there already, decides, releases nothing and compares.

What the other system did is seen on its relay, wired to an input of ours, or
else on the leaf's contact. It may be faster than we are, so an opening waits a
moment for the card that caused it; and it may answer late, so a card waits some
seconds for the opening. Whoever the other system let in is inside, whatever we
would have said.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aldaba_edge.devices import Alarmed
from aldaba_edge.mechanics import Mechanics
from aldaba_edge.ports import Clock
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.door import DoorInput
from aldaba_shared.events import ShadowCompared
from aldaba_shared.ids import DoorId, HolderId, ZoneId

ANSWER_SECONDS: Final = 3.0
"""How long the other system may take to open after a card."""
FASTER_SECONDS: Final = 1.0
"""How much earlier than our reading it may have opened."""


@dataclass(frozen=True, slots=True)
class Ours:
    """What we would have done: the line that says so, its reason, and whom it would have moved where."""

    sequence: int
    reason: str
    holder: HolderId | None = None
    into: ZoneId | None = None


class Comparing:
    """Pairs our answers with the openings of the other system; each pair, and each half alone, is one event."""

    def __init__(self, door: DoorId, clock: Clock, tell: Callable[[ShadowCompared], None]) -> None:
        self._door = door
        self._tell = tell
        self._ours: Ours | None = None
        self._waiting, self._opened = Alarmed(clock), Alarmed(clock)
        self._unclaimed = False

    def answered(self, ours: Ours) -> None:
        """We have decided."""
        if self._unclaimed:
            self._unclaimed = False
            self._opened.stop()
            return self._compared(ours, theirs=True)
        if self._ours is not None:
            self._theirs_did_not()
        self._ours = ours
        return self._waiting.start(ANSWER_SECONDS, self._theirs_did_not)

    def opened(self) -> None:
        """The other system opened."""
        ours, self._ours = self._ours, None
        self._waiting.stop()
        if ours is not None:
            return self._compared(ours, theirs=True)
        self._unclaimed = True
        return self._opened.start(FASTER_SECONDS, self._nobody_asked)

    def stop(self) -> None:
        """Compare no more."""
        self._waiting.stop()
        self._opened.stop()
        self._ours, self._unclaimed = None, False

    def _theirs_did_not(self) -> None:
        ours, self._ours = self._ours, None
        self._waiting.stop()
        if ours is not None:
            self._compared(ours, theirs=False)

    def _nobody_asked(self) -> None:
        self._unclaimed = False
        self._tell(ShadowCompared(self._door, theirs=True))

    def _compared(self, ours: Ours, *, theirs: bool) -> None:
        into = ours.into if theirs else None
        self._tell(ShadowCompared(self._door, theirs, ours.reason, ours.sequence, ours.holder, into))


class Switched:
    """The mechanics of a door that may be in shadow; satisfies `Mechanics` either way.

    In shadow nothing reaches the lock: no card, no button, no mode and no fire.
    The system beside us has the lock, and answers for the way out.
    """

    def __init__(self, live: Mechanics, *, shadow: bool) -> None:
        self.live = live
        self.shadow = shadow
        self._mode = DoorMode.LOCKED
        self._open = False

    @property
    def secured(self) -> bool:
        """Whether it is shut and held; of the other system's lock only the leaf is known."""
        return not self._open if self.shadow else self.live.secured

    @property
    def state(self) -> str:
        """The state's name."""
        return "shadow" if self.shadow else self.live.state

    def let(self, given: DoorInput, side: Side, holder: HolderId | None = None, *, seconds: float) -> None:
        """Let through, unless in shadow."""
        if not self.shadow:
            self.live.let(given, side, holder, seconds=seconds)

    def for_holder(self, holder: HolderId | None) -> None:
        """Whom the last release was for."""
        if not self.shadow:
            self.live.for_holder(holder)

    def mode(self, mode: DoorMode) -> None:
        """Do what this mode does; in shadow it is kept for the moment the door goes live."""
        self._mode = mode
        if not self.shadow:
            self.live.mode(mode)

    def leaf(self, *, opened: bool) -> None:
        """What the contact says of the other system's leaf."""
        self._open = opened

    def switch(self, *, shadow: bool) -> None:
        """Go into shadow or live; a release that runs ends at once."""
        self.shadow = shadow
        self.live.rest()
        if not shadow:
            self.live.mode(self._mode)

    def rest(self) -> None:
        """Hold shut and forget whom it let through."""
        self.live.rest()

    def close(self) -> None:
        """Hold shut and forget every timer."""
        self.live.close()
