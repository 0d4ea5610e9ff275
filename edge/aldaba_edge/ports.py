"""The edge's ports: what the door, the sync and the journal need of the world, as structural types.

Everything on this side of a port runs on one event loop and is written in
callbacks, never in coroutines: the asyncio loop of a Pi and the hand-turned
clock of the simulated world can then drive the very same code, one callback at
a time and in an order that can be replayed. Drivers live on threads of their
own and may only `post` what they saw; the loop calls it back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from aldaba_shared.ids import CredentialKey


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


class CredentialKind(StrEnum):
    """How a credential is told apart on the wire; part of what its key digests (`aldaba_shared.keys`)."""

    UID = "uid"
    WIEGAND = "wiegand"
    PASS = "pass"  # noqa: S105 - a kind of credential, not a secret
    PIN = "pin"
    PKOC = "pkoc"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class CardSeen:
    """A well-formed credential; its number stayed in the driver, only the keyed digest leaves."""

    kind: CredentialKind
    key: CredentialKey


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


Reading: TypeAlias = CardSeen | PassSeen | Unreadable | ReaderLost | ReaderBack
"""What a reader's driver may post."""

Digest: TypeAlias = Callable[[CredentialKind, bytes], CredentialKey]
"""Turns canonical card bytes into this controller's key; the number never leaves the driver that was given it."""


class Signal(StrEnum):
    """What a reader or indicator shows a person; profiles say how (LED, buzzer, pattern)."""

    READY = "ready"
    GRANTED = "granted"
    DENIED = "denied"
    WAIT = "wait"
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
