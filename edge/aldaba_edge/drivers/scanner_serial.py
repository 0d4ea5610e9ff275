"""A QR scanner on a serial line or in USB-COM mode; what it reads is text that the door verifies.

Modules of the GM65 family are told to scan continuously and asked again now
and then, so that a dead one is noticed; plain scanners only show their loss
when their cable is pulled. A GM65 leaves the factory at 9600 baud, which is
slow for a phone's code: one that does not answer at the configured speed is
looked for there and told to speed up, for as long as it has power. One that
cannot goes on as it is.
"""

import time
from collections.abc import Callable

from serial import Serial

from aldaba_edge.backoff import Backoff
from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.codecs.scanner import (
    FACTORY_BAUD,
    MODE_CONTINUOUS,
    WRITE_ZONE,
    ZONE_MODE,
    Acknowledged,
    CodeReader,
    CodeSeen,
    RepeatFilter,
    build_command,
    set_baud,
)
from aldaba_edge.drivers.options import ScannerFamily, ScannerOptions
from aldaba_edge.drivers.serial_line import open_line, read_some
from aldaba_edge.drivers.supervised import DeviceLost, Session, Supervised
from aldaba_edge.ports import PassSeen, Reading, Signal, Unreadable

ACK_SECONDS = 1.0
SPEED_SECONDS = 0.4
"""How long a module is listened for at a speed: it acknowledges within some 20 ms."""
SCAN_CONTINUOUSLY = build_command(WRITE_ZONE, ZONE_MODE, MODE_CONTINUOUS)


class ScannerReader:
    """A QR scanner; satisfies the `Reader` port."""

    def __init__(self, options: ScannerOptions) -> None:
        self._options = options
        self._repeats = RepeatFilter(options.repeat_ms / 1000)
        self._thread = Supervised(options.path, self._serve, Backoff(first=options.retry_ms / 1000))

    def open(self, post: Callable[[Reading], None]) -> None:
        """Start reading on a thread of its own."""
        self._thread.start(post)

    def show(self, signal: Signal) -> None:
        """Nothing: these modules only light their own aim; wire an indicator."""

    def close(self) -> None:
        """Stop reading and join the thread."""
        self._thread.stop()

    def _serve(self, session: Session) -> None:
        with open_line(self._options.path, self._speed(session), self._options.quiet_ms / 1000) as line:
            line.reset_input_buffer()
            pulse = _Pulse(line, self._options)
            if not pulse.needed:
                session.ready()
            reader = CodeReader()
            while not session.stopping.is_set():
                pulse.feel(time.monotonic())
                received = read_some(line)
                for scanned in reader.feed(received) if received else reader.silence():
                    if isinstance(scanned, Acknowledged):
                        pulse.felt()
                        session.ready()
                    else:
                        self._tell(scanned, session)

    def _speed(self, session: Session) -> int:
        """The speed to listen at: the configured one, wherever the module can be brought to it."""
        wanted = self._options.baud
        if self._options.family is not ScannerFamily.GM65 or wanted == FACTORY_BAUD:
            return wanted
        if self._answers(wanted, SCAN_CONTINUOUSLY, session):
            return wanted
        if not self._answers(FACTORY_BAUD, SCAN_CONTINUOUSLY, session):
            return wanted
        self._answers(FACTORY_BAUD, set_baud(wanted), session)
        return wanted if self._answers(wanted, SCAN_CONTINUOUSLY, session) else FACTORY_BAUD

    def _answers(self, baud: int, command: bytes, session: Session) -> bool:
        """Whether the module acknowledges a command at this speed; a code it reads meanwhile is read again later."""
        reader, until = CodeReader(), time.monotonic() + SPEED_SECONDS
        with open_line(self._options.path, baud, self._options.quiet_ms / 1000) as line:
            line.reset_input_buffer()
            line.write(command)
            while time.monotonic() < until and not session.stopping.is_set():
                if any(isinstance(one, Acknowledged) for one in reader.feed(read_some(line))):
                    return True
        return False

    def _tell(self, scanned: CodeSeen | Malformed, session: Session) -> None:
        if isinstance(scanned, Malformed):
            session.post(Unreadable(scanned.why))
        elif self._repeats.is_new(scanned.text, time.monotonic()):
            session.post(PassSeen(scanned.text))


class _Pulse:
    """Asks a GM65 for its acknowledgement now and then; a missing one means the module is gone."""

    def __init__(self, line: Serial, options: ScannerOptions) -> None:
        self.needed = options.family is ScannerFamily.GM65
        self._line = line
        self._every = options.probe_ms / 1000
        self._ask_at = time.monotonic()
        self._give_up_at: float | None = None

    def feel(self, now: float) -> None:
        """Ask when it is time.

        Raises:
            DeviceLost: the last question was never answered.
        """
        if self._give_up_at is not None and now >= self._give_up_at:
            raise DeviceLost(str(self._line.port), "scanner_no_ack")
        if self.needed and self._give_up_at is None and now >= self._ask_at:
            self._line.write(SCAN_CONTINUOUSLY)
            self._give_up_at = now + ACK_SECONDS

    def felt(self) -> None:
        """The module answered."""
        self._give_up_at = None
        self._ask_at = time.monotonic() + self._every
