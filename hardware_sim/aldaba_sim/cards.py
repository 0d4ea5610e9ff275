"""Virtual cards: what lies on the other side of the air, whichever reader they are held to."""

from dataclasses import dataclass, field
from typing import Protocol

OK = b"\x90\x00"
CLASS_UNKNOWN = b"\x6e\x00"
INSTRUCTION_UNKNOWN = b"\x6d\x00"
LENGTH_WRONG = b"\x67\x00"


class Card(Protocol):
    """A contactless card, ISO 14443 type A: what it says of itself, and its answers to commands."""

    @property
    def uid(self) -> bytes:
        """4, 7 or 10 bytes."""

    @property
    def atqa(self) -> bytes:
        """Two bytes, as a PN532 reports them."""

    @property
    def sak(self) -> int:
        """Bit 0x20 set: the card speaks ISO 14443-4 and understands APDUs."""

    @property
    def ats(self) -> bytes:
        """The answer to select of an ISO 14443-4 card with its length byte; empty for others."""

    def transmit(self, command: bytes) -> bytes:
        """The card's answer to a command APDU, status word included."""


@dataclass
class UidCard:
    """A card of which only the number is used, as most cards in the world: anyone can copy it."""

    uid: bytes
    atqa: bytes = b"\x00\x04"
    sak: int = 0x08
    ats: bytes = b""
    heard: list[bytes] = field(default_factory=list)

    def transmit(self, command: bytes) -> bytes:
        """Refuse everything: a memory card has no APDUs of its own."""
        self.heard.append(command)
        return INSTRUCTION_UNKNOWN


def phone_like(uid: bytes) -> UidCard:
    """A card that speaks ISO 14443-4, with the ATS of a common phone."""
    return UidCard(uid, atqa=b"\x00\x04", sak=0x20, ats=bytes.fromhex("0578807002"))


def atr_of(card: Card) -> bytes:
    """The ATR a PC/SC reader makes up for a contactless card (PC/SC part 3, section 3.1.3.2.3).

    Storage cards get the standard's long form with the card's name (MIFARE
    Classic 1K here); ISO 14443-4 cards carry the historical bytes of their ATS.
    """
    if card.sak & 0x20:
        historical = card.ats[5:] if len(card.ats) > 5 else b""  # noqa: PLR2004 - TL, T0, TA, TB, TC stand before them
    else:
        historical = bytes.fromhex("804f0ca000000306030001" + "00000000")
    body = bytes([0x80 | len(historical), 0x80, 0x01]) + historical
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes([check])
