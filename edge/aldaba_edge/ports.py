"""The edge's ports: what the door, the sync and the journal need of the world, as structural types.

Everything on this side of a port runs on one event loop and is written in
callbacks, never in coroutines: the asyncio loop of a Pi and the hand-turned
clock of the simulated world can then drive the very same code, one callback at
a time and in an order that can be replayed. Drivers live on threads of their
own and may only `post` what they saw; the loop calls it back.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from aldaba_shared.card_keys import KeySet
from aldaba_shared.door_rules import DoorRules
from aldaba_shared.events import AnyEvent
from aldaba_shared.ids import ControllerId, CredentialKey, DoorId, HolderId, ScheduleId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.messages import Head
from aldaba_shared.presence import Order, Presence, PresenceRules
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Rules
from aldaba_shared.schedule import Schedule


class Timer(Protocol):
    """A call that has been promised and can still be withdrawn."""

    def cancel(self) -> None:
        """Withdraw the call; harmless when it already happened."""


class Clock(Protocol):
    """Time and promises of time; the only way the edge learns either."""

    def now(self) -> datetime:
        """The wall clock as an aware UTC instant; it may jump."""

    def monotonic(self) -> float:
        """Seconds that never go back within one boot."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back on the loop after this many monotonic seconds."""


@dataclass(frozen=True, slots=True)
class CardSeen:
    """A well-formed credential; its number stayed in the driver, only the keyed digest leaves.

    `counter` is what a tag proved beside its name: it must be greater than any
    that was shown before, here or at a peer. `refusal` is what the reader itself
    already found wrong: a card of a kind that its door does not take.
    """

    kind: CredentialKind
    key: CredentialKey
    counter: int | None = None
    refusal: Reason | None = None


@dataclass(frozen=True, slots=True)
class CardRefused:
    """A card that claims to be of a kind and could not prove it. `why` is a code, never the card's bytes."""

    kind: CredentialKind
    why: str


@dataclass(frozen=True, slots=True)
class PassSeen:
    """The text of a QR code, at most 1 KiB, not yet verified."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no credential: bounded, dropped, and said once. `why` is an error code, never the bytes."""

    why: str


@dataclass(frozen=True, slots=True)
class ReaderLost:
    """The device stopped answering; the driver goes on trying with backoff."""

    why: str


@dataclass(frozen=True, slots=True)
class ReaderBack:
    """The device answers again."""


@dataclass(frozen=True, slots=True)
class ReaderTampered:
    """The reader says that it was opened or lost its supply, or it is no longer the one that was keyed."""

    why: str


@dataclass(frozen=True, slots=True)
class PinTyped:
    """Digits that somebody completed at a keypad, as this controller's key for them: a PIN, a sealed code, a guess."""

    key: CredentialKey


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """One key of a keypad, whichever it was: it is answered, or nobody knows that it was felt."""


Reading: TypeAlias = (
    CardSeen | CardRefused | PassSeen | PinTyped | KeyPressed | Unreadable | ReaderLost | ReaderBack | ReaderTampered
)
"""What a reader's driver may post."""

Digest: TypeAlias = Callable[[CredentialKind, bytes], CredentialKey]
"""Turns canonical card bytes into this controller's key; the number never leaves the driver that was given it."""


@dataclass(frozen=True, slots=True)
class CardWays:
    """What a reader needs to ask cards for proof.

    `key_sets` gives the versions of the site's card keys that are accepted now;
    `reader_id` is what a PKOC card is told of this reader, 32 bytes.
    """

    key_sets: Callable[[], tuple[KeySet, ...]] = tuple
    reader_id: bytes = bytes(32)


NO_CARD_KEYS: Final = CardWays()


class Signal(StrEnum):
    """What a reader or indicator shows a person; profiles say how (LED, buzzer, pattern)."""

    READY = "ready"
    GRANTED = "granted"
    DENIED = "denied"
    LONG_ACCESS = "long_access"
    """Granted, for somebody who needs more time: shown longer, with sound and light."""
    WAIT = "wait"
    KEY = "key"
    """A key was felt; every key sounds alike."""
    PRE_ALARM = "pre_alarm"
    """The leaf stands open and will soon be an alarm: shut it."""
    OFFLINE = "offline"


class Reader(Protocol):
    """A reader on one side of a door."""

    def open(self, post: Callable[[Reading], None]) -> None:
        """Start reading; `post` may be called from any thread, at once or for as long as the reader is open."""

    def show(self, signal: Signal) -> None:
        """Show a signal on the device; returns at once and never raises for a lost device."""

    def close(self) -> None:
        """Stop reading and join the thread; idempotent."""


class Lock(Protocol):
    """What holds a door shut. Opening the driver drives the secured level before anything else."""

    def release(self) -> None:
        """Let people through."""

    def secure(self) -> None:
        """Hold the door shut."""

    def close(self) -> None:
        """Drive the secured level, then let the pin go; idempotent."""


class Contact(Protocol):
    """A debounced input: a door contact, an exit button, a turnstile's passage output, a tamper switch."""

    @property
    def active(self) -> bool:
        """The level now: open, pressed, passing."""

    def open(self, post: Callable[[bool], None]) -> None:
        """Report every debounced change; may be called from any thread."""

    def close(self) -> None:
        """Stop reporting; idempotent."""


class Indicator(Protocol):
    """An LED or a buzzer wired to pins, where the reader has none of its own."""

    def show(self, signal: Signal) -> None:
        """Show a signal; returns at once."""

    def close(self) -> None:
        """Turn off and let the pins go; idempotent."""


KEPT_FOR_EVER: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Until when the use of a thing without an end is kept."""


@dataclass(frozen=True, slots=True)
class Use:
    """Something that may be used once, or so often, was used here; kept until it could not be shown any more.

    `name` is what every controller of the site calls it: a credential's id, or a
    pass and the zone it leads into. `value` is greater than the one before it: the
    card's counter, the moment of a phone's code in milliseconds, how many uses so far.
    """

    name: str
    value: int
    until: datetime


class Journal(Protocol):
    """The books of this controller: append-only, chained, durable."""

    @property
    def id(self) -> str:
        """The random id made with the journal's file."""

    def record(
        self,
        event: AnyEvent,
        *,
        then: Callable[[int], None] | None = None,
        spend: Use | None = None,
    ) -> int:
        """Write an event as the next line and return its sequence at once.

        `then` is called on the loop with the sequence once the line is durable.
        `spend` is committed before the line, so that nothing can be used
        twice by pulling the plug.
        """


class RulesInForce(Rules, Protocol):
    """The rule set that is in force, and how far it can be trusted; swapped as a whole, never half."""

    @property
    def verified(self) -> bool:
        """Whether a signed head covers the rows now in use."""

    @property
    def head(self) -> Head | None:
        """The last verified head, whose `issued_at` gives the rules their age."""

    def public_key(self, key: CredentialKey) -> bytes | None:
        """The uncompressed point (SEC 1) of a credential that proves possession, or None."""

    @property
    def presence(self) -> PresenceRules:
        """The zones of the site and their limits."""

    def door_rules(self, door: DoorId) -> DoorRules:
        """What the rules say of a door itself; `NOTHING_SAID` where they say nothing."""

    def schedule(self, id_: ScheduleId) -> Schedule | None:
        """A schedule by its id; None while no rules can be read."""


class Presences(Protocol):
    """Who this controller believes is where: its own movements and its peers', kept over a restart."""

    def stays(self) -> Presence:
        """The stays known now; do not change what you are given."""

    def move(self, holder: HolderId, zone: ZoneId, order: Order) -> None:
        """Take a movement into account; an older one than known changes nothing."""

    def apart(self, controllers: Collection[ControllerId]) -> bool:
        """Whether any of these controllers, this one apart, cannot be heard."""

    def door_secured(self, door: DoorId) -> bool | None:
        """Whether a door of this site is secured; None while nobody who knows can be heard."""

    def doors_changed(self) -> None:
        """A door of ours was released, secured, opened or shut."""


class Uses(Protocol):
    """What was used here and, as far as they can talk, at the site's other controllers; survives SIGKILL."""

    def latest(self, name: str) -> int:
        """The greatest value accepted here or at a peer; 0 when there is none."""

    def total(self, name: str) -> int:
        """The sum of what was accepted here and at each peer."""

    def own(self, name: str) -> int:
        """What was accepted here alone."""


class Link(Protocol):
    """The way to the broker. Calls come back on the loop."""

    def start(self, on_connect: Callable[[], None], on_message: Callable[[str, bytes], None]) -> None:
        """Connect and stay connected, with backoff.

        The link subscribes to this controller's down and state topics and to the
        presence topics of its site before it calls `on_connect`.
        """

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send with QoS 1; silently dropped while there is no connection: application acks decide what arrived."""

    @property
    def connected(self) -> bool:
        """Whether the broker answers now."""

    def credentials_changed(self) -> None:
        """Another certificate is on disk: show it from the next connection on."""

    def stop(self) -> None:
        """Disconnect; idempotent."""


class Snapshots(Protocol):
    """The way to a whole rule set over HTTPS."""

    def fetch(self, request: bytes, into: Path, then: Callable[[bool], None]) -> None:
        """Download into a file, off the loop; `then` is called on the loop with whether it worked."""
