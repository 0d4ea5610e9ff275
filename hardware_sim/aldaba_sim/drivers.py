"""What the simulator plugs into the edge: pins. Every driver above them is the one a Pi runs.

A controller's configuration says `pins = "simulated"` with the socket of a
panel (`aldaba_sim.pin_panel`, which documents the protocol); gpiozero's mock
pins then mirror their outputs to that panel and take their inputs from it.
"""

import contextlib
import socket
import threading
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from gpiozero.pins.mock import MockFactory, MockPin

from aldaba_edge.drivers.registry import DriverFactory, Kind, Parts
from aldaba_shared.errors import AldabaError
from aldaba_sim.i2c_relays import SimulatedI2c
from aldaba_sim.pin_panel import LineBuffer, json_line

WELCOME_SECONDS: Final = 5.0
"""How long a panel may take to say what it holds; one that is silent holds nothing."""
RETRY_SECONDS = 0.2
BURST_PAUSE_SECONDS = 0.1
"""Bursts follow each other at a distance in their own time, however fast they were sent: no reader overtakes itself."""


class SimulatedPinsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the panel of this controller listens, and which boards hang on its I2C bus, by address such as `0x20`."""

    socket: Annotated[str, msgspec.Meta(min_length=1)]
    i2c: dict[str, str] = {}


class PanelMissing(AldabaError):
    """No panel listens where the configuration says."""

    code = "panel_missing"

    def __init__(self, path: str) -> None:
        super().__init__(f"No simulated panel listens at {path}. Start the simulator before the controller.")


class SimulatedPin(MockPin):  # type: ignore[misc]  # gpiozero ships no types
    """A mock pin that tells its factory of its level and takes an edge's time from outside."""

    def hold(self, level: bool, at: float) -> None:  # noqa: FBT001 - the level of an edge
        """Hold the pin from outside; an output wins against it, as a strong driver does."""
        if self.function == "output" or not self._change_state(level):
            return
        if self._when_changed is not None and self._edges in ("both", "rising" if level else "falling"):
            super(MockPin, self)._call_when_changed(at, int(level))

    def _change_state(self, value: Any) -> bool:  # noqa: ANN401 - gpiozero's own signature
        """Keep the last changes only: a demo runs for days, and a test wants the recent past."""
        changed = bool(super()._change_state(value))
        del self.states[:-64]
        if changed and self.function == "output":
            self.factory.tell(self.info.name, bool(value))
        return changed

    def output_with_state(self, state: int) -> None:
        """Become an output at this level at once, without passing through the other one."""
        self._function = "output"
        self._change_state(bool(state))
        self.factory.tell(self.info.name, bool(state))

    def _set_function(self, value: str) -> None:
        super()._set_function(value)
        if value == "output":
            self.factory.tell(self.info.name, bool(self._state))
        else:
            self.factory.hold_again(self)

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        self.factory.hold_again(self)


class SimulatedPins(MockFactory):  # type: ignore[misc]  # gpiozero ships no types
    """Mock pins joined to a panel by a socket; joins again when the panel was away."""

    def __init__(self, path: str, boards: Mapping[str, str] | None = None) -> None:
        self._boards = {int(address, 0): make for address, make in (boards or {}).items()}
        self._lock = threading.RLock()
        super().__init__(pin_class=SimulatedPin)
        self._path = path
        self._held: dict[int, bool] = {}
        self._outputs: dict[int, bool] = {}
        self._burst_end = 0.0
        self._closing = threading.Event()
        self._welcomed = threading.Event()
        self._line: socket.socket | None = None
        self._join()
        self._thread = threading.Thread(target=self._listen, name="simulated pins", daemon=True)
        self._thread.start()
        # A wire has its level before anybody looks; one that came a moment later would be an edge that never was.
        self._welcomed.wait(WELCOME_SECONDS)

    def pin(self, name: Any, pin_class: Any = None, **others: Any) -> Any:  # noqa: ANN401 - gpiozero's own signature
        """The pin of this name, the same one whichever thread asks first."""
        with self._lock:
            return super().pin(name, pin_class, **others)

    def i2c(self, _path: str) -> SimulatedI2c:
        """The bus on which this controller's relay boards hang; their relays are pins of the panel too."""
        return SimulatedI2c(self._boards, self._tell_number)

    def tell(self, name: str, level: bool) -> None:  # noqa: FBT001 - a pin and its level are one fact
        """Tell the panel an output's level."""
        self._tell_number(_bcm(name), level)

    def _tell_number(self, number: int, level: bool) -> None:  # noqa: FBT001 - as above
        with self._lock:
            self._outputs[number] = level
            self._say(json_line(pin=number, level=level))

    def hold_again(self, pin: SimulatedPin) -> None:
        """A pin became an input or changed its pull: what holds it from outside still does."""
        level = self._held.get(_bcm(pin.info.name))
        if level is not None:
            pin.hold(level, self.ticks())

    def close(self) -> None:
        """Leave the panel and close all pins; idempotent."""
        self._closing.set()
        self._hang_up()
        thread = getattr(self, "_thread", None)
        if thread is not None and thread.is_alive():
            thread.join()
        super().close()

    def _join(self) -> None:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(self._path)
        except OSError as error:
            line.close()
            raise PanelMissing(self._path) from error
        with self._lock:
            self._line = line
            for number, level in self._outputs.items():
                self._say(json_line(pin=number, level=level))

    def _say(self, message: bytes) -> None:
        try:
            if self._line is not None:
                self._line.sendall(message)
        except OSError:  # the panel is gone; the listening thread notices, and joining again says everything anew
            return

    def _hang_up(self) -> None:
        with self._lock:
            line, self._line = self._line, None
        if line is not None:
            with contextlib.suppress(OSError):  # the panel may have hung up first
                line.shutdown(socket.SHUT_RDWR)  # wakes the listening thread, which closing alone does not
            line.close()

    def _listen(self) -> None:
        while not self._closing.is_set():
            self._hear_until_gone()
            self._hang_up()
            while not self._closing.wait(RETRY_SECONDS):
                try:
                    self._join()
                except PanelMissing:
                    continue
                break

    def _hear_until_gone(self) -> None:
        lines, line = LineBuffer(), self._line
        while line is not None and not self._closing.is_set():
            try:
                received = line.recv(65536)
            except OSError:  # closed from either side
                return
            if not received:
                return
            for said in lines.feed(received):
                self._obey(said)

    def _obey(self, said: Mapping[str, Any]) -> None:
        if "welcome" in said:
            self._welcomed.set()
            return
        if "edges" not in said:
            self._hold(said["pin"], level=said["level"], at=self.ticks())
            return
        start = max(self.ticks(), self._burst_end + BURST_PAUSE_SECONDS)
        for number, level, after in said["edges"]:
            self._hold(number, level=level, at=start + after)
            self._burst_end = start + after

    def _hold(self, number: int, *, level: bool, at: float) -> None:
        self._held[number] = level
        self.pin(f"GPIO{number}").hold(level, at)


def _bcm(name: str) -> int:
    return int(name.removeprefix("GPIO"))


def _build(options: SimulatedPinsOptions, _parts: Parts) -> SimulatedPins:
    return SimulatedPins(options.socket, options.i2c)


REGISTER: Mapping[str, DriverFactory] = {"simulated": DriverFactory(Kind.PINS, SimulatedPinsOptions, _build)}
