"""What a door in shadow found: where we and the system beside us did the same, and where not."""

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from aldaba_shared.events import ShadowCompared
from aldaba_shared.ids import DoorId
from aldaba_shared.reasons import Reason


class ShadowReport(Struct, frozen=True):
    """One door. Only `agreed` is good news; the others are what to look at before the door goes live."""

    door: DoorId
    compared: int
    agreed: int
    we_would_refuse: int
    """The other system opened, and we would not have."""
    we_would_open: int
    """We would have opened, and the other system did not."""
    opened_without_us: int
    """The other system opened and nothing was shown to us: its own button, its key, or a card we cannot read."""
    reasons: dict[str, int]
    """Why we would have refused, where the other system opened."""

    @property
    def differences(self) -> int:
        """How often a person would have noticed."""
        return self.compared - self.agreed


def shadow_reports(compared: Iterable[ShadowCompared]) -> list[ShadowReport]:
    """One report a door, by the door's id."""
    by_door: dict[DoorId, list[ShadowCompared]] = {}
    for one in compared:
        by_door.setdefault(one.door, []).append(one)
    return [_report(door, found) for door, found in sorted(by_door.items())]


def _report(door: DoorId, found: list[ShadowCompared]) -> ShadowReport:
    refused = [one.ours for one in found if one.theirs and one.ours not in (None, Reason.GRANTED.value)]
    return ShadowReport(
        door=door,
        compared=len(found),
        agreed=sum(one.agreed for one in found),
        we_would_refuse=len(refused),
        we_would_open=sum(one.ours == Reason.GRANTED.value and not one.theirs for one in found),
        opened_without_us=sum(one.ours is None for one in found),
        reasons=dict(sorted(Counter(filter(None, refused)).items())),
    )
