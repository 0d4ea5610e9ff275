"""The devices of a door as the door uses them: made as soon as they can be, tried again, and said once.

A reader that is unplugged, a relay board without power or a pin somebody else
holds is one device's trouble. The rest of the door goes on, the books say what
is missing, and it is tried again until it is there.
"""

from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

import structlog

from aldaba_edge.backoff import Backoff
from aldaba_edge.ports import Clock, Contact, Indicator, Lock, Reader, Reading, Signal, Timer

log: Final = structlog.get_logger()

BACKOFF: Final = Backoff()


class Alarmed:
    """One timer that can be started anew and stopped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: Timer | None = None

    def start(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back after this long, in place of any earlier promise."""
        self.stop()
        self._timer = self._clock.call_later(seconds, callback)

    def stop(self) -> None:
        """Withdraw the promise, if there is one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Attempts:
    """Something that may fail: tried when asked and again with backoff; its failure and its end are each said once.

    `lost` gets an error code, never a message, because messages may hold paths
    and numbers that do not belong in the books.
    """

    def __init__(
        self, clock: Clock, attempt: Callable[[], None], *, lost: Callable[[str], None], back: Callable[[], None]
    ) -> None:
        self._attempt = attempt
        self._lost = lost
        self._back = back
        self._again = Alarmed(clock)
        self._failures = 0

    def now(self) -> None:
        """Try at once; never raises."""
        self._again.stop()
        try:
            self._attempt()
        except Exception as error:
            self._failures += 1
            if self._failures == 1:
                log.exception("device_failed")
                self._lost(str(getattr(error, "code", type(error).__name__)))
            self._again.start(BACKOFF.after(self._failures), self.now)
        else:
            if self._failures:
                self._failures = 0
                self._back()

    def stop(self) -> None:
        """Try no more."""
        self._again.stop()


class DeviceWatch(Protocol):
    """Who is told that a device of a door fails, and that it works again."""

    def device_lost(self, device: str, why: str) -> None:
        """It failed; it is tried again."""

    def device_back(self, device: str) -> None:
        """It works again."""


class LockLine:
    """A lock that may fail: what was wanted last is tried until it is done, and no failure reaches the door."""

    def __init__(self, lock: Lock, clock: Clock, watch: DeviceWatch, name: str = "lock") -> None:
        self._lock = lock
        self._wanted = lock.secure
        self._attempts = Attempts(
            clock,
            self._drive,
            lost=lambda why: watch.device_lost(name, why),
            back=lambda: watch.device_back(name),
        )
        self.driven: Callable[[bool], None] = lambda _released: None

    def release(self) -> None:
        """Let through."""
        self._wanted = self._lock.release
        self._attempts.now()
        self.driven(True)  # noqa: FBT003 - the level

    def secure(self) -> None:
        """Hold shut."""
        self._wanted = self._lock.secure
        self._attempts.now()
        self.driven(False)  # noqa: FBT003 - the level

    def close(self) -> None:
        """Hold shut, and try no more."""
        self.secure()
        self._attempts.stop()

    def _drive(self) -> None:
        self._wanted()


class Closing(Protocol):
    """Any device that can be let go."""

    def close(self) -> None:
        """Let it go."""


D = TypeVar("D", bound=Closing)


class Late(Generic[D]):
    """A device that is made as soon as it can be."""

    def __init__(self, make: Callable[[], D]) -> None:
        self._make = make
        self._device: D | None = None

    def prepare(self) -> None:
        """Make it now if that is possible; its first use says why it was not."""
        try:
            self.there()
        except Exception as error:  # noqa: BLE001 - whatever a driver cannot do, the rest of the controller can
            log.warning("device_not_there", error=str(error))

    def there(self) -> D:
        """The device; raises what its driver raises when it cannot be made yet."""
        if self._device is None:
            self._device = self._make()
        return self._device

    def close(self) -> None:
        """Let it go, if it was made."""
        if self._device is not None:
            self._device.close()


class LateLock(Late[Lock]):
    """Satisfies the `Lock` port; every call raises until the lock is there."""

    def release(self) -> None:
        """Let through."""
        self.there().release()

    def secure(self) -> None:
        """Hold shut."""
        self.there().secure()


class LateReader(Late[Reader]):
    """Satisfies the `Reader` port; `open` raises until the reader is there and may then be called again."""

    def open(self, post: Callable[[Reading], None]) -> None:
        """Begin to read."""
        self.there().open(post)

    def show(self, signal: Signal) -> None:
        """Show a signal; a reader that is not there has nobody before it."""
        if self._device is not None:
            self._device.show(signal)


class LateContact(Late[Contact]):
    """Satisfies the `Contact` port; `open` raises until the input is there and may then be called again."""

    @property
    def active(self) -> bool:
        """The level now; of an input that is not there nobody knows anything."""
        return self._device is not None and self._device.active

    def open(self, post: Callable[[bool], None]) -> None:
        """Report every debounced change."""
        self.there().open(post)


class LateIndicator(Late[Indicator]):
    """Satisfies the `Indicator` port; `show` raises until the lamp is there."""

    def show(self, signal: Signal) -> None:
        """Show a signal."""
        self.there().show(signal)
