"""Short command and response APDUs of ISO/IEC 7816-4 (section 5): what readers and cards say to each other."""

from dataclasses import dataclass
from typing import Final

from aldaba_edge.codecs.malformed import Malformed

LONGEST_DATA: Final = 255
LONGEST_ANSWER: Final = 256
OK: Final = 0x9000

_HEAD: Final = 4
_STATUS: Final = 2

STATUS_WORDS: Final = {
    0x9000: "done",
    0x6300: "the operation failed",
    0x6700: "the length is wrong",
    0x6982: "the security state does not allow it",
    0x6985: "the conditions of use are not met",
    0x6A81: "the function is not supported",
    0x6A82: "no such file or application",
    0x6A86: "the parameters are wrong",
    0x6D00: "the instruction is unknown",
    0x6E00: "the class is unknown",
    0x6F00: "no precise diagnosis",
}
"""What the status words say that cards and readers of a door answer with (ISO 7816-4 table 5)."""


@dataclass(frozen=True, slots=True)
class Command:
    """A short command; `expected` is how many bytes of answer are wanted, 256 for all there are, None for none."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its data and its status word."""

    data: bytes
    status: int

    @property
    def ok(self) -> bool:
        """Whether the card did what was asked."""
        return self.status == OK

    @property
    def meaning(self) -> str:
        """The status word in words."""
        return STATUS_WORDS.get(self.status, f"status {self.status:04X}")


READ_UID: Final = Command(0xFF, 0xCA, 0x00, 0x00, expected=LONGEST_ANSWER)
"""The PC/SC pseudo command every contactless reader answers with the card's UID (PC/SC part 3, 3.2.2.1.3)."""


def build_command(command: Command) -> bytes:
    """The command's bytes, cases 1 to 4 by what it carries and expects.

    Raises:
        ValueError: it does not fit a short APDU, which is a caller's mistake.
    """
    if len(command.data) > LONGEST_DATA or not 0 <= (command.expected or 0) <= LONGEST_ANSWER:
        message = "A short APDU carries 255 bytes and expects 256 at most."
        raise ValueError(message)
    built = bytes([command.cla, command.ins, command.p1, command.p2])
    if command.data:
        built += bytes([len(command.data)]) + command.data
    if command.expected is not None:
        built += bytes([command.expected % LONGEST_ANSWER])
    return built


def read_command(received: bytes) -> Command | Malformed:
    """A command from its bytes, exact to the last one; the card's side."""
    if len(received) < _HEAD:
        return Malformed("apdu_cut")
    cla, ins, p1, p2 = received[:_HEAD]
    body = received[_HEAD:]
    if len(body) <= 1:
        return Command(cla, ins, p1, p2, expected=_expected(body))
    length, data, tail = body[0], body[1 : 1 + body[0]], body[1 + body[0] :]
    if not length or len(data) < length or len(tail) > 1:
        return Malformed("apdu_length")
    return Command(cla, ins, p1, p2, data, _expected(tail))


def read_answer(received: bytes) -> Answer | Malformed:
    """A response from its bytes; at least the status word."""
    if not _STATUS <= len(received) <= LONGEST_ANSWER + _STATUS:
        return Malformed("apdu_answer_length")
    return Answer(received[:-_STATUS], int.from_bytes(received[-_STATUS:]))


def build_answer(answer: Answer) -> bytes:
    """The response's bytes."""
    return answer.data + answer.status.to_bytes(_STATUS)


def _expected(tail: bytes) -> int | None:
    return (tail[0] or LONGEST_ANSWER) if tail else None
