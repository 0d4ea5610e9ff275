"""The two clocks: asyncio's on a Pi, and one turned by hand for tests and the simulated world."""

import asyncio
import heapq
import os
import time
import weakref
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
"""A Monday morning: where a hand-turned clock starts when nobody says otherwise."""


class AsyncioClock:
    """The wall clock and the loop of the running daemon; satisfies the `Clock` port.

    What threads post goes over a queue and a bell of our own (eventfd(2)): a
    tap is posted twice, by its reader and by the writer, and asyncio's own way,
    with a handle, a context and a socket for each call, takes it 0.05 ms longer.
    Made on the loop's thread, or before it runs.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._posted: deque[Callable[[], None]] = deque()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._bell)
        loop.add_reader(self._bell, self._take_posted)
        self.monotonic: Callable[[], float] = time.monotonic
        """Seconds since the machine started, as asyncio counts them."""

    def now(self) -> datetime:
        """The wall clock in UTC."""
        return datetime.now(UTC)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back on the loop."""
        return self._loop.call_later(seconds, callback)

    def post(self, callback: Callable[[], None]) -> None:
        """Call back on the loop soon; from any thread. A loop that has ended wants nothing any more."""
        self._posted.append(callback)
        os.eventfd_write(self._bell, 1)

    def _take_posted(self) -> None:
        """Call back what was posted up to now, each for itself; who posts meanwhile rings again."""
        os.eventfd_read(self._bell)
        for _ in range(len(self._posted)):
            try:
                self._posted.popleft()()
            except Exception as error:  # noqa: BLE001 - asyncio's handler says it, as of any other callback
                self._loop.call_exception_handler({"message": "what was posted failed", "exception": error})


class Promise:
    """A call a hand-turned clock has promised."""

    __slots__ = ("callback", "withdrawn")

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.withdrawn = False

    def cancel(self) -> None:
        """Withdraw the call; harmless when it already happened."""
        self.withdrawn = True


class HandClock:
    """Time that moves only when told to; calls due at the same moment run in the order they were promised.

    The wall clock can be set apart from the monotonic one with `jump`, as NTP or
    a dead battery does.
    """

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self._monotonic = 0.0
        self._promises: list[tuple[float, int, Promise]] = []
        self._promised = 0

    def now(self) -> datetime:
        """The wall clock in UTC."""
        return self._start + timedelta(seconds=self._monotonic)

    def monotonic(self) -> float:
        """Seconds turned since the clock was made."""
        return self._monotonic

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Promise:
        """Call back once the clock has been turned this far."""
        promise = Promise(callback)
        self._promised += 1
        heapq.heappush(self._promises, (self._monotonic + max(0.0, seconds), self._promised, promise))
        return promise

    def post(self, callback: Callable[[], None]) -> None:
        """Call back at this very moment, after what is promised for it already."""
        self.call_later(0, callback)

    def jump(self, seconds: float) -> None:
        """Set the wall clock on or back; the monotonic one does not notice."""
        self._start += timedelta(seconds=seconds)

    @property
    def next_due(self) -> float | None:
        """The monotonic second of the next call, if any is promised."""
        while self._promises and self._promises[0][2].withdrawn:
            heapq.heappop(self._promises)
        return self._promises[0][0] if self._promises else None

    def step(self) -> bool:
        """Turn to the next promised call and make it; False when none is left."""
        due = self.next_due
        if due is None:
            return False
        _, _, promise = heapq.heappop(self._promises)
        self._monotonic = max(self._monotonic, due)
        promise.withdrawn = True
        promise.callback()
        return True

    def advance(self, seconds: float) -> None:
        """Turn the clock on, making every call that falls due on the way."""
        self.run_until(self._monotonic + seconds)

    def run_until(self, moment: float) -> None:
        """Turn the clock to a monotonic second, making every call that falls due on the way."""
        while (due := self.next_due) is not None and due <= moment:
            self.step()
        self._monotonic = max(self._monotonic, moment)

    def settle(self) -> None:
        """Make every call that is due at this very moment."""
        self.run_until(self._monotonic)
