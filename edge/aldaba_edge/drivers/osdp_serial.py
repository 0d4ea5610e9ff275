"""A reader on an OSDP bus with Secure Channel: cards, keys, tamper and power, its own LED and buzzer.

Its base key is a file of its own, made and installed by `aldaba-edge osdp-key`
and by nothing else: this driver never sets a key and never speaks in clear.
"""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import osdp

from aldaba_edge.backoff import Backoff
from aldaba_edge.codecs.keypad import PinEntry
from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.codecs.osdp import SerialNumber, read_card, read_keys
from aldaba_edge.codecs.wiegand import CardNumber
from aldaba_edge.drivers.key_presses import readings_of
from aldaba_edge.drivers.options import OsdpOptions
from aldaba_edge.drivers.osdp_bus import Command, Event, Member, OsdpBus
from aldaba_edge.drivers.osdp_station import Station
from aldaba_edge.drivers.patterns import Blink, Lamp, Pattern, pattern_of
from aldaba_edge.ports import CardSeen, Digest, ReaderTampered, Reading, Signal, Unreadable
from aldaba_shared.errors import AldabaError
from aldaba_shared.keys import CredentialKind, wiegand_canonical

KEY_BYTES: Final = 16
LONGEST_COUNT: Final = 255
PERMANENT, TEMPORARY = 1, 2
"""Control codes of an LED: for good, or for a while on top of what is there for good (OSDP 2.2, 6.10)."""
SILENT, TONE = 1, 2
_COLOURS: Final = {Lamp.RED: osdp.CommandLEDColor.Red, Lamp.GREEN: osdp.CommandLEDColor.Green}


class OsdpKeyUnusable(AldabaError):
    """The key file of a reader is missing, readable by others, or no key."""

    code = "osdp_key_unusable"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The key {path} of an OSDP reader cannot be used: {why}. "
            "Put the reader into its install mode and run `aldaba-edge osdp-key DOOR SIDE --install`."
        )


def read_key(path: Path) -> bytes:
    """The reader's base key.

    Raises:
        OsdpKeyUnusable: it is missing, others can read it, or it is not 32 hexadecimal digits.
    """
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise OsdpKeyUnusable(path, f"others can read it (chmod go= {path})")
        key = bytes.fromhex(path.read_text("ascii"))
    except OSError as error:
        raise OsdpKeyUnusable(path, str(error.strerror)) from error
    except ValueError as error:
        raise OsdpKeyUnusable(path, "it is not 32 hexadecimal digits") from error
    if len(key) != KEY_BYTES:
        raise OsdpKeyUnusable(path, "it is not 32 hexadecimal digits")
    return key


class OsdpReader:
    """One reader of a bus; satisfies the `Reader` port."""

    def __init__(self, options: OsdpOptions, digest: Digest, bus: OsdpBus) -> None:
        self._options = options
        self._digest = digest
        self._bus = bus
        self._key = read_key(Path(options.key_file))
        self._formats = options.known_formats()
        self._pin_entry = PinEntry(options.forget_pin_ms / 1000)
        self._member: Member | None = None
        self._status = (0, 0)

    def open(self, post: Callable[[Reading], None]) -> None:
        """Join the bus."""
        station = Station(Backoff(first=self._options.retry_ms / 1000), tried_at=0.0)
        self._member = Member(self._options.address, self._key, station, post, self._told(post))
        self._bus.join(self._member)

    def show(self, signal: Signal) -> None:
        """Have the bus show it at its next turn; a reader that is not there shows nothing."""
        if self._member is not None:
            for command in commands_of(pattern_of(signal, self._options.patterns)):
                self._member.commands.put(command)

    def close(self) -> None:
        """Leave the bus; idempotent."""
        member, self._member = self._member, None
        if member is not None:
            self._bus.leave(member)

    def _told(self, post: Callable[[Reading], None]) -> Callable[[Event, float], None]:
        def on_event(event: Event, at: float) -> None:
            for reading in self._readings(event, at):
                post(reading)

        return on_event

    def _readings(self, event: Event, at: float) -> Iterator[Reading]:
        if event["event"] == osdp.Event.CardRead:
            yield self._card(event)
        elif event["event"] == osdp.Event.KeyPress:
            for key in read_keys(event["data"]):
                yield from readings_of(key, at, self._pin_entry, self._digest)
        elif event["event"] == osdp.Event.Status and event["type"] == osdp.StatusReportType.Local:
            yield from self._status_news(event["report"])

    def _card(self, event: Event) -> Reading:
        if event["format"] == osdp.CardFormat.ASCII:
            return Unreadable("osdp_card_format")
        options = self._options
        read = read_card(event["data"], event["length"], self._formats, serial_numbers=options.serial_numbers)
        match read:
            case Malformed(why):
                return Unreadable(why)
            case SerialNumber(uid):
                return CardSeen(CredentialKind.UID, self._digest(CredentialKind.UID, uid))
            case CardNumber(name, facility, number):
                canonical = wiegand_canonical(name, facility, number)
                return CardSeen(CredentialKind.WIEGAND, self._digest(CredentialKind.WIEGAND, canonical))

    def _status_news(self, report: bytes) -> Iterator[Reading]:
        """Tamper and power, each said when it begins; a reader repeats its status as long as it lasts."""
        tamper, power = (*report[:2], 0, 0)[:2]
        was_tamper, was_power = self._status
        self._status = (tamper, power)
        if tamper and not was_tamper:
            yield ReaderTampered("osdp_tamper")
        if power and not was_power:
            yield ReaderTampered("osdp_power")


def commands_of(pattern: Pattern) -> Iterator[Command]:
    """The commands that show a pattern: one for the LED, whose colours are one lamp, and one for the buzzer."""
    colour = next((lamp for lamp in (Lamp.RED, Lamp.GREEN) if lamp in pattern), None)
    yield _led(osdp.CommandLEDColor.Black, None) if colour is None else _led(_COLOURS[colour], pattern[colour])
    yield _buzzer(pattern.get(Lamp.BUZZER))


def _led(colour: int, blink: Blink | None) -> Command:
    lasts = blink.lasts_ms if blink is not None else None
    told = {"command": osdp.Command.LED, "reader": 0, "led_number": 0, "on_color": colour}
    on, off = (0, 0) if blink is None else (_tenths(blink.on_ms), _tenths(blink.off_ms))
    told |= {"on_count": on, "off_count": off, "off_color": osdp.CommandLEDColor.Black, "temporary": lasts is not None}
    if lasts is None:
        return told | {"control_code": PERMANENT, "timer_count": 0}
    return told | {"control_code": TEMPORARY, "timer_count": max(1, lasts // 100)}


def _buzzer(blink: Blink | None) -> Command:
    told = {"command": osdp.Command.Buzzer, "reader": 0}
    if blink is None:
        return told | {"control_code": SILENT, "on_count": 0, "off_count": 0, "rep_count": 1}
    on, off = _tenths(blink.on_ms), _tenths(blink.off_ms)
    return told | {"control_code": TONE, "on_count": on, "off_count": off, "rep_count": blink.times or 0}


def _tenths(milliseconds: int) -> int:
    """Tenths of a second, as OSDP counts; what is shorter is one, what is longer than it can say is the longest."""
    return 0 if milliseconds == 0 else min(LONGEST_COUNT, max(1, round(milliseconds / 100)))
