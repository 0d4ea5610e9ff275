"""QR scanners on a serial line: lines of text, and the command frames of the GM65 family.

A scanned code ends with CR, LF or silence. The GM65 puts the acknowledgement
of a command on the same stream, before or inside a code: seven bytes that hold
NUL and therefore never stand in a text, so they are taken out wherever they
come, as soon as they are whole.
"""

from binascii import crc_hqx
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from aldaba_edge.codecs.malformed import Malformed

LONGEST_CODE: Final = 1024
GM65_ACK: Final = bytes.fromhex("02000001003331")
UNCHECKED: Final = bytes.fromhex("abcd")
"""Instead of a CRC, in a command that the module is to take as it is."""

WRITE_ZONE: Final = 0x08
ZONE_MODE: Final = 0x0000
ZONE_BAUD: Final = 0x002A
FACTORY_BAUD: Final = 9_600
SPEEDS: Final = (1_200, 4_800, 9_600, 14_400, 19_200, 38_400, 57_600, 115_200)
_BAUD_CLOCK: Final = 3_000_000
MODE_CONTINUOUS: Final = b"\xd6"

_COMMAND_HEAD: Final = b"\x7e\x00"
_FIRST_PRINTABLE: Final = 0x20


@dataclass(frozen=True, slots=True)
class CodeSeen:
    """The text of a code, without its terminator, 1 to 1024 bytes, none of them a control character."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The module took a command."""


Scanned: TypeAlias = CodeSeen | Acknowledged | Malformed


def build_command(kind: int, address: int, data: bytes, *, checked: bool = True) -> bytes:
    """A GM65 command: 7E 00, kind, length, address, data, CRC-16/XMODEM over kind to data (or AB CD)."""
    body = bytes([kind, len(data)]) + address.to_bytes(2) + data
    crc = crc_hqx(body, 0).to_bytes(2) if checked else UNCHECKED
    return _COMMAND_HEAD + body + crc


def set_baud(baud: int) -> bytes:
    """The command that changes the module's speed until its power goes: its divisor, low byte first."""
    divisor = (2 * _BAUD_CLOCK + baud) // (2 * baud)
    return build_command(WRITE_ZONE, ZONE_BAUD, divisor.to_bytes(2, "little"))


def baud_of(frame: bytes) -> int | None:
    """The speed, in the manual's own steps, that a whole command frame asks for; None for another command."""
    if len(frame) != len(set_baud(FACTORY_BAUD)) or frame[:6] != set_baud(FACTORY_BAUD)[:6]:
        return None
    return next((baud for baud in SPEEDS if set_baud(baud)[6:8] == frame[6:8]), None)


def command_is_sound(frame: bytes) -> bool:
    """Whether a whole command frame has the right head and a right or waived checksum; the module's side."""
    return frame.startswith(_COMMAND_HEAD) and frame[-2:] in (UNCHECKED, crc_hqx(frame[2:-2], 0).to_bytes(2))


@dataclass(slots=True)
class CodeReader:
    """Bytes of a scanner to codes; keeps at most 1 KiB and drops a longer code whole."""

    _kept: bytes = b""
    _dropping: bool = field(default=False)

    def feed(self, received: bytes) -> list[Scanned]:
        """Everything that became complete with these bytes, acknowledgements first."""
        buffer = self._kept + received
        acks: list[Scanned] = []
        while GM65_ACK in buffer:
            buffer = buffer.replace(GM65_ACK, b"", 1)
            acks.append(Acknowledged())
        *lines, rest = buffer.replace(b"\n", b"\r").split(b"\r")
        codes = [code for line in lines for code in self._end(line)]
        self._dropping = self._dropping or len(rest) > LONGEST_CODE
        self._kept = b"" if self._dropping else rest
        return acks + codes

    def silence(self) -> list[Scanned]:
        """The line has been quiet: what is there is a whole code."""
        rest, self._kept = self._kept, b""
        return self._end(rest)

    @property
    def pending(self) -> int:
        """How many bytes wait for their terminator."""
        return len(self._kept)

    def _end(self, line: bytes) -> list[Scanned]:
        dropped, self._dropping = self._dropping, False
        if dropped or len(line) > LONGEST_CODE:
            return [Malformed("scan_too_long")]
        if not line:
            return []
        return [Malformed("scan_control_bytes") if min(line) < _FIRST_PRINTABLE else CodeSeen(line)]


@dataclass(slots=True)
class RepeatFilter:
    """Ignores the same code for a while, since a scanner reads what is held to it many times a second."""

    seconds: float
    _text: bytes = b""
    _until: float = 0.0

    def is_new(self, text: bytes, at: float) -> bool:
        """Whether this code is another one, or the same after the pause."""
        if text == self._text and at < self._until:
            return False
        self._text, self._until = text, at + self.seconds
        return True
