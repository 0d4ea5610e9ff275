"""What really happened, written down by the world itself: taps, releases, and every invariant that broke.

Nothing here asks the software under test what it did. A tap is written down when
a card is held to a reader, its release when a bolt moves, and who is where when
somebody has walked.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Broken(StrEnum):
    """The invariants by the names under which the world counts their breaches."""

    LOST = "lost"
    DUPLICATED = "duplicated"
    UNAUTHORISED_RELEASE = "unauthorised_releases"
    WRONGLY_REFUSED = "wrongly_refused"
    LOCKED_IN = "locked_in"
    OCCUPANCY_MISMATCH = "occupancy_mismatches"
    LATE_REVOKE = "late_revokes"


@dataclass(slots=True)
class Tap:
    """A card held to a reader of a living controller.

    `at` is true time, `machine_at` what the controller's wall clock said.
    `rightful` are the answers the judge accepts; `life` counts the lives of the
    controller, so that a tap in whose second it died can be told.
    """

    at: datetime
    machine_at: datetime
    controller: str
    door: str
    holder: str
    entering: bool
    rightful: frozenset[bool]
    life: int
    released: bool = False
    recorded: bool = False
    died_with_it: bool = False


@dataclass(slots=True)
class Ledger:
    """The taps in their order, the breaches in words, and the faults that struck, by kind."""

    taps: list[Tap] = field(default_factory=list)
    breaches: list[tuple[Broken, str]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    unrecorded: list[str] = field(default_factory=list)
    """The releases without a line, each with the fault that explains it."""
    clock: Callable[[], datetime] | None = None
    chronicle: list[tuple[datetime, str]] = field(default_factory=list)
    """What happened when, in words, for the timeline of a world that failed."""
    first_breach_at: datetime | None = None

    def tell(self, what: str) -> None:
        """Something happened that belongs on a timeline."""
        if self.clock is not None:
            self.chronicle.append((self.clock(), what))

    def breach(self, kind: Broken, what: str) -> None:
        """An invariant broke; the words are for whoever has to find out why."""
        self.breaches.append((kind, what))
        self.tell(f"BROKEN {kind.value}: {what}")
        if self.first_breach_at is None and self.clock is not None:
            self.first_breach_at = self.clock()

    def count(self, kind: Broken) -> int:
        """How often an invariant broke."""
        return sum(1 for broken, _ in self.breaches if broken is kind)
