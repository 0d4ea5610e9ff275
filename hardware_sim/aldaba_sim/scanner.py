"""A QR scanner's side of its line: codes as a person shows them, commands acknowledged as a GM65 does."""

from pathlib import Path

from aldaba_edge.codecs.scanner import GM65_ACK, LONGEST_CODE, command_is_sound
from aldaba_sim.serial_pty import SerialPty

_HEAD = 6
_CRC = 2
_LENGTH_AT = 3


class Scanner:
    """A GM65 or plain scanner on a pty: show it a code, let it fall silent, pull its cable."""

    def __init__(self, link: Path, *, answers: bool = True, terminator: bytes = b"\r") -> None:
        self.silent = False
        self._answers = answers
        self._terminator = terminator
        self._heard = b""
        self._line = SerialPty(link, self._hear)
        self._line.plug()

    def show(self, code: bytes) -> None:
        """Hold a code to the scanner."""
        if not self.silent:
            self._line.send(code + self._terminator)

    def garble(self, junk: bytes) -> None:
        """Say junk, as a bad cable does."""
        self._line.send(junk)

    def unplug(self) -> None:
        """Pull the cable."""
        self._line.unplug()

    def plug(self) -> None:
        """Put the cable back."""
        self._heard = b""
        self._line.plug()

    def close(self) -> None:
        """End the simulation."""
        self._line.close()

    def _hear(self, received: bytes) -> bytes:
        """Acknowledge every sound command; a plain scanner takes no commands at all."""
        if not self._answers or self.silent:
            return b""
        self._heard = (self._heard + received)[-LONGEST_CODE:]
        said = b""
        while len(self._heard) >= _HEAD and len(self._heard) >= (whole := _HEAD + self._heard[_LENGTH_AT] + _CRC):
            frame, self._heard = self._heard[:whole], self._heard[whole:]
            said += GM65_ACK if command_is_sound(frame) else b""
        return said
