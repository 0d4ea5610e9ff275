"""A clock turned by hand: the only thing that makes time pass in the simulated world.

All parts of the world promise their calls to one `HandTime`, which makes them in
the order of their moments and, within a moment, in the order of the promises. So
a world is a function of its seed. Each machine looks at it through a
`MachineClock` of its own, whose wall clock may be wrong and may jump, and whose
promises die with the machine.
"""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

MICROSECONDS = 1_000_000


class Promise:
    """A call that was promised; satisfies the edge's `Timer` port."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Withdraw the call; harmless when it already happened."""
        self.callback = None


class HandTime:
    """True time, in microseconds since the world began, and the promises made for it."""

    def __init__(self, start: datetime) -> None:
        self.start = start.astimezone(UTC)
        self.elapsed_us = 0
        self._promises: list[tuple[int, int, Promise]] = []
        self._order = count()

    def now(self) -> datetime:
        """True time as an aware UTC instant."""
        return self.start + timedelta(microseconds=self.elapsed_us)

    def call_at(self, at: datetime, callback: Callable[[], None]) -> Promise:
        """Promise a call at a true instant; one that has passed is made at once."""
        return self._promise(int((at - self.start) / timedelta(microseconds=1)), callback)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Promise:
        """Promise a call after so many seconds."""
        return self._promise(self.elapsed_us + max(0, round(seconds * MICROSECONDS)), callback)

    def run_until(self, at: datetime) -> None:
        """Let time pass up to an instant, making every call that is due."""
        end = int((at - self.start) / timedelta(microseconds=1))
        while self._promises and self._promises[0][0] <= end:
            due, _, promise = heapq.heappop(self._promises)
            self.elapsed_us = max(self.elapsed_us, due)
            if promise.callback is not None:
                callback, promise.callback = promise.callback, None
                callback()
        self.elapsed_us = max(self.elapsed_us, end)

    def _promise(self, due: int, callback: Callable[[], None]) -> Promise:
        promise = Promise(callback)
        heapq.heappush(self._promises, (max(due, self.elapsed_us), next(self._order), promise))
        return promise


class MachineClock:
    """The clock of one machine; satisfies the edge's `Clock` port.

    Monotonic time starts anew at every boot. The wall clock is true time plus an
    error that a jump changes and time synchronisation takes away again.
    """

    def __init__(self, time: HandTime) -> None:
        self._time = time
        self._booted_us = time.elapsed_us
        self._life = 0
        self.error = timedelta(0)

    def now(self) -> datetime:
        """What this machine believes the time to be."""
        return self._time.now() + self.error

    def monotonic(self) -> float:
        """Seconds since this machine started; never goes back within one boot."""
        return (self._time.elapsed_us - self._booted_us) / MICROSECONDS

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Promise:
        """Promise a call in this life of the machine; a machine that died makes none."""
        life = self._life

        def call() -> None:
            if self._life == life:
                callback()

        return self._time.call_later(seconds, call)

    def post(self, callback: Callable[[], None]) -> None:
        """Call back at this very moment, after what is promised for it already."""
        self.call_later(0.0, callback)

    def die(self) -> None:
        """The machine's process is gone, and all it had promised with it."""
        self._life += 1

    def boot(self) -> None:
        """A new life begins: monotonic time starts at zero."""
        self._life += 1
        self._booted_us = self._time.elapsed_us
