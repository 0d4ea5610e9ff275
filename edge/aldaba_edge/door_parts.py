"""What a door loop is made of: the configuration's word, what a controller shares, what is mounted."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from aldaba_edge.door_mode import FirstCards
from aldaba_edge.keypads import Keypads
from aldaba_edge.mechanics import Mechanics
from aldaba_edge.ports import Clock, Digest, Indicator, Journal, Presences, Reader, RulesInForce, Uses
from aldaba_shared.decide import Side, UnsureClock
from aldaba_shared.envelope import KeyRing
from aldaba_shared.ids import ControllerId, CredentialKey, DoorId, SiteId, ZoneId

log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DoorPlan:
    """What the configuration says of one door; durations in seconds."""

    id: DoorId
    into: Mapping[Side, ZoneId | None]
    """Where each side leads; `EGRESS` leads to the street unless the configuration says otherwise."""
    release_seconds: float = 5.0
    long_access_seconds: float = 15.0
    mains_alarm_seconds: float = 60.0
    offline_grace_hours: int = 168
    unsure_clock: UnsureClock = UnsureClock.ALLOW
    counts_passages: bool = False
    """A turnstile: the arm moves people, not the tap."""
    shadow: bool = False
    """It listens beside another system and releases nothing."""
    others_relay: bool = False
    """The other system's relay is wired to us; without it, the leaf says that it opened."""


class Trust(Protocol):
    """What this controller may rely on at this moment."""

    @property
    def clock_trusted(self) -> bool:
        """Whether the wall clock is known to be right."""

    @property
    def uses_known(self) -> bool:
        """Whether it remembers what was used here; False from the loss of its state to the word of the cloud."""

    @property
    def ring(self) -> KeyRing:
        """The keys the root vouches for."""

    @property
    def cancelled_passes(self) -> Collection[bytes]:
        """The `cti`s that the rules in force say are cancelled."""


class BeforeEntry(Protocol):
    """Hears of an entry before the door lets anybody through: what arms an alarm has to disarm it."""

    def __call__(self, door: DoorId, zone: ZoneId | None, *, known: bool) -> None:
        """This door is about to let somebody into this zone; `known` is False where nobody can say whom."""


class Entries:
    """Who is told before anybody is let in; what fails there never keeps a door shut."""

    def __init__(self) -> None:
        self.watchers: list[BeforeEntry] = []

    def before(self, door: DoorId, zone: ZoneId | None, *, known: bool) -> None:
        """Tell everybody."""
        for watcher in self.watchers:
            try:
                watcher(door, zone, known=known)
            except Exception:
                log.exception("entry_watcher_failed", door=door)


@dataclass(frozen=True, slots=True)
class Controller:
    """What all doors of a controller share."""

    id: ControllerId
    site: SiteId
    clock: Clock
    rules: RulesInForce
    journal: Journal
    presences: Presences
    uses: Uses
    trust: Trust
    digest: Digest
    """Turns the canonical bytes of what was shown into this controller's key for it."""
    first_cards: FirstCards
    keypads: Keypads
    entries: Entries = field(default_factory=Entries)
    sealed: Callable[[CredentialKey], bytes | None] = lambda _key: None
    """The number of a card that was just shown, sealed for the cloud; None where none is to be told."""


@dataclass(frozen=True, slots=True)
class Also:
    """What is written of an answer beside what it was decided on."""

    command: str | None = None
    number: bytes | None = None
    """Of a card, sealed for the cloud; written only when nobody has the card."""


NOTHING_ELSE: Final = Also()


@dataclass(slots=True)
class Fittings:
    """What is mounted at one door."""

    mechanics: Mechanics
    readers: Mapping[Side, Reader]
    indicators: Mapping[Side, Indicator] = field(default_factory=dict)
    partner: Callable[[], bool] | None = None
    """Whether the interlocked partner is secured."""
