"""The PN532's frames on a serial line (High Speed UART), and the few answers a door needs of it.

Source of the rules: NXP UM0701-02 section 6.2.1. A frame is preamble 00, start
code 00 FF, length and its complement, one direction byte (D4 to the chip, D5
from it), the data, a checksum and a postamble. Lengths over 255 use the
extended form, whose length field is FF FF and two bytes more. The same parser
serves the driver and the simulator, since the two directions differ in one byte.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from aldaba_edge.codecs.malformed import Malformed

TO_CHIP: Final = 0xD4
FROM_CHIP: Final = 0xD5

LONGEST_DATA: Final = 265
"""Direction byte and data of the longest frame the chip knows (UM0701-02, extended frame)."""

LONGEST_NORMAL: Final = 255
ISO_A_UID_LENGTHS: Final = (4, 7, 10)

ACK_BYTES: Final = bytes.fromhex("0000ff00ff00")
NACK_BYTES: Final = bytes.fromhex("0000ffff0000")
ERROR_BYTES: Final = bytes.fromhex("0000ff01ff7f8100")
WAKE_BYTES: Final = bytes.fromhex("55550000000000000000000000000000")
"""Sent before a frame after silence: the chip sleeps with its UART clock off and loses the first bytes."""

SAM_CONFIGURATION: Final = bytes.fromhex("1401")
GET_FIRMWARE_VERSION: Final = bytes.fromhex("02")
LIST_ONE_ISO_A: Final = bytes.fromhex("4a0100")

IN_DATA_EXCHANGE: Final = bytes.fromhex("4001")
"""To target 1; the APDU follows."""
SPEAKS_APDUS: Final = 0x20
"""The bit of the SAK that says ISO 14443-4."""

_START: Final = b"\x00\xff"
_QUIET: Final = b"\x00\x55"
_ERROR_DATA: Final = 0x7F
_LIST_ANSWER: Final = 0x4B
_SHORT_FIELD: Final = 2
_LONG_FIELD: Final = 3
_TARGET_HEAD: Final = 5
_EXCHANGE_ANSWER: Final = 0x41
_EXCHANGE_HEAD: Final = 2
_ERROR_BITS: Final = 0x3F
"""A target's number, ATQA (2), SAK and UID length stand before its UID."""


@dataclass(frozen=True, slots=True)
class Ack:
    """The other side took our frame."""


@dataclass(frozen=True, slots=True)
class Nack:
    """The other side wants the last frame again."""


@dataclass(frozen=True, slots=True)
class ChipError:
    """The application-level error frame: the chip did not understand the command."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A checked frame: `direction` is TO_CHIP or FROM_CHIP, `data` the command or answer code and its body."""

    direction: int
    data: bytes


Item: TypeAlias = Ack | Nack | ChipError | Frame | Malformed


def build_frame(direction: int, data: bytes) -> bytes:
    """Wrap a command or an answer; normal form up to 255 bytes with the direction, extended form above.

    Raises:
        ValueError: the data is longer than the chip's buffer, which is our own mistake and no input.
    """
    body = bytes([direction]) + data
    if len(body) > LONGEST_DATA:
        message = f"A PN532 frame carries {LONGEST_DATA - 1} bytes of data at most, not {len(data)}."
        raise ValueError(message)
    tail = bytes([-sum(body) & 0xFF, 0x00])
    return b"\x00" + _START + _length_field(len(body)) + body + tail


def _length_field(length: int) -> bytes:
    if length <= LONGEST_NORMAL:
        return bytes([length, -length & 0xFF])
    high, low = divmod(length, 256)
    return bytes([0xFF, 0xFF, high, low, -(high + low) & 0xFF])


class FrameParser:
    """Finds frames in whatever the line delivers; keeps at most one frame's bytes between calls.

    After a broken frame the search goes on right behind its start code, so that
    a good frame which follows, or hides inside the broken one, is still found.
    """

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, received: bytes) -> list[Item]:
        """Everything that became complete with these bytes, in order; junk becomes `Malformed`."""
        buffer = self._kept + received
        items: list[Item] = []
        at = 0
        while (start := buffer.find(_START, at)) >= 0:
            if start > at:
                items += _noise(buffer[at:start])
            item, end = _one(buffer, start + 2)
            if item is None:
                self._kept = buffer[start:]
                return items
            items.append(item)
            at = end
        rest = buffer[at:]
        if not rest:
            self._kept = b""
            return items
        self._kept = b"\x00" if rest.endswith(b"\x00") else b""
        return items + _noise(rest)

    def silence(self) -> list[Item]:
        """The line has been quiet: no more bytes of a begun frame will come, so look for frames inside it."""
        items: list[Item] = []
        while len(self._kept) > 1:
            begun, self._kept = self._kept, b""
            items += [Malformed("pn532_cut"), *self.feed(begun[2:])]
        return items

    @property
    def pending(self) -> int:
        """How many bytes wait for their frame to become complete."""
        return len(self._kept)


def _noise(skipped: bytes) -> list[Item]:
    return [Malformed("pn532_noise")] if skipped.strip(_QUIET) else []


def _one(buffer: bytes, at: int) -> tuple[Item | None, int]:
    """The frame whose start code ends at `at`, and where to go on; None while bytes are missing."""
    head = buffer[at : at + 5]
    if len(head) < _SHORT_FIELD:
        return None, at
    match head[0], head[1]:
        case 0x00, 0xFF:
            return Ack(), at + 2
        case 0xFF, 0x00:
            return Nack(), at + 2
        case 0xFF, 0xFF:
            return _extended(buffer, at)
    if (head[0] + head[1]) & 0xFF:
        return Malformed("pn532_length_checksum"), at
    return _body(buffer, at, at + 2, head[0])


def _extended(buffer: bytes, at: int) -> tuple[Item | None, int]:
    field = buffer[at + 2 : at + 5]
    if len(field) < _LONG_FIELD:
        return None, at
    if sum(field) & 0xFF:
        return Malformed("pn532_length_checksum"), at
    return _body(buffer, at, at + 5, field[0] * 256 + field[1])


def _body(buffer: bytes, start: int, at: int, length: int) -> tuple[Item | None, int]:
    """The checked data of `length` bytes from `at`; a broken one is skipped only up to `start`."""
    if not 0 < length <= LONGEST_DATA:
        return Malformed("pn532_length"), start
    if len(buffer) < at + length + 1:
        return None, start
    data, end = buffer[at : at + length], at + length + 1
    if sum(buffer[at:end]) & 0xFF:
        return Malformed("pn532_data_checksum"), start
    if length == 1:
        return (ChipError() if data[0] == _ERROR_DATA else Malformed("pn532_no_data")), end
    if data[0] not in (TO_CHIP, FROM_CHIP):
        return Malformed("pn532_direction"), end
    return Frame(data[0], data[1:]), end


@dataclass(frozen=True, slots=True)
class Target:
    """A card in the field, ISO 14443 type A: its ATQA, SAK, UID (4, 7 or 10 bytes) and ATS (empty when it has none)."""

    number: int
    atqa: bytes
    sak: int
    uid: bytes
    ats: bytes = b""


def read_targets(data: bytes) -> tuple[Target, ...] | Malformed:
    """The cards in an answer to InListPassiveTarget (4B), in the chip's order; exact to the last byte."""
    if len(data) < _SHORT_FIELD or data[0] != _LIST_ANSWER:
        return Malformed("pn532_not_a_list")
    targets: list[Target] = []
    rest = data[2:]
    for _ in range(data[1]):
        found = _one_target(rest)
        if isinstance(found, Malformed):
            return found
        target, rest = found
        targets.append(target)
    return Malformed("pn532_target_tail") if rest else tuple(targets)


def _one_target(rest: bytes) -> tuple[Target, bytes] | Malformed:
    if len(rest) < _TARGET_HEAD or rest[4] not in ISO_A_UID_LENGTHS or len(rest) < _TARGET_HEAD + rest[4]:
        return Malformed("pn532_target_cut")
    number, atqa, sak, uid = rest[0], rest[1:3], rest[3], rest[_TARGET_HEAD : _TARGET_HEAD + rest[4]]
    rest = rest[_TARGET_HEAD + len(uid) :]
    if not sak & 0x20 or not rest:
        return Target(number, atqa, sak, uid), rest
    length = rest[0]  # an ATS counts itself
    if not 0 < length <= len(rest):
        return Malformed("pn532_ats_cut")
    return Target(number, atqa, sak, uid, rest[:length]), rest[length:]


def build_targets(targets: tuple[Target, ...]) -> bytes:
    """The answer to InListPassiveTarget a chip would give; the inverse of `read_targets`."""
    answer = bytes([_LIST_ANSWER, len(targets)])
    for card in targets:
        answer += bytes([card.number]) + card.atqa + bytes([card.sak, len(card.uid)]) + card.uid + card.ats
    return answer


def read_exchange(data: bytes) -> bytes | None:
    """What the card said, out of the answer to InDataExchange; None when the chip reports that it said nothing."""
    if len(data) < _EXCHANGE_HEAD or data[0] != _EXCHANGE_ANSWER or data[1] & _ERROR_BITS:
        return None
    return data[_EXCHANGE_HEAD:]
