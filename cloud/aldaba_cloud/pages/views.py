"""What the pages show, already decided: no page asks a question while it is drawn."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Tone(StrEnum):
    """How something is to be read; every tone also has an icon and a word, never the colour alone."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    INFO = "info"


NEARLY_FULL = 0.9


@dataclass(frozen=True, slots=True)
class ZoneCard:
    """How many are in a zone, how that is known, and since when it is not."""

    id: str
    name: str
    count: int
    limit: int | None
    counted: bool
    known_at: datetime | None
    stale_since: datetime | None = None
    unnamed: int = 0
    inside_of: str = ""

    @property
    def share(self) -> int:
        """How full it is in per cent, at most 100; 0 without a limit."""
        return min(100, round(100 * self.count / self.limit)) if self.limit else 0

    @property
    def load(self) -> str:
        """`full`, `near` or nothing."""
        if not self.limit:
            return ""
        if self.count >= self.limit:
            return "full"
        return "near" if self.count >= NEARLY_FULL * self.limit else ""


@dataclass(frozen=True, slots=True)
class EventCard:
    """One line of the stream; `why` is the address of its explanation, where there is something to explain."""

    id: str
    at: datetime
    tone: Tone
    icon: str
    who: str
    door: str
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class DoorCard:
    """A door on the wall: its leaf, its mode, its controller."""

    id: str
    name: str
    leaf: str
    mode: str
    connected: bool
    last_contact: datetime | None
    rules_version: int | None = None
    rules_wanted: int | None = None
    alarms: tuple[str, ...] = ()

    @property
    def confirmed(self) -> bool:
        """Whether the controller said that it follows the newest rules."""
        return self.rules_wanted is not None and self.rules_version == self.rules_wanted


@dataclass(frozen=True, slots=True)
class Board:
    """The whole live board at one moment."""

    site: str
    site_name: str
    at: datetime
    zones: tuple[ZoneCard, ...] = ()
    doors: tuple[DoorCard, ...] = ()
    events: tuple[EventCard, ...] = ()

    @property
    def doors_by_alarm(self) -> dict[str, tuple[DoorCard, ...]]:
        """The doors at which each kind of alarm is open: eight doors with one trouble are one line and not eight."""
        kinds = dict.fromkeys(alarm for door in self.doors for alarm in door.alarms)
        return {kind: tuple(door for door in self.doors if kind in door.alarms) for kind in kinds}

    @property
    def silent(self) -> tuple[DoorCard, ...]:
        """The doors whose controller has not been heard of."""
        return tuple(door for door in self.doors if not door.connected)


def age(of: datetime, now: datetime) -> timedelta:
    """How old something is, never negative: a door's clock may run ahead of ours."""
    return max(now - of, timedelta())
