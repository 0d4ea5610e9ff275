"""A QR scanner's side of its line: codes as a person shows them, commands acknowledged as a GM65 does."""

from pathlib import Path

from aldaba_edge.codecs.scanner import GM65_ACK, LONGEST_CODE, baud_of, command_is_sound
from aldaba_sim.serial_pty import SerialPty

_HEAD = 6
_CRC = 2
_LENGTH_AT = 3


class Scanner:
    """A GM65 or plain scanner on a pty: show it a code, let it fall silent, pull its cable."""

    def __init__(
        self,
        link: Path,
        *,
        answers: bool = True,
        terminator: bytes = b"\r",
        baud: int | None = None,
        keeps: bool = False,
    ) -> None:
        self.silent = False
        self.baud = baud
        """The speed it speaks at and listens at; None for whatever the host does, as USB-COM scanners."""
        self._keeps_baud = keeps
        self._answers = answers
        self._terminator = terminator
        self._heard = b""
        self._line = SerialPty(link, self._hear)
        self._line.plug()

    def show(self, code: bytes) -> None:
        """Hold a code to the scanner."""
        if not self.silent and not self._deaf:
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
        if not self._answers or self.silent or self._deaf:
            return b""
        self._heard = (self._heard + received)[-LONGEST_CODE:]
        said = b""
        while len(self._heard) >= _HEAD and len(self._heard) >= (whole := _HEAD + self._heard[_LENGTH_AT] + _CRC):
            frame, self._heard = self._heard[:whole], self._heard[whole:]
            if command_is_sound(frame):
                said += GM65_ACK
                self._obey(frame)
        return said

    @property
    def _deaf(self) -> bool:
        """Whether the host speaks at another speed, which is noise to both."""
        return self.baud is not None and self.baud != self._line.host_baud

    def _obey(self, frame: bytes) -> None:
        wanted = baud_of(frame)
        if self.baud is not None and wanted is not None and not self._keeps_baud:
            self.baud = wanted
