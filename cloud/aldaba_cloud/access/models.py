"""Access levels and schedules, without a database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

from aldaba_shared.ids import ContractId, ControllerId, DoorId, HolderId, ScheduleId, SiteId, ZoneId
from aldaba_shared.schedule import Windows

ALWAYS = ScheduleId("always")
"""The schedule without a closed minute; it needs no row."""


@dataclass(frozen=True, slots=True)
class NamedSchedule:
    """A weekly schedule of a site. Its special days are the site's own, added when rules are compiled."""

    id: ScheduleId
    site: SiteId
    name: str
    week: tuple[Windows, ...]
    keeps_special_days: bool = True
    reentry_minutes: int = 0
    """So long after a window's end whoever was inside then may come in again."""


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day that replaces the week's, for every schedule of the site that keeps special days."""

    site: SiteId
    day: date
    name: str
    windows: Windows


@dataclass(frozen=True, slots=True)
class Target:
    """A door, or every door of a zone, and when. The way there comes with it; rooms inside do not."""

    schedule: ScheduleId
    door: DoorId | None = None
    zone: ZoneId | None = None


@dataclass(frozen=True, slots=True)
class AccessLevel:
    """A named bundle of targets."""

    id: str
    site: SiteId
    name: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Levels:
    """Everything about levels at one site, as compiling wants it."""

    levels: Mapping[str, AccessLevel]
    by_plan: Mapping[str, tuple[str, ...]]
    by_holder: Mapping[HolderId, tuple[str, ...]]
    schedules: Mapping[ScheduleId, NamedSchedule]
    special_days: tuple[SpecialDay, ...] = ()
    cancelled_passes: tuple[bytes, ...] = ()
    by_contract: Mapping[ContractId, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """What the version of its plan brings under which a contract is today, beside what is linked to the plan."""
    sticker_plans: frozenset[str] = frozenset()
    """The plans whose members may open doors by their stickers."""


@dataclass(frozen=True, slots=True)
class VisitorPass:
    """What a visitor pass says. `doors` is the whole way; `host` is the holder who is visited."""

    id: str
    site: SiteId
    cti: bytes
    visitor: str
    host: HolderId
    doors: tuple[DoorId, ...]
    uses: int
    valid_from: datetime
    valid_until: datetime
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """A rule set that was published for a controller."""

    controller: ControllerId
    epoch: int
    version: int
    set_hash: bytes
