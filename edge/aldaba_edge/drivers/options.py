"""What each built-in driver can be told: one struct a driver, checked as a whole by the registry.

They stand apart from the drivers so that a configuration can be checked
without importing gpiozero, pyserial or pyscard. Durations carry their unit.
The three facts on which a lock's level depends have no default anywhere.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec

from aldaba_edge.codecs.wiegand import FORMATS, Timing, WiegandFormat
from aldaba_edge.drivers.patterns import Patterns
from aldaba_shared.keys import CredentialKind

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


PROVABLE: Final = (CredentialKind.PKOC, CredentialKind.DESFIRE, CredentialKind.NTAG424)
ALL_KINDS: Final = (*PROVABLE, CredentialKind.UID)


class CardOptions(Options, frozen=True, kw_only=True):
    """What readers of cards have in common: which kinds they take, in the order in which a card is asked.

    Without `uid` the door takes no card that can be copied.
    """

    accepts: tuple[CredentialKind, ...] = ALL_KINDS

    def __post_init__(self) -> None:
        """Refuse an order that asks for nothing, for the same twice, or for what no card can be.

        Raises:
            ValueError: msgspec turns it into a mistake of the configuration.
        """
        if not self.accepts or len(set(self.accepts)) < len(self.accepts) or set(self.accepts) - set(ALL_KINDS):
            message = f"accepts must name each kind once, of {', '.join(ALL_KINDS)}"
            raise ValueError(message)


class Pn532Options(CardOptions, frozen=True, kw_only=True):
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


class I2cLockOptions(Options, frozen=True, kw_only=True):
    """A strike or magnet on a relay of an I2C board, relays numbered from 1; the three facts are the installer's."""

    board: str
    bus: Path = "/dev/i2c-1"
    address: Annotated[int, msgspec.Meta(ge=0x03, le=0x77)]
    relay: Annotated[int, msgspec.Meta(ge=1, le=16)]
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
    patterns: Patterns = {}


class NativePinsOptions(Options, frozen=True, kw_only=True):
    """The Pi's own pins, through the library gpiozero finds (lgpio)."""


Microseconds = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class CardFormats(Options, frozen=True, kw_only=True):
    """Which formats a reader's cards have, one a length; other formats are data."""

    formats: tuple[str, ...]
    custom_formats: tuple[WiegandFormat, ...] = ()
    forget_pin_ms: Milliseconds = 10_000

    def __post_init__(self) -> None:
        """Refuse formats that do not exist or cannot be told apart.

        Raises:
            ValueError: msgspec turns it into a mistake of the configuration.
        """
        unknown = [name for name in self.formats if name not in FORMATS]
        if unknown:
            message = f"no Wiegand format is called {', '.join(unknown)}; use {', '.join(FORMATS)}, or custom_formats"
            raise ValueError(message)
        taken = [known.name for known in self.custom_formats if known.name in FORMATS]
        if taken:
            message = f"custom_formats: {', '.join(taken)} is a format already; give yours a name of its own"
            raise ValueError(message)
        lengths = [known.bits for known in self.known_formats()]
        if len(set(lengths)) < len(lengths) or not lengths:
            message = f"formats of {lengths} bits: name at least one, and one a length, or cards could be mistaken"
            raise ValueError(message)

    def known_formats(self) -> tuple[WiegandFormat, ...]:
        """The formats by name and those that are data."""
        return (*(FORMATS[name] for name in self.formats), *self.custom_formats)


class WiegandOptions(CardFormats, frozen=True, kw_only=True):
    """A Wiegand reader on two pins."""

    d0: Pin
    d1: Pin
    pulse_us: tuple[Microseconds, Microseconds] = (20, 100)
    interval_us: tuple[Microseconds, Microseconds] = (200, 20_000)
    silence_ms: Milliseconds = 50

    def __post_init__(self) -> None:
        """Refuse formats as above, and one pin for both lines.

        Raises:
            ValueError: msgspec turns it into a mistake of the configuration.
        """
        super().__post_init__()
        if self.d0 == self.d1:
            message = "d0 and d1 are the same pin"
            raise ValueError(message)

    def timing(self) -> Timing:
        """The accepted pulses, in seconds."""
        pulse_us, interval_us = self.pulse_us, self.interval_us
        return Timing(
            pulse=(pulse_us[0] / 1e6, pulse_us[1] / 1e6),
            interval=(interval_us[0] / 1e6, interval_us[1] / 1e6),
            silence=self.silence_ms / 1e3,
        )


class ScannerFamily(StrEnum):
    """How a scanner talks: the GM65 family answers commands, plain ones only send codes."""

    GM65 = "gm65"
    PLAIN = "plain"


class ScannerOptions(Options, frozen=True, kw_only=True):
    """A QR scanner on a serial line; a code ends with CR, LF or `quiet_ms` of silence."""

    path: Path
    family: ScannerFamily
    baud: Baud = 9_600
    quiet_ms: Annotated[int, msgspec.Meta(ge=20, le=1_000)] = 50
    repeat_ms: Milliseconds = 3_000
    probe_ms: Milliseconds = 30_000
    retry_ms: Milliseconds = 500


HexBytes = Annotated[str, msgspec.Meta(pattern="^([0-9A-Fa-f]{2})+$")]


class PcscOptions(CardOptions, frozen=True, kw_only=True):
    """A reader behind pcscd: its whole name, or a part of it that fits no other reader of this controller."""

    reader: Path
    uid: HexBytes = "FFCA000000"
    granted: tuple[HexBytes, ...] = ()
    long_access: tuple[HexBytes, ...] = ()
    """Granted, for who needs longer; without it the same as `granted`."""
    denied: tuple[HexBytes, ...] = ()
    quiet: tuple[HexBytes, ...] = ()
    retry_ms: Milliseconds = 500


class OsdpOptions(CardFormats, frozen=True, kw_only=True):
    """A reader on an OSDP bus; several readers name the same `path` and each its own `address` and key.

    `key_file` holds the reader's Secure Channel base key, 32 hexadecimal digits
    for the daemon's account alone; `aldaba-edge osdp-key` makes it and installs
    it. A reader without one is not served: there is no way to run it in clear.
    """

    path: Path
    address: Annotated[int, msgspec.Meta(ge=0, le=126)]
    key_file: Path
    baud: Literal[9600, 19200, 38400, 57600, 115200, 230400] = 9600
    serial_numbers: bool = True
    """Whether a card of 32, 56 or 80 bits that is of no format is taken as its serial number (UID)."""
    patterns: Patterns = {}
    retry_ms: Milliseconds = 500
