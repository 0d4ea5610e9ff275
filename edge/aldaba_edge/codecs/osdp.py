"""What stands in the answers of OSDP readers (SIA OSDP 2.2, IEC 60839-11-5): cards, keys, and who answered how.

The protocol itself, its cryptography included, is libosdp's. Read here is what
that library hands over as bytes, and the first bytes of every answer on the
wire, because whether a reader answered in clear is a fact the library keeps to
itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from aldaba_edge.codecs.keypad import CLEAR, ENTER
from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.codecs.wiegand import CardNumber, WiegandFormat, read_bits

START: Final = 0x53
ANSWER: Final = 0x80
"""Set in the address of what a reader says."""
SECURED: Final = 0x08
"""Set in the control byte of a message that carries a security block."""
HEADER_BYTES: Final = 6
LONGEST: Final = 1440
PLAIN_BY_NATURE: Final = frozenset({0x41, 0x45, 0x46, 0x79})
"""NAK, the reader's identity, its capabilities and BUSY: said in clear by every reader, keyed or not."""
SERIAL_BITS: Final = (32, 56, 80)
_DIGITS: Final = {ord("0") + digit: digit for digit in range(10)}
_KEYS: Final = _DIGITS | {0x7F: CLEAR, ord("*"): CLEAR, 0x0D: ENTER, ord("#"): ENTER}


@dataclass(frozen=True, slots=True)
class Answered:
    """A reader said something; `in_clear` when it is something that a keyed reader only says secured."""

    address: int
    in_clear: bool


@dataclass(frozen=True, slots=True)
class SerialNumber:
    """The serial number of a card, as its chip tells it."""

    uid: bytes


Card: TypeAlias = CardNumber | SerialNumber | Malformed


class AnswerReader:
    """Bytes of the bus to the answers in them; keeps no more than one message, and takes nothing for granted."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, received: bytes) -> list[Answered]:
        """The answers that became complete with these bytes."""
        buffer, found = self._kept + received, []
        while (start := buffer.find(START)) >= 0 and len(buffer) - start >= HEADER_BYTES:
            message = buffer[start:]
            length = int.from_bytes(message[2:4], "little")
            if not HEADER_BYTES <= length <= LONGEST:
                buffer = message[1:]
                continue
            if len(message) < length:
                break
            if message[1] & ANSWER:
                found.append(_answered(message))
            buffer = message[length:]
        self._kept = buffer[-LONGEST:] if start >= 0 else b""
        return found


def _answered(message: bytes) -> Answered:
    secured = bool(message[4] & SECURED)
    return Answered(message[1] & ~ANSWER, in_clear=not secured and message[5] not in PLAIN_BY_NATURE)


def read_card(data: bytes, bits: int, formats: Iterable[WiegandFormat], *, serial_numbers: bool) -> Card:
    """A card of `bits` bits, packed from the first byte's highest bit on, as one of the formats or a serial number."""
    if not 0 < bits <= len(data) * 8:
        return Malformed("osdp_card_bits")
    written = "".join(f"{byte:08b}" for byte in data)[:bits]
    known = tuple(formats)
    if serial_numbers and bits in SERIAL_BITS and all(one.bits != bits for one in known):
        return SerialNumber(data[: bits // 8])
    read = read_bits(written, known)
    return read if isinstance(read, CardNumber | Malformed) else Malformed("osdp_card_bits")


def read_keys(data: bytes) -> list[int]:
    """The keys that were pressed: 0-9, 10 for * (clear), 11 for # (enter); what is no key is left out."""
    return [_KEYS[byte] for byte in data if byte in _KEYS]
