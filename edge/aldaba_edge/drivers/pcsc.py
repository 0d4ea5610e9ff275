"""A USB reader behind PC/SC: meets the card that is held to it.

Speaks to pcscd through pyscard's plain functions: one thread waits for changes
of one reader, so a card is read when it comes, not when somebody polls. Lamp
and buzzer are best effort, because each maker has its own pseudo commands.
"""

import contextlib
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

from smartcard import scard

from aldaba_edge.backoff import Backoff
from aldaba_edge.codecs.apdu import read_answer
from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.drivers.negotiation import CardGone, InField, Negotiation, Transmit
from aldaba_edge.drivers.options import PcscOptions
from aldaba_edge.drivers.supervised import DeviceLost, Session, Supervised
from aldaba_edge.ports import Reading, Signal, Unreadable

UID_LENGTHS = (4, 7, 10)
READ_UID = bytes.fromhex("FFCA000000")
STORAGE_CARD = bytes.fromhex("a000000306")
"""What the ATR of a card without APDUs holds (PC/SC part 3, section 3.1.3.2.3.2)."""
WAIT_MS = 250
MUTE_RETRIES = 8
MUTE_PAUSE_SECONDS = 0.1
CCID_ESCAPE = 0x42000000 + 1
"""pcsc-lite's SCARD_CTL_CODE(1): the reader's own commands while no card is there."""


class PcscReader:
    """A contactless USB reader; satisfies the `Reader` port. What cards prove is the negotiation's to find out."""

    def __init__(self, options: PcscOptions, negotiation: Negotiation) -> None:
        self._options = options
        self._negotiation = negotiation
        self._uid_command = bytes.fromhex(options.uid)
        self._shows = {
            Signal.GRANTED: [bytes.fromhex(one) for one in options.granted],
            Signal.LONG_ACCESS: [bytes.fromhex(one) for one in options.long_access or options.granted],
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
                self._meet(context, name, bytes(states[0][2]), session)

    def _meet(self, context: Any, name: str, atr: bytes, session: Session) -> None:  # noqa: ANN401 - pyscard ships no types
        """Find out what the card is; one at the edge of the field is asked again, and then called unreadable."""
        for _ in range(1 + MUTE_RETRIES):
            try:
                with held_card(context, name) as transmit:
                    self._ask(transmit, atr, session)
                    return
            except CardGone:
                if session.stopping.wait(MUTE_PAUSE_SECONDS):
                    return
        session.post(Unreadable("pcsc_mute_card"))

    def _ask(self, transmit: Transmit, atr: bytes, session: Session) -> None:
        answer = read_answer(transmit(self._uid_command))
        if isinstance(answer, Malformed):
            session.post(Unreadable(answer.why))
        elif not answer.ok or len(answer.data) not in UID_LENGTHS:
            session.post(Unreadable(f"pcsc_status_{answer.status:04x}"))
        else:
            met = self._negotiation.meet(InField(answer.data, speaks=STORAGE_CARD not in atr), transmit)
            session.post(met.reading)
            self._negotiation.finish(met, transmit)

    def _show_pending(self, context: Any, name: str) -> None:  # noqa: ANN401 - pyscard ships no types
        while not self._signals.empty():
            self._each(context, name, self._shows.get(self._signals.get(), []))

    def _each(self, context: Any, name: str, commands: list[bytes]) -> None:  # noqa: ANN401 - pyscard ships no types
        """Send the reader's own commands: through the card's channel while one is there, else by escape."""
        if commands and not _tell(context, name, commands):
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


@contextlib.contextmanager
def held_card(context: Any, name: str) -> Iterator[Transmit]:  # noqa: ANN401 - pyscard ships no types
    """A conversation with the card that is there, all from one connection.

    Raises:
        CardGone: there is none; and `transmit` raises it when the card leaves.
    """
    protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    result, card, protocol = scard.SCardConnect(context, name, scard.SCARD_SHARE_SHARED, protocols)
    if result != scard.SCARD_S_SUCCESS:
        raise CardGone

    def transmit(command: bytes) -> bytes:
        result, answer = scard.SCardTransmit(card, _pci(protocol), list(command))
        if result != scard.SCARD_S_SUCCESS:
            raise CardGone
        return bytes(answer)

    try:
        yield transmit
    finally:
        scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)


def _tell(context: Any, name: str, commands: list[bytes]) -> bool:  # noqa: ANN401 - pyscard ships no types
    """Send the reader's own commands through the card's channel; False when there is none."""
    try:
        with held_card(context, name) as transmit:
            for command in commands:
                transmit(command)
    except CardGone:
        return False
    return True


def _pci(protocol: int) -> Any:  # noqa: ANN401 - pyscard ships no types
    return scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1


@contextlib.contextmanager
def waited_card(reader: str, seconds: float) -> Iterator[tuple[bytes, Transmit]]:
    """The UID of the card that is on a reader, or comes within so many seconds, and a conversation with it.

    Raises:
        DeviceLost: there is no such reader, or no card came.
        CardGone: it left; also out of `transmit`.
    """
    with _context() as context:
        name = _find(context, reader)
        state = scard.SCARD_STATE_UNAWARE
        until = time.monotonic() + seconds
        while not state & scard.SCARD_STATE_PRESENT:
            left_ms = max(0, round((until - time.monotonic()) * 1000))
            result, states = scard.SCardGetStatusChange(context, left_ms, [(name, state)])
            _must(result, name)
            state = states[0][1]
        with held_card(context, name) as transmit:
            answer = read_answer(transmit(READ_UID))
            if isinstance(answer, Malformed) or not answer.ok:
                raise CardGone
            yield answer.data, transmit
