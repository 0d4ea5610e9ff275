"""A PN532 board on a serial line: meets one ISO 14443 A card at a time.

One InListPassiveTarget is always outstanding, so the chip itself tells us of a
card and nothing is polled while the field is empty. Those boards are known to
fall silent after minutes idle; a firmware question asked now and then finds
that out, and a wake-up with SAMConfiguration brings them back.
"""

import time
from collections.abc import Callable

from serial import Serial

from aldaba_edge.backoff import Backoff
from aldaba_edge.codecs import pn532
from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.drivers.negotiation import CardGone, InField, Negotiation
from aldaba_edge.drivers.options import Pn532Options
from aldaba_edge.drivers.present import Presence
from aldaba_edge.drivers.serial_line import open_line, read_some
from aldaba_edge.drivers.supervised import DeviceLost, Session, Supervised
from aldaba_edge.ports import Reading, Signal, Unreadable

CARD_SECONDS = 2.0
"""A phone may take most of a second to sign; the chip itself gives up on a card that says nothing."""

ANSWER_SECONDS = 0.5
"""The chip acknowledges within 15 ms and answers a firmware question at once; more is a dead board."""


class Pn532Reader:
    """A PN532 in HSU mode; satisfies the `Reader` port. What cards prove is the negotiation's to find out."""

    def __init__(self, options: Pn532Options, negotiation: Negotiation) -> None:
        self._options = options
        self._negotiation = negotiation
        backoff = Backoff(first=options.retry_ms / 1000)
        self._thread = Supervised(options.path, self._serve, backoff)

    def open(self, post: Callable[[Reading], None]) -> None:
        """Start reading on a thread of its own."""
        self._thread.start(post)

    def show(self, signal: Signal) -> None:
        """Nothing: the board has neither LED nor buzzer; wire an indicator."""

    def close(self) -> None:
        """Stop reading and join the thread."""
        self._thread.stop()

    def _serve(self, session: Session) -> None:
        with open_line(self._options.path, self._options.baud) as line:
            chip = _Chip(line, session)
            chip.initialise()
            session.ready()
            self._watch(chip, session)

    def _watch(self, chip: "_Chip", session: Session) -> None:
        """Tell each card once, until it has left the field or another one is there."""
        present = Presence()
        chip.ask(pn532.LIST_ONE_ISO_A)
        while not session.stopping.is_set():
            patience = self._options.absent_ms if present.somebody else self._options.probe_ms
            answer = chip.answer(pn532.LIST_ONE_ISO_A, patience / 1000)
            if answer is None and not present.somebody:
                chip.probe()
                chip.ask(pn532.LIST_ONE_ISO_A)
            if answer is None:
                present.left(session)
                continue
            self._meet(chip, answer, present, session)
            session.stopping.wait(self._options.poll_ms / 1000)
            chip.ask(pn532.LIST_ONE_ISO_A)

    def _meet(self, chip: "_Chip", answer: bytes, present: Presence, session: Session) -> None:
        targets = pn532.read_targets(answer)
        if isinstance(targets, Malformed):
            session.post(Unreadable(targets.why))
        elif not targets:
            present.left(session)
        elif not present.is_told(targets[0].uid):
            self._ask(chip, targets[0], present, session)

    def _ask(self, chip: "_Chip", target: pn532.Target, present: Presence, session: Session) -> None:
        """Find out what the card is; one that is lost on the way is asked again while it stays."""
        card = InField(target.uid, speaks=bool(target.sak & pn532.SPEAKS_APDUS))
        try:
            met = self._negotiation.meet(card, chip.exchange)
        except CardGone:
            present.torn(target.uid)
            return
        present.told(target.uid)
        session.post(met.reading)
        self._negotiation.finish(met, chip.exchange)


class _Chip:
    """One conversation with the chip: commands out, acknowledgements and answers in."""

    def __init__(self, line: Serial, session: Session) -> None:
        self._line = line
        self._session = session
        self._parser = pn532.FrameParser()
        self._items: list[pn532.Item] = []
        self._junk_said = False

    def initialise(self) -> None:
        """Wake the chip and make it an ordinary reader, then hear its firmware."""
        self._line.reset_input_buffer()
        self._command(pn532.SAM_CONFIGURATION, prefix=pn532.WAKE_BYTES)
        self._command(pn532.GET_FIRMWARE_VERSION)

    def probe(self) -> None:
        """Abort what is outstanding and ask for the firmware, so that a dead board is noticed."""
        self._line.write(pn532.ACK_BYTES)
        self._parser = pn532.FrameParser()
        self._command(pn532.GET_FIRMWARE_VERSION)

    def ask(self, command: bytes, prefix: bytes = b"") -> None:
        """Send a command and wait for its acknowledgement."""
        self._line.write(prefix + pn532.build_frame(pn532.TO_CHIP, command))
        if self._next(lambda item: isinstance(item, pn532.Ack), ANSWER_SECONDS) is None:
            self._give_up("pn532_no_ack")

    def answer(self, command: bytes, seconds: float) -> bytes | None:
        """The answer to a command, whose code is the command's plus one; None when none comes in time."""
        item = self._next(lambda item: _answers(item, command), seconds)
        if isinstance(item, pn532.ChipError):
            self._give_up("pn532_refused_command")
        return item.data if isinstance(item, pn532.Frame) else None

    def exchange(self, command: bytes) -> bytes:
        """A card's answer to an APDU (InDataExchange, UM0701-02 section 7.3.8).

        Raises:
            CardGone: the card did not answer, or the chip says that it is gone.
        """
        asked = pn532.IN_DATA_EXCHANGE + command
        self.ask(asked)
        answer = self.answer(asked, CARD_SECONDS)
        status = pn532.read_exchange(answer) if answer is not None else None
        if status is None:
            raise CardGone
        return status

    def _command(self, command: bytes, prefix: bytes = b"") -> None:
        self.ask(command, prefix)
        if self.answer(command, ANSWER_SECONDS) is None:
            self._give_up("pn532_no_answer")

    def _give_up(self, why: str) -> None:
        if not self._session.stopping.is_set():
            raise DeviceLost(str(self._line.port), why)

    def _next(self, wanted: Callable[[pn532.Item], bool], seconds: float) -> pn532.Item | None:
        until = time.monotonic() + seconds
        while not self._session.stopping.is_set():
            while self._items:
                item = self._items.pop(0)
                self._tell_junk(item)
                if wanted(item):
                    return item
            if time.monotonic() >= until:
                return None
            received = read_some(self._line)
            self._items = self._parser.feed(received) if received else self._parser.silence()
        return None

    def _tell_junk(self, item: pn532.Item) -> None:
        """Say junk once until a good frame follows: a noisy cable must not fill the journal."""
        if isinstance(item, Malformed) and not self._junk_said:
            self._session.post(Unreadable(item.why))
        self._junk_said = isinstance(item, Malformed)


def _answers(item: pn532.Item, command: bytes) -> bool:
    if isinstance(item, pn532.ChipError):
        return True
    return isinstance(item, pn532.Frame) and item.direction == pn532.FROM_CHIP and item.data[0] == command[0] + 1
