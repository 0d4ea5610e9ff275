"""A door without wires: readers, lock, contacts and button as plain objects that satisfy the edge's ports.

The world taps cards and opens leaves here; the real door loop on the other side
cannot tell. What the bolt did is written down with true times, by us and not by
the software under test. (The wired form, with serial lines and pins, is what the
demo uses.)
"""

from collections.abc import Callable

from aldaba_edge.ports import Reading, Signal
from aldaba_sim.clock import HandTime


class PaperReader:
    """A reader that reads what it is given and shows what it is told."""

    def __init__(self) -> None:
        self.shown: Signal | None = None
        self._post: Callable[[Reading], None] | None = None

    def open(self, post: Callable[[Reading], None]) -> None:
        """Start reading."""
        self._post = post

    def show(self, signal: Signal) -> None:
        """Remember the last signal."""
        self.shown = signal

    def close(self) -> None:
        """Stop reading; idempotent."""
        self._post = None

    def read(self, reading: Reading) -> None:
        """A card is held to it; nothing happens at a reader that nobody listens to."""
        if self._post is not None:
            self._post(reading)


class PaperLock:
    """A bolt that knows since when it lets through."""

    def __init__(self, time: HandTime) -> None:
        self._time = time
        self.released = False
        self.last_release_us = -1
        """True microseconds of the last release."""
        self.on_release: Callable[[], None] = lambda: None
        self.on_move: Callable[[], None] = lambda: None
        """Told of every release, before `on_release`."""

    def release(self) -> None:
        """Let people through."""
        self.released = True
        self.last_release_us = self._time.elapsed_us
        self.on_move()
        self.on_release()

    def secure(self) -> None:
        """Hold the door shut."""
        self.released = False

    def close(self) -> None:
        """Hold the door shut for good."""
        self.released = False


class PaperContact:
    """A contact, a button or the passage output of a turnstile."""

    def __init__(self) -> None:
        self.active = False
        self._post: Callable[[bool], None] | None = None

    def open(self, post: Callable[[bool], None]) -> None:
        """Report every change."""
        self._post = post

    def close(self) -> None:
        """Stop reporting; idempotent."""
        self._post = None

    def turn(self, *, active: bool) -> None:
        """The level changes; reported if it did and if somebody listens."""
        changed, self.active = active != self.active, active
        if changed and self._post is not None:
            self._post(active)


class PaperDoor:
    """All devices of one door; they stay on the wall while the software behind them comes and goes.

    A turnstile has a lock a direction, and a passage output a direction.
    """

    def __init__(self, time: HandTime) -> None:
        self.reader_in = PaperReader()
        self.reader_out = PaperReader()
        self.lock = PaperLock(time)
        self.lock_out = PaperLock(time)
        self.leaf = PaperContact()
        self.button = PaperContact()
        self.passage_in = PaperContact()
        self.passage_out = PaperContact()
