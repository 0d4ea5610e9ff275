"""What a door loop is made of: the configuration's word, what a controller shares, what is mounted."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aldaba_edge.door_mode import FirstCards
from aldaba_edge.keypads import Keypads
from aldaba_edge.mechanics import Mechanics
from aldaba_edge.ports import Clock, Digest, Indicator, Journal, Presences, Reader, RulesInForce, Uses
from aldaba_shared.decide import Side, UnsureClock
from aldaba_shared.envelope import KeyRing
from aldaba_shared.ids import ControllerId, DoorId, SiteId, ZoneId


@dataclass(frozen=True, slots=True)
class DoorPlan:
    """What the configuration says of one door; durations in seconds."""

    id: DoorId
    into: Mapping[Side, ZoneId | None]
    """Where each side leads; `EGRESS` leads to the street unless the configuration says otherwise."""
    release_seconds: float = 5.0
    long_access_seconds: float = 15.0
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


@dataclass(slots=True)
class Fittings:
    """What is mounted at one door."""

    mechanics: Mechanics
    readers: Mapping[Side, Reader]
    indicators: Mapping[Side, Indicator] = field(default_factory=dict)
    partner: Callable[[], bool] | None = None
    """Whether the interlocked partner is secured."""
