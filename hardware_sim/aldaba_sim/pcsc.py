"""A virtual card behind pcscd: connects to a slot of vsmartcard's vpcd as if it were held to that reader.

vpcd's messages are a two-byte big-endian length and the bytes. One-byte ones
are commands to the card (0 off, 1 on, 2 reset, 4 tell your ATR, the only one
that is answered); longer ones are APDUs.
"""

import contextlib
import queue
import socket
import threading

from aldaba_sim.cards import OK, Card, atr_of

TELL_ATR = b"\x04"
READ_UID = bytes.fromhex("ffca0000")
READER_COMMAND = b"\xff\x00"
"""Pseudo commands that an ACR122U keeps for itself: lamp, buzzer, firmware."""


class VpcdSlot:
    """One slot of a running vpcd: hold a card to it, take it away."""

    def __init__(self, port: int) -> None:
        self._shown: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._port = port
        self._line: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def beside(self) -> "VpcdSlot":
        """The next slot of the same vpcd."""
        return VpcdSlot(self._port + 1)

    def hold(self, card: Card) -> None:
        """Hold a card to the reader; pcscd notices within its poll of 400 ms."""
        self.take()
        line = socket.create_connection(("127.0.0.1", self._port), timeout=5)
        line.settimeout(None)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._line = line
        self._thread = threading.Thread(target=self._serve, args=(line, card), name="card at vpcd", daemon=True)
        self._thread.start()

    def take(self) -> None:
        """Take the card away; idempotent."""
        line, self._line = self._line, None
        if line is None or self._thread is None:
            return
        with contextlib.suppress(OSError):  # vpcd may have gone first
            line.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        line.close()

    def wait_shown(self, seconds: float = 5.0) -> bytes:
        """The next lamp or buzzer command that the reader was given.

        Raises:
            queue.Empty: none came in time.
        """
        return self._shown.get(timeout=seconds)

    def answer(self, card: Card, command: bytes) -> bytes:
        """What reader and card together answer to an APDU."""
        if command.startswith(READ_UID):
            return card.uid + OK
        if command.startswith(READER_COMMAND):
            self._shown.put(command)
            return OK
        return card.transmit(command)

    def _serve(self, line: socket.socket, card: Card) -> None:
        with contextlib.suppress(OSError):  # the card was taken away or vpcd ended
            while message := _receive(line):
                if message == TELL_ATR:
                    _send(line, atr_of(card))
                elif len(message) > 1:
                    _send(line, self.answer(card, message))


def _send(line: socket.socket, message: bytes) -> None:
    line.sendall(len(message).to_bytes(2) + message)


def _receive(line: socket.socket) -> bytes:
    """The next message; empty when the line was closed."""
    length = int.from_bytes(_exactly(line, 2))
    return _exactly(line, length)


def _exactly(line: socket.socket, wanted: int) -> bytes:
    received = b""
    while len(received) < wanted:
        part = line.recv(wanted - len(received))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # the kernel forgets it; without, 40 ms an APDU
        if not part:
            return b""
        received += part
    return received
