"""A Wiegand reader on two pins; pulses are timed by the pin factory, on a Pi by the kernel.

The lines are 5 V: a level shifter stands between them and the Pi. A frame ends
by silence only, because nothing on the wire tells a long format's beginning
from a short format's whole; those 50 ms are the wire's price, not ours.
"""

import threading
import time
from collections.abc import Callable

from gpiozero import InputDevice
from gpiozero.pins import Factory

from aldaba_edge.codecs.keypad import PinEntry
from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.codecs.wiegand import CardNumber, Key, PulseReader, read_bits
from aldaba_edge.drivers.key_presses import readings_of
from aldaba_edge.drivers.options import WiegandOptions
from aldaba_edge.ports import CardSeen, Digest, Reading, Signal, Unreadable
from aldaba_shared.keys import CredentialKind, wiegand_canonical

_BACKLOG_EDGES = 4096
"""Edges kept for the thread; a line that oscillates faster than it is read loses the rest, and the frame with it."""


class WiegandReader:
    """A Wiegand card reader or keypad; satisfies the `Reader` port."""

    def __init__(self, options: WiegandOptions, digest: Digest, factory: Factory | None = None) -> None:
        self._digest = digest
        self._formats = options.known_formats()
        self._timing = options.timing()
        self._pulses = PulseReader(self._timing)
        self._pin_entry = PinEntry(options.forget_pin_ms / 1000)
        self._lines = [InputDevice(pin, pull_up=True, pin_factory=factory) for pin in (options.d0, options.d1)]
        self._changed = threading.Condition()
        self._edges: list[tuple[int, bool, float]] = []
        self._closing = False
        self._thread: threading.Thread | None = None
        self._listeners = [self._listener(0), self._listener(1)]

    def open(self, post: Callable[[Reading], None]) -> None:
        """Start listening on both lines."""
        self._thread = threading.Thread(target=self._watch, args=(post,), name="wiegand", daemon=True)
        self._thread.start()
        for line, listener in zip(self._lines, self._listeners, strict=True):
            line.pin.edges = "both"
            line.pin.when_changed = listener

    def show(self, signal: Signal) -> None:
        """Nothing: a Wiegand reader's LED and buzzer are wires of their own; configure an indicator."""

    def close(self) -> None:
        """Stop listening and let the pins go; idempotent."""
        for line in self._lines:
            if not line.closed:
                line.pin.when_changed = None
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        for line in self._lines:
            line.close()

    def _listener(self, number: int) -> Callable[[float, int], None]:
        def on_edge(ticks: float, state: int) -> None:
            with self._changed:
                if len(self._edges) < _BACKLOG_EDGES:
                    self._edges.append((number, bool(state), ticks))
                self._changed.notify()

        return on_edge

    def _watch(self, post: Callable[[Reading], None]) -> None:
        """Read edges as they come; once the lines have been still for the silence, the frame is whole."""
        last_edge = arrived = 0.0
        while True:
            with self._changed:
                patience = self._timing.silence if self._pulses.waiting else None
                self._changed.wait_for(lambda: self._closing or self._edges, patience)
                if self._closing:
                    return
                edges, self._edges = self._edges, []
            frames: list[str | Malformed] = []
            for line, level, ticks in edges:
                frames += self._pulses.edge(line, level, ticks)
                last_edge, arrived = ticks, time.monotonic()
            if not edges:
                frames = self._pulses.look(last_edge + time.monotonic() - arrived)
            for frame in frames:
                self._tell(frame, last_edge, post)

    def _tell(self, frame: str | Malformed, at: float, post: Callable[[Reading], None]) -> None:
        read = frame if isinstance(frame, Malformed) else read_bits(frame, self._formats)
        match read:
            case Malformed(why):
                post(Unreadable(why))
            case CardNumber(name, facility, number):
                canonical = wiegand_canonical(name, facility, number)
                post(CardSeen(CredentialKind.WIEGAND, self._digest(CredentialKind.WIEGAND, canonical)))
            case Key(value):
                for reading in readings_of(value, at, self._pin_entry, self._digest):
                    post(reading)
