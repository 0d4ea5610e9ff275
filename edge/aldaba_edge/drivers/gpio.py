"""Locks, contacts and lamps on pins, through gpiozero and whatever pin factory the controller has."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gpiozero import DigitalOutputDevice, InputDevice, OutputDevice
from gpiozero.pins import Factory

from aldaba_edge.drivers.options import GpioContactOptions, GpioIndicatorOptions, GpioLockOptions, RelayContact
from aldaba_edge.drivers.patterns import Lamp, pattern_of
from aldaba_edge.ports import Signal


def pin_level(*, release: bool, fail_safe: bool, contact: RelayContact, active_low: bool) -> bool:
    """The level that makes the lock do what is wanted; tested over all combinations.

    A fail-secure strike is powered to release, a fail-safe magnet to hold. A
    normally open contact passes power while the relay is energised, a normally
    closed one while it is not. Some boards energise their relay on a low level.
    """
    powered = release is not fail_safe
    energised = powered is (contact is RelayContact.NO)
    return energised is not active_low


class GpioLock:
    """An electric strike or magnet on a relay; satisfies the `Lock` port.

    The secured level is driven before anything else, and again before the pin
    is let go, so that opening and closing the driver never release a door.
    What the board does with a pin that was let go is the wiring's affair;
    `aldaba-edge check` says it for every door.
    """

    def __init__(self, options: GpioLockOptions, factory: Factory | None = None) -> None:
        level = partial(pin_level, fail_safe=options.fail_safe, contact=options.contact, active_low=options.active_low)
        self._released, self._secured = level(release=True), level(release=False)
        self._relay = OutputDevice(options.pin, initial_value=self._secured, pin_factory=factory)

    def release(self) -> None:
        """Let people through."""
        self._drive(self._released)

    def secure(self) -> None:
        """Hold the door shut."""
        self._drive(self._secured)

    def close(self) -> None:
        """Drive the secured level, then let the pin go; idempotent."""
        if not self._relay.closed:
            self.secure()
            self._relay.close()

    def _drive(self, level: bool) -> None:  # noqa: FBT001 - a level
        """Set the pin; by `on` and `off`, which are several calls shorter than `value`, and somebody waits."""
        if level:
            self._relay.on()
        else:
            self._relay.off()


@dataclass(slots=True)
class Debouncer:
    """Tells settled levels from bounce, by the edges' own times in seconds; pure.

    A level counts once it has held for `seconds`. It is judged at the next edge
    too, not only when somebody looks, so an input that was long enough is never
    missed by a late thread, and one that was too short never counts.
    """

    seconds: float
    settled: bool
    _candidate_since: float | None = None

    def edge(self, level: bool, at: float) -> list[bool]:  # noqa: FBT001 - a level is what an edge is
        """The settled changes that this edge proves."""
        changes = self.look(at)
        self._candidate_since = None if level is self.settled else at
        return changes

    def look(self, at: float) -> list[bool]:
        """The settled change that has become true by now, if any."""
        if self._candidate_since is None or at - self._candidate_since < self.seconds:
            return []
        self.settled = not self.settled
        self._candidate_since = None
        return [self.settled]

    @property
    def waiting(self) -> bool:
        """Whether a change is on its way."""
        return self._candidate_since is not None


class GpioContact:
    """A switch on a pin, debounced on the edges' own timestamps; satisfies the `Contact` port."""

    def __init__(self, options: GpioContactOptions, factory: Factory | None = None) -> None:
        self._seconds = options.debounce_ms / 1000
        closed_level = options.pull == "down"
        self._active_level = closed_level is options.active_when_closed
        self._input = InputDevice(options.pin, pull_up=options.pull == "up", pin_factory=factory)
        self._changed = threading.Condition()
        self._debouncer = Debouncer(self._seconds, self._now_active())
        self._news: list[tuple[bool, float]] = []
        self._closing = False
        self._thread: threading.Thread | None = None

    @property
    def active(self) -> bool:
        """The settled level: open, pressed, passing."""
        return self._debouncer.settled

    def open(self, post: Callable[[bool], None]) -> None:
        """Report every settled change from the contact's own thread."""
        self._thread = threading.Thread(target=self._watch, args=(post,), name="contact", daemon=True)
        self._thread.start()
        pin = self._input.pin
        pin.edges = "both"
        pin.when_changed = self._on_edge
        if self._now_active() is not self.active:  # it changed before anyone listened
            self._on_edge(pin.factory.ticks(), pin.state)

    def close(self) -> None:
        """Stop reporting and let the pin go; idempotent."""
        if not self._input.closed:
            self._input.pin.when_changed = None
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self._input.close()

    def _now_active(self) -> bool:
        return bool(self._input.pin.state) is self._active_level

    def _on_edge(self, ticks: float, state: int) -> None:
        """An edge with the pin factory's time, the kernel's on a Pi."""
        with self._changed:
            self._news.append((bool(state) is self._active_level, ticks))
            self._changed.notify()

    def _watch(self, post: Callable[[bool], None]) -> None:
        """Judge edges as they come; once the line has been still long enough, judge the last level too."""
        last_edge = arrived = 0.0
        while True:
            with self._changed:
                patience = self._seconds if self._debouncer.waiting else None
                self._changed.wait_for(lambda: self._closing or self._news, patience)
                if self._closing:
                    return
                news, self._news = self._news, []
            changes: list[bool] = []
            for level, ticks in news:
                changes += self._debouncer.edge(level, ticks)
                last_edge, arrived = ticks, time.monotonic()
            if not news:
                changes = self._debouncer.look(last_edge + time.monotonic() - arrived)
            for change in changes:
                post(change)


class GpioIndicator:
    """LEDs and a buzzer on pins; satisfies the `Indicator` port. Patterns run on gpiozero's own threads."""

    def __init__(self, options: GpioIndicatorOptions, factory: Factory | None = None) -> None:
        wired = {Lamp.GREEN: options.green, Lamp.RED: options.red, Lamp.BUZZER: options.buzzer}
        self._patterns = options.patterns
        self._lamps = {
            name: DigitalOutputDevice(pin, active_high=not options.active_low, pin_factory=factory)
            for name, pin in wired.items()
            if pin is not None
        }

    def show(self, signal: Signal) -> None:
        """Show a signal in place of the one before."""
        pattern = pattern_of(signal, self._patterns)
        for name, lamp in self._lamps.items():
            blink = pattern.get(name)
            if blink is None:
                lamp.off()
            else:
                on, off = blink.on_ms / 1000, blink.off_ms / 1000
                lamp.blink(on_time=on, off_time=off, n=blink.times, background=True)

    def close(self) -> None:
        """Turn everything off and let the pins go; idempotent."""
        for lamp in self._lamps.values():
            lamp.close()
