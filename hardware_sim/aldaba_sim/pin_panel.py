"""The pins of one simulated controller, seen from the street: which levels it drives, and switches to press.

The controller's process (`aldaba_sim.drivers`) connects to a panel over a unix
socket and both say JSON lines:

- controller to panel: `{"pin": 17, "level": true}`, an output has this level;
  all of them are said anew after connecting;
- panel to controller: `{"pin": 4, "level": false}`, an input is held at this
  level from now on; all of them are said anew after connecting, and then
  `{"welcome": true}`: the controller reads no pin before that;
- panel to controller: `{"edges": [[14, false, 0.0], [14, true, 0.00005]]}`,
  edges with times of their own in seconds, for signals such as Wiegand pulses
  that no process could time well enough.

Pins are BCM numbers. The panel outlives its controller: when that one is
killed and started again, it finds the same switches.
"""

import contextlib
import json
import selectors
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Edge = tuple[int, bool, float]
"""Pin, level, and seconds since the first edge of the burst."""

_LONGEST_LINE = 1 << 20


class LineBuffer:
    """Whole JSON lines out of a stream; a line longer than a mebibyte ends the talk."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, received: bytes) -> list[dict[str, Any]]:
        """The objects whose lines are complete.

        Raises:
            ValueError: something that is no JSON line; the two ends are ours, so this is a bug.
        """
        *lines, self._kept = (self._kept + received).split(b"\n")
        if len(self._kept) > _LONGEST_LINE:
            raise ValueError("A line on the pins' socket does not end.")
        return [json.loads(line) for line in lines if line]


def json_line(**said: object) -> bytes:
    """One message as it goes over the socket."""
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


class PinPanel:
    """Listens for one controller; remembers the levels of its outputs and holds its inputs."""

    def __init__(self, path: Path, on_change: Callable[[int, bool], None] | None = None) -> None:
        self.outputs: dict[int, bool] = {}
        self._driven: dict[int, bool] = {}
        self._on_change = on_change
        self._news = threading.Condition()
        self._peer: socket.socket | None = None
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name=f"pins {path.name}", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether a controller is there."""
        return self._peer is not None

    def drive(self, pin: int, *, level: bool) -> None:
        """Hold an input at this level, now and after the controller's next start."""
        with self._news:
            self._driven[pin] = level
            self._say(json_line(pin=pin, level=level))

    def burst(self, edges: Iterable[Edge]) -> None:
        """Send edges with their own times; the last level of each pin stays."""
        told = list(edges)
        with self._news:
            self._driven.update({pin: level for pin, level, _ in told})
            self._say(json_line(edges=told))

    def wait_for(self, condition: Callable[["PinPanel"], bool], seconds: float = 30.0) -> bool:
        """Wait until the panel looks so, at most this long; says whether it does."""
        with self._news:
            return self._news.wait_for(lambda: condition(self), seconds)

    def close(self) -> None:
        """Hang up and stop listening; idempotent."""
        if self._thread.is_alive():
            self._waker.send(b"!")
            self._thread.join()
        for one in (self._listener, self._wake, self._waker):
            one.close()

    def _say(self, line: bytes) -> None:
        if self._peer is None:
            return
        try:
            self._peer.sendall(line)
        except OSError:  # it died between two lines; the serving thread notices and cleans up
            return

    def _serve(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._listener, selectors.EVENT_READ)
            ready.register(self._wake, selectors.EVENT_READ)
            lines = LineBuffer()
            while True:
                for key, _ in ready.select():
                    if key.fileobj is self._wake:
                        self._hang_up(ready)
                        return
                    if key.fileobj is self._listener:
                        self._hang_up(ready)
                        lines = LineBuffer()
                        self._welcome(ready)
                    else:
                        self._hear(lines, ready)

    def _welcome(self, ready: selectors.BaseSelector) -> None:
        peer, _ = self._listener.accept()
        ready.register(peer, selectors.EVENT_READ)
        with self._news:
            self._peer = peer
            held = (json_line(pin=pin, level=level) for pin, level in self._driven.items())
            self._say(b"".join((*held, json_line(welcome=True))))
            self._news.notify_all()

    def _hear(self, lines: LineBuffer, ready: selectors.BaseSelector) -> None:
        received = b""
        with contextlib.suppress(OSError):  # killed: the same as hanging up
            received = self._peer.recv(65536) if self._peer else b""
        if not received:
            self._hang_up(ready)
            return
        for said in lines.feed(received):
            self._note(int(said["pin"]), bool(said["level"]))

    def _note(self, pin: int, level: bool) -> None:  # noqa: FBT001 - a pin and its level are one fact
        with self._news:
            self.outputs[pin] = level
            self._news.notify_all()
        if self._on_change is not None:
            self._on_change(pin, level)

    def _hang_up(self, ready: selectors.BaseSelector) -> None:
        with self._news:
            peer, self._peer = self._peer, None
            if peer is not None:
                ready.unregister(peer)
                peer.close()
            self._news.notify_all()
