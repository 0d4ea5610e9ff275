"""One granted entry between the books and the lock: the journal first, for 25 ms at most."""

from collections.abc import Callable
from typing import Final

from aldaba_edge.devices import Alarmed
from aldaba_edge.ports import Clock

PATIENCE_SECONDS: Final = 0.025
"""Nobody waits longer for the disk (design, section 5)."""


class Entry:
    """One granted entry between the books and the lock."""

    def __init__(self, clock: Clock, release: Callable[[], None], late: Callable[[int, int], None]) -> None:
        self._clock = clock
        self._release = release
        self._late = late
        self._began = clock.monotonic()
        self._released = False
        self._patience = Alarmed(clock)

    def begin(self, record: Callable[[Callable[[int], None]], int], *, patience: float | None) -> None:
        """Record, and release once the line is durable or patience has ended."""
        record(self._durable)
        if patience is not None and not self._released:
            self._patience.start(patience, self._let)

    def _durable(self, sequence: int) -> None:
        if not self._released:
            self._let()
        else:
            self._late(sequence, round((self._clock.monotonic() - self._began) * 1000))
        self._patience.stop()

    def _let(self) -> None:
        self._released = True
        self._release()
