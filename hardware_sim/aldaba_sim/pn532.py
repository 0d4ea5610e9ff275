"""The chip's side of a PN532 board: answers a host's frames byte for byte, so that libnfc talks to it too.

`Pn532Chip` is pure: bytes in, bytes out. `Pn532Board` puts it on a pty and lets
a card be held to it. Answers follow NXP UM0701-02 section 7 and what libnfc
1.8.0 was seen to ask of a real board.
"""

from pathlib import Path
from threading import Event

from aldaba_edge.codecs import pn532
from aldaba_sim.cards import Card
from aldaba_sim.serial_pty import SerialPty

FIRMWARE = bytes.fromhex("32010607")
"""PN532 version 1.6, all card types."""

RETRY_FOR_EVER = 0xFF
_CASCADE = 0x88
_TARGET_GONE = 0x01


class Pn532Chip:
    """What the chip remembers: the card in the field, an unanswered list command, how often it retries."""

    def __init__(self) -> None:
        self.card: Card | None = None
        self.remembered = False
        """Whether the reader may still hold a card for present: it asks for the firmware only when it holds none."""
        self.restart()

    def restart(self) -> None:
        """Power comes back: all but the card in the field is forgotten."""
        self.deaf = False
        self._listing = False
        self._wanted_uid = b""
        self._retries = RETRY_FOR_EVER
        self._parser = pn532.FrameParser()

    def hear(self, received: bytes) -> bytes:
        """What the chip says to these bytes. A deaf chip hears nothing but a wake-up."""
        if self.deaf and pn532.WAKE_BYTES not in received:
            return b""
        self.deaf = False
        said = b""
        for item in self._parser.feed(received):
            if isinstance(item, pn532.Ack):
                self._listing = False
            elif isinstance(item, pn532.Frame) and item.direction == pn532.TO_CHIP:
                said += pn532.ACK_BYTES + self._answer(item.data)
        return said

    def hold(self, card: Card) -> bytes:
        """A card comes into the field; says so if a list command waits."""
        self.card = card
        return self._list_answer() if self._listing and not self.deaf else b""

    def take(self) -> None:
        """The card leaves the field."""
        self.card = None

    def _answer(self, data: bytes) -> bytes:
        """The answer frame, or nothing while a list command waits for a card."""
        self._listing = False
        command, body = data[0], data[1:]
        if command == pn532.LIST_ONE_ISO_A[0]:
            return self._list(body)
        plain = self._plain(command, body)
        if plain is None:
            return pn532.ERROR_BYTES
        return pn532.build_frame(pn532.FROM_CHIP, bytes([command + 1]) + plain)

    def _plain(self, command: int, body: bytes) -> bytes | None:
        """The data of an answer that needs no card search; None for a command the chip does not know."""
        match command:
            case 0x00:  # Diagnose: the communication line test echoes
                return body
            case 0x02:  # GetFirmwareVersion
                self.remembered = False
                return FIRMWARE
            case 0x06:  # ReadRegister: one byte a register
                return bytes(len(body) // 2)
            case 0x08 | 0x12 | 0x14:  # WriteRegister, SetParameters, SAMConfiguration
                return b""
            case 0x16 | 0x44 | 0x52 | 0x54:  # PowerDown, InDeselect, InRelease, InSelect: status OK
                return b"\x00"
            case 0x32:  # RFConfiguration
                self._configure_radio(body)
                return b""
            case 0x40:  # InDataExchange
                return self._exchange(body[1:])
        return None

    def _configure_radio(self, body: bytes) -> None:
        if len(body) == 4 and body[0] == 0x05:  # noqa: PLR2004 - item 5, MaxRetries, has three values
            self._retries = body[3]

    def _exchange(self, command: bytes) -> bytes:
        if self.card is None:
            return bytes([_TARGET_GONE])
        return b"\x00" + self.card.transmit(command)

    def _list(self, body: bytes) -> bytes:
        iso_a = len(body) >= 2 and body[1] == 0x00  # noqa: PLR2004 - how many cards, then the modulation
        self._wanted_uid = body[2:] if iso_a else b""
        if iso_a and self._matches():
            return self._list_answer()
        if iso_a and self._retries == RETRY_FOR_EVER:
            self._listing = True
            return b""
        return pn532.build_frame(pn532.FROM_CHIP, pn532.build_targets(()))

    def _matches(self) -> bool:
        """Whether the card in the field is the one asked for; cascaded UIDs carry 88 before their first part."""
        if self.card is None:
            return False
        plain = self._wanted_uid[1:] if self._wanted_uid[:1] == bytes([_CASCADE]) else self._wanted_uid
        return plain in (b"", self.card.uid)

    def _list_answer(self) -> bytes:
        if self.card is None or not self._matches():
            return b""
        self._listing = False
        self.remembered = True
        card = self.card
        target = pn532.Target(1, card.atqa, card.sak, card.uid, card.ats)
        return pn532.build_frame(pn532.FROM_CHIP, pn532.build_targets((target,)))


class Pn532Board:
    """A PN532 board on a pty: hold a card to it, take it away, let it die, pull its cable."""

    def __init__(self, link: Path) -> None:
        self._chip = Pn532Chip()
        self._forgotten = Event()
        self._forgotten.set()
        self._line = SerialPty(link, self._hear)
        self._line.plug()

    def hold(self, card: Card) -> None:
        """Hold a card to the reader."""
        self._line.send(self._noted(self._chip.hold(card)))

    def take(self) -> None:
        """Take the card away."""
        self._chip.take()

    def wait_forgotten(self, seconds: float) -> bool:
        """Wait until the reader knows that the card is away, so that the same one held again is another tap.

        A reader of ours says so by asking for the firmware, `probe_ms` after it missed the card for `absent_ms`.
        """
        return self._forgotten.wait(seconds)

    def _hear(self, received: bytes) -> bytes:
        return self._noted(self._chip.hear(received))

    def _noted(self, said: bytes) -> bytes:
        (self._forgotten.clear if self._chip.remembered else self._forgotten.set)()
        return said

    def fall_silent(self) -> None:
        """Die idle, as the boards do: only a wake-up brings the chip back."""
        self._chip.deaf = True

    def garble(self, junk: bytes) -> None:
        """Say junk, as a bad cable does."""
        self._line.send(junk)

    def unplug(self) -> None:
        """Pull the cable."""
        self._line.unplug()

    def plug(self) -> None:
        """Put the cable back; the chip has lost its power and starts anew."""
        self._chip.restart()
        self._line.plug()

    def close(self) -> None:
        """End the simulation."""
        self._line.close()
