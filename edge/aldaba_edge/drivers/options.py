"""What each built-in driver can be told: one struct a driver, checked as a whole by the registry.

They stand apart from the drivers so that a configuration can be checked
without importing gpiozero, pyserial or pyscard. Durations carry their unit.
The three facts on which a lock's level depends have no default anywhere.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

Pin = Annotated[int, msgspec.Meta(ge=0, le=27, description="BCM number of a pin of the 40-pin header")]
Milliseconds = Annotated[int, msgspec.Meta(ge=1, le=600_000)]
Path = Annotated[str, msgspec.Meta(min_length=1)]
Baud = Annotated[int, msgspec.Meta(ge=1200, le=921_600)]


class RelayContact(StrEnum):
    """Which contact of the relay the lock is wired to: closed while energised (NO) or while not (NC)."""

    NO = "NO"
    NC = "NC"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of every driver's options: an unknown key is a mistake, not a wish."""


class Pn532Options(Options, frozen=True, kw_only=True):
    """A PN532 on a serial line."""

    path: Path
    baud: Baud = 115_200
    poll_ms: Milliseconds = 100
    absent_ms: Milliseconds = 400
    probe_ms: Milliseconds = 10_000
    retry_ms: Milliseconds = 500


class GpioLockOptions(Options, frozen=True, kw_only=True):
    """A strike or magnet on a relay board. The three facts are the installer's to say."""

    pin: Pin
    fail_safe: bool
    contact: RelayContact
    active_low: bool


class GpioContactOptions(Options, frozen=True, kw_only=True):
    """A dry contact between a pin and ground (`pull` up) or supply (`pull` down)."""

    pin: Pin
    pull: Annotated[str, msgspec.Meta(pattern="^(up|down)$")] = "up"
    active_when_closed: bool = False
    debounce_ms: Annotated[int, msgspec.Meta(ge=1, le=399)] = 50


class GpioIndicatorOptions(Options, frozen=True, kw_only=True):
    """LEDs and a buzzer on pins; leave out what is not wired."""

    green: Pin | None = None
    red: Pin | None = None
    buzzer: Pin | None = None
    active_low: bool


class NativePinsOptions(Options, frozen=True, kw_only=True):
    """The Pi's own pins, through the library gpiozero finds (lgpio)."""
