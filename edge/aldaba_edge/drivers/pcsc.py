"""A USB reader behind PC/SC: reads the UID of the card that is held to it.

Speaks to pcscd through pyscard's plain functions: one thread waits for changes
of one reader, so a card is read when it comes, not when somebody polls. Lamp
and buzzer are best effort, because each maker has its own pseudo commands.
"""

import contextlib
import queue
from collections.abc import Callable
from typing import Any

from smartcard import scard

from aldaba_edge.backoff import Backoff
from aldaba_edge.codecs.apdu import Answer, read_answer
from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.drivers.options import PcscOptions
from aldaba_edge.drivers.supervised import DeviceLost, Session, Supervised
from aldaba_edge.ports import CardSeen, Digest, Reading, Signal, Unreadable
from aldaba_shared.keys import CredentialKind

UID_LENGTHS = (4, 7, 10)
WAIT_MS = 250
MUTE_RETRIES = 8
MUTE_PAUSE_SECONDS = 0.1
CCID_ESCAPE = 0x42000000 + 1
"""pcsc-lite's SCARD_CTL_CODE(1): the reader's own commands while no card is there."""


class PcscReader:
    """A contactless USB reader; satisfies the `Reader` port. UIDs can be copied, and reports say so."""

    def __init__(self, options: PcscOptions, digest: Digest) -> None:
        self._options = options
        self._digest = digest
        self._uid_command = bytes.fromhex(options.uid)
        self._shows = {
            Signal.GRANTED: [bytes.fromhex(one) for one in options.granted],
            Signal.DENIED: [bytes.fromhex(one) for one in options.denied],
        }
        self._signals: queue.SimpleQueue[Signal] = queue.SimpleQueue()
        self._thread = Supervised(options.reader, self._serve, Backoff(first=options.retry_ms / 1000))

    def open(self, post: Callable[[Reading], None]) -> None:
        """Start waiting for cards on a thread of its own."""
        self._thread.start(post)

    def show(self, signal: Signal) -> None:
        """Have the thread show it at its next turn, within a quarter of a second."""
        self._signals.put(signal)

    def close(self) -> None:
        """Stop waiting and join the thread."""
        self._thread.stop()

    def _serve(self, session: Session) -> None:
        with _context() as context:
            name = _find(context, self._options.reader)
            session.ready()
            self._each(context, name, [bytes.fromhex(one) for one in self._options.quiet])
            self._watch(context, name, session)

    def _watch(self, context: Any, name: str, session: Session) -> None:  # noqa: ANN401 - pyscard ships no types
        """Read a card whenever the reader's count of comings and goings says that one has come."""
        state = scard.SCARD_STATE_UNAWARE
        read_at_count: int | None = None
        while not session.stopping.is_set():
            self._show_pending(context, name)
            result, states = scard.SCardGetStatusChange(context, WAIT_MS, [(name, state)])
            if result == scard.SCARD_E_TIMEOUT:
                continue
            _must(result, name)
            state = states[0][1]
            count = state >> 16
            if state & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE):
                raise DeviceLost(name, "device_gone")
            if state & scard.SCARD_STATE_PRESENT and count != read_at_count:
                read_at_count = count
                session.post(self._read(context, name, session))

    def _read(self, context: Any, name: str, session: Session) -> Reading:  # noqa: ANN401 - pyscard ships no types
        """The card's UID as a reading; a card that stays mute, at the edge of the field, is unreadable."""
        answers = _ask(context, name, [self._uid_command])
        for _ in range(MUTE_RETRIES):
            if answers or session.stopping.wait(MUTE_PAUSE_SECONDS):
                break
            answers = _ask(context, name, [self._uid_command])
        if not answers:
            return Unreadable("pcsc_mute_card")
        answer = answers[0]
        if isinstance(answer, Malformed):
            return Unreadable(answer.why)
        if not answer.ok or len(answer.data) not in UID_LENGTHS:
            return Unreadable(f"pcsc_status_{answer.status:04x}")
        return CardSeen(CredentialKind.UID, self._digest(CredentialKind.UID, answer.data))

    def _show_pending(self, context: Any, name: str) -> None:  # noqa: ANN401 - pyscard ships no types
        while not self._signals.empty():
            self._each(context, name, self._shows.get(self._signals.get(), []))

    def _each(self, context: Any, name: str, commands: list[bytes]) -> None:  # noqa: ANN401 - pyscard ships no types
        """Send the reader's own commands: through the card's channel while one is there, else by escape."""
        if commands and not _ask(context, name, commands):
            result, card, _ = scard.SCardConnect(context, name, scard.SCARD_SHARE_DIRECT, 0)
            if result == scard.SCARD_S_SUCCESS:
                for command in commands:
                    scard.SCardControl(card, CCID_ESCAPE, list(command))
                scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)


@contextlib.contextmanager
def _context() -> Any:  # noqa: ANN401 - pyscard ships no types
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    _must(result, "pcscd")
    try:
        yield context
    finally:
        scard.SCardReleaseContext(context)


def _find(context: Any, wanted: str) -> str:  # noqa: ANN401 - pyscard ships no types
    """The reader of exactly this name, or the only one whose name contains it."""
    result, names = scard.SCardListReaders(context, [])
    if result == scard.SCARD_E_NO_READERS_AVAILABLE:
        names = []
    else:
        _must(result, "pcscd")
    fitting = [name for name in names if name == wanted] or [name for name in names if wanted in name]
    if len(fitting) != 1:
        raise DeviceLost(wanted, "pcsc_reader_ambiguous" if fitting else "pcsc_reader_not_found")
    found: str = fitting[0]
    return found


def _must(result: int, device: str) -> None:
    if result != scard.SCARD_S_SUCCESS:
        raise DeviceLost(device, f"pcsc_{result & 0xFFFFFFFF:08x}")


def _ask(context: Any, name: str, commands: list[bytes]) -> list[Answer | Malformed]:  # noqa: ANN401 - pyscard ships no types
    """The answers of the card that is there; empty when there is none or it left meanwhile."""
    protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    result, card, protocol = scard.SCardConnect(context, name, scard.SCARD_SHARE_SHARED, protocols)
    if result != scard.SCARD_S_SUCCESS:
        return []
    answers: list[Answer | Malformed] = []
    for command in commands:
        result, answer = scard.SCardTransmit(card, _pci(protocol), list(command))
        if result == scard.SCARD_S_SUCCESS:
            answers.append(read_answer(bytes(answer)))
    scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
    return answers


def _pci(protocol: int) -> Any:  # noqa: ANN401 - pyscard ships no types
    return scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
