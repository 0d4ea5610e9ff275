"""Sites, zones and doors, and the way from the street to a room."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time

from aldaba_shared.decide import Passback
from aldaba_shared.door_rules import Apart
from aldaba_shared.ids import ControllerId, DoorId, NetworkId, ScheduleId, SiteId, ZoneId
from aldaba_shared.presence import STREET


@dataclass(frozen=True, slots=True)
class Site:
    """A building or floor of a space: one time zone, one street."""

    id: SiteId
    network: NetworkId
    name: str
    time_zone: str
    night_reset: time = time(4, 0)


@dataclass(frozen=True, slots=True)
class Zone:
    """A space between doors.

    The safety limit belongs to the building, the commercial one to the
    business; None means no limit. A zone is counted only if every way out of it
    is read. The street is no row: doors lead out of `STREET`.
    """

    id: ZoneId
    site: SiteId
    name: str
    parent: ZoneId | None = None
    safety_limit: int | None = None
    commercial_limit: int | None = None
    counted: bool = False
    passback: Passback = Passback.SOFT
    passback_minutes: int = 30
    presence_hours: int = 12
    apart: Apart = Apart.SOFTEN


@dataclass(frozen=True, slots=True)
class DoorUse:
    """How a door is used: the hours in which it stands unlocked, and which doors must be shut before it opens."""

    unlock: ScheduleId | None = None
    first_card: bool = False
    interlock_with: tuple[DoorId, ...] = ()
    interlock_apart: Apart = Apart.KEEP
    second_factor: ScheduleId | None = None
    """While this schedule is open, a card and a PIN are needed."""
    pin_alone: bool = False
    persons: int = 1
    sticker: bool = False
    """Members may ask it to let them in, from the page of its sticker."""


@dataclass(frozen=True, slots=True)
class Door:
    """What is held shut between two zones: `into` is entered, `out_of` is where one comes from.

    `way_out_read` says that leaving is seen too, by a reader or a turnstile.
    `shadow` is None where nobody switched it from here: its configuration decides.
    """

    id: DoorId
    site: SiteId
    name: str
    into: ZoneId
    out_of: ZoneId = STREET
    controller: ControllerId | None = None
    way_out_read: bool = False
    release_seconds: int = 5
    offline_grace_hours: int = 168
    use: DoorUse = DoorUse()
    shadow: bool | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A whole site at once, as compiling and drawing want it."""

    site: Site
    zones: Mapping[ZoneId, Zone]
    doors: Mapping[DoorId, Door]

    def inside(self, zone: ZoneId) -> frozenset[ZoneId]:
        """A zone and everything that lies in it."""
        found = {zone}
        while more := {z.id for z in self.zones.values() if z.parent in found} - found:
            found |= more
        return frozenset(found)

    def doors_of(self, zone: ZoneId) -> frozenset[DoorId]:
        """The doors that lead into a zone; a zone without doors of its own has those of the one it lies in."""
        step: ZoneId | None = zone
        for _ in range(len(self.zones) + 1):
            found = frozenset(door.id for door in self.doors.values() if door.into == step)
            if found or step is None:
                return found
            known = self.zones.get(step)
            step = known.parent if known else None
        return frozenset()


def routes(place: Place) -> dict[ZoneId, tuple[DoorId, ...]]:
    """The shortest way from the street to every zone that doors lead to; ties go to the lower door id.

    A zone without doors of its own is reached like the zone it lies in.
    """
    ways: dict[ZoneId, tuple[DoorId, ...]] = {STREET: ()}
    ahead = deque([STREET])
    doors = sorted(place.doors.values(), key=lambda door: door.id)
    while ahead:
        here = ahead.popleft()
        for there, way in _steps(place, doors, here, ways[here]):
            if there not in ways:
                ways[there] = way
                ahead.append(there)
    return ways


def _steps(
    place: Place, doors: Iterable[Door], here: ZoneId, way: tuple[DoorId, ...]
) -> Iterable[tuple[ZoneId, tuple[DoorId, ...]]]:
    """Zones one step away: doorless parts of this zone first, then whatever a door leads to."""
    entered = {door.into for door in doors}
    for zone in place.zones.values():
        if zone.parent == here and zone.id not in entered:
            yield zone.id, way
    for door in doors:
        if door.out_of == here:
            yield door.into, (*way, door.id)


def uncounted(place: Place) -> list[ZoneId]:
    """Zones said to be counted although somebody can leave them unread; nobody may rely on those."""

    def leaks(zone: ZoneId) -> bool:
        inside = place.inside(zone)
        return any(
            not door.way_out_read
            for door in place.doors.values()
            if (door.into in inside) is not (door.out_of in inside)
        )

    return sorted(zone.id for zone in place.zones.values() if zone.counted and leaks(zone.id))
