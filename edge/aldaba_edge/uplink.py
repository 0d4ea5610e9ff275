"""Lines on their way up: batches of them, sent until the cloud's signed ack says they are committed."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from aldaba_edge.journal import SqliteJournal
from aldaba_edge.ports import Clock, Timer
from aldaba_edge.state import Slot, State
from aldaba_edge.trust import OutOfDate, Trust
from aldaba_shared.messages import Ack, Batch, Kind, Resend

MOST_LINES: Final = 500
MOST_BYTES: Final = 256 * 1024
FEW_LINES: Final = 50
"""Under a backlog no batch is smaller."""
IN_FLIGHT: Final = 4
ANSWER_SECONDS: Final = 5.0
UNHURRIED_SECONDS: Final = 3.0
"""A leaf that opens has shut again by then."""
LONGEST_SECONDS: Final = 600.0
"""Between two batches into a silence: each is signed for nobody, and the cloud's first word ends the wait."""
PATIENT_TRIES: Final = 4
"""From the fourth unanswered batch on, a word of the cloud is worth trying again at once."""
NONCES_KEPT: Final = 256
FARTHEST: Final = timedelta(days=36_525)
"""A controller without a battery may be half a century behind, and nothing is a whole one apart."""


class Acked(Struct, frozen=True):
    """How far the cloud has committed a journal."""

    journal: str
    watermark: int


class Sent(Struct, frozen=True):
    """A batch (or a hello) that an ack may answer."""

    last: int
    monotonic: float


class Uplink:
    """Sends lines in order, a few batches at a time; goes back to the watermark when answers stay away.

    `send` seals and publishes. Only an ack that names the nonce of something this
    controller sent is believed, so none can be made of an old one.
    """

    def __init__(
        self,
        clock: Clock,
        journal: SqliteJournal,
        state: State,
        trust: Trust,
        send: Callable[[Kind, object], None],
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._state = state
        self._trust = trust
        self._send = send
        self._nonces: OrderedDict[bytes, Sent] = OrderedDict()
        self._flying: dict[bytes, int] = {}
        self._acked = state.get(Slot.ACKED, Acked)
        self._sent = self.watermark
        self._timer: Timer | None = None
        self._unhurried: Timer | None = None
        self._tries = 0
        self._online = False
        self._asked = (0, 0.0)
        self.clock_offset: timedelta | None = None
        self.clock_uncertainty: timedelta | None = None
        self.on_measured: Callable[[timedelta, timedelta], timedelta] = lambda off, _uncertainty: off
        """Told of the cloud's clock minus ours and how sure that is; answers what is left of it once ours is turned."""

    @property
    def watermark(self) -> int:
        """Every line up to here is committed in the cloud."""
        acked = self._acked
        return acked.watermark if acked is not None and acked.journal == self._journal.id else 0

    @property
    def catching_up(self) -> bool:
        """Whether lines are on their way, to a cloud that has not been silent for more than a minute."""
        return bool(self._flying) and self._tries < PATIENT_TRIES

    def reconnected(self, hello_nonce: bytes) -> None:
        """Begin again after what is known to have arrived; an ack may also answer the hello."""
        self._online = True
        self.greeted(hello_nonce)
        self._go_back()
        self.pump()

    def greeted(self, hello_nonce: bytes) -> None:
        """A hello goes out now; what answers it measures the clock from here."""
        self._remember(hello_nonce, self._journal.durable.sequence)

    def stop(self) -> None:
        """Send nothing more."""
        self._online = False
        for timer in (self._timer, self._unhurried):
            if timer is not None:
                timer.cancel()
        self._timer = self._unhurried = None

    def recorded(self) -> None:
        """Lines became durable: send them now, or after a few seconds when nobody waits for any of them.

        A door that opens and shuts behind somebody is one message then, not two: a signature here and
        a transaction in the cloud less for each.
        """
        if self._journal.urgent > self._sent:
            self.pump()
        elif self._unhurried is None:
            self._unhurried = self._clock.call_later(UNHURRIED_SECONDS, self._hurried)

    def _hurried(self) -> None:
        self._unhurried = None
        self.pump()

    def pump(self) -> None:
        """Send what is durable and not sent, as far as batches may be in flight; one alone probes a silence."""
        most = IN_FLIGHT if self._tries == 0 else 1
        while self._online and len(self._flying) < most:
            waiting = self._journal.durable.sequence - self._sent
            if waiting <= 0 or (waiting < FEW_LINES and len(self._flying) >= IN_FLIGHT // 2):
                return
            if not self._send_batch():
                return

    def _send_batch(self) -> bool:
        first, lost_before = self._sent + 1, None
        rows = self._journal.rows(first, min(MOST_LINES, self._journal.durable.sequence - self._sent))
        if not rows:
            return False
        if rows[0][0] != first:
            first = lost_before = rows[0][0]
        lines = tuple(body for _, _, body in rows)
        lines = lines[: _fitting(lines)]
        last = first + len(lines) - 1
        nonce = secrets.token_bytes(16)
        self._sent = last
        self._flying[nonce] = last
        self._remember(nonce, last)
        previous = self._journal.hash_before(first) or bytes(32)
        controller = self._trust.controller
        self._send(Kind.BATCH, Batch(controller, self._journal.id, first, previous, lines, nonce, lost_before))
        self._watch()
        return True

    def _remember(self, nonce: bytes, last: int) -> None:
        self._nonces[nonce] = Sent(last, self._clock.monotonic())
        while len(self._nonces) > NONCES_KEPT:
            self._nonces.popitem(last=False)

    def _watch(self) -> None:
        if self._timer is None:
            seconds = min(ANSWER_SECONDS * 2**self._tries, LONGEST_SECONDS)
            self._timer = self._clock.call_later(seconds, self._unanswered)

    def _unanswered(self) -> None:
        self._timer = None
        self._tries = min(self._tries + 1, 8)
        self._go_back()
        self.pump()

    def _go_back(self) -> None:
        self._flying.clear()
        self._sent = self.watermark
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def cloud_spoke(self) -> None:
        """The cloud is there, perhaps after hours: what still waits for an answer is sent again now."""
        if self._online and self._tries >= PATIENT_TRIES:
            self._tries = PATIENT_TRIES - 1
            self._go_back()
            self.pump()

    def acked(self, ack: Ack) -> None:
        """Take a signed ack into account.

        Raises:
            OutOfDate: it answers nothing this controller sent, acks lines there are none of, or shows no time there is.
        """
        sent = self._answered(Kind.ACK, ack.journal, ack.nonce)
        if ack.watermark > self._journal.durable.sequence:
            raise OutOfDate(Kind.ACK, "beyond_the_end", f"there is no line {ack.watermark} yet")
        if abs(ack.at - self._clock.now()) > FARTHEST:
            raise OutOfDate(Kind.ACK, "implausible_time", f"no clock is right that shows {ack.at:%Y}")
        self._measure(sent, ack.at)
        if ack.watermark > self.watermark:
            self._tries = 0
            self._keep(ack.watermark)
        self._sent = max(self._sent, ack.watermark)
        self._landed()
        self.pump()

    def resend(self, resend: Resend) -> None:
        """The cloud lacks lines from a sequence on, perhaps ones it once had: go back there.

        Raises:
            OutOfDate: it answers nothing this controller sent, or asks for lines there never were.
        """
        self._answered(Kind.RESEND, resend.journal, resend.nonce)
        if not 1 <= resend.from_sequence <= self._journal.durable.sequence + 1:
            raise OutOfDate(Kind.RESEND, "beyond_the_end", f"there is no line {resend.from_sequence} yet")
        if resend.nonce not in self._flying and resend.from_sequence > self.watermark:
            return  # it answers a batch that was given up already, and the lines are on their way again
        if resend.from_sequence - 1 < self.watermark:
            self._keep(resend.from_sequence - 1)
        again, self._asked = self._asked, (resend.from_sequence, self._clock.monotonic())
        self._flying.clear()
        self._sent = resend.from_sequence - 1
        self._landed()
        if again[0] == resend.from_sequence and self._asked[1] - again[1] < 1:
            self._watch()  # the same question at once: let it rest rather than chase each other
        else:
            self.pump()

    def _answered(self, kind: Kind, journal: str, nonce: bytes) -> Sent:
        sent = self._nonces.get(nonce)
        if sent is None or journal != self._journal.id:
            raise OutOfDate(kind, "unknown_nonce", "it answers nothing that this side sent")
        return sent

    def _keep(self, watermark: int) -> None:
        self._acked = Acked(self._journal.id, watermark)
        self._state.put_soon(Slot.ACKED, self._acked)

    def _landed(self) -> None:
        """Forget the batches that are committed, and watch the rest anew."""
        mark = self.watermark
        self._flying = {nonce: last for nonce, last in self._flying.items() if last > mark}
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flying:
            self._watch()

    def _measure(self, sent: Sent, cloud: datetime) -> None:
        """The cloud's clock minus ours, good to half the way there and back; the best measure is kept."""
        half = timedelta(seconds=self._clock.monotonic() - sent.monotonic) / 2
        off = cloud - (self._clock.now() - half)
        left = self.on_measured(off, half)
        if left != off or self.clock_uncertainty is None or half <= self.clock_uncertainty * 2:
            self.clock_offset, self.clock_uncertainty = left, half


def _fitting(lines: tuple[bytes, ...]) -> int:
    """How many lines from the first on go into one message; at least one."""
    size = 0
    for count, line in enumerate(lines):
        size += len(line) + 4
        if size > MOST_BYTES and count:
            return count
    return len(lines)
