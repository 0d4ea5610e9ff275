"""Locks on relay boards that hang on the I2C bus; the level rule is the one of the pins.

Several doors share a board, and most boards keep all relays in one register, so
a board is one object whose register is read before it is written: another
door's relay is left as it is. A relay that nobody claimed is never touched, and
a bit becomes an output only after its level was written, so that no relay
passes through the wrong position.
"""

import threading
from typing import Protocol

from aldaba_edge.drivers.gpio import pin_level
from aldaba_edge.drivers.options import I2cLockOptions
from aldaba_profiles.catalog import I2cRelays


class I2cBus(Protocol):
    """What is asked of a bus; smbus2's `SMBus` is one. A device that does not answer is an OSError."""

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        """One register of a device."""

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        """Set one register of a device."""


class RelayBoard:
    """The relays of one board, by number from 1."""

    def __init__(self, bus: I2cBus, address: int, relays: I2cRelays) -> None:
        self._bus = bus
        self._address = address
        self._relays = relays
        self._lock = threading.Lock()

    def drive(self, number: int, *, energised: bool) -> None:
        """Put a relay into this position.

        Raises:
            OSError: the board does not answer.
        """
        told = self._relays
        if told.register is None:
            value = told.on if energised else told.off
            self._bus.write_byte_data(self._address, told.registers[number - 1], value)
            return
        mask = told.masks[number - 1]
        with self._lock:
            self._set_bits(told.register, mask, high=energised is not told.inverted)
            if told.direction_register is not None:
                self._set_bits(told.direction_register, mask, high=False)

    def _set_bits(self, register: int, mask: int, *, high: bool) -> None:
        kept = self._bus.read_byte_data(self._address, register)
        self._bus.write_byte_data(self._address, register, kept | mask if high else kept & ~mask)


class I2cLock:
    """An electric strike or magnet on a relay of such a board; satisfies the `Lock` port.

    The secured level is driven before anything else. The board holds its relays
    whatever becomes of us, so closing drives it once more and lets nothing go.
    """

    def __init__(self, options: I2cLockOptions, board: RelayBoard) -> None:
        self._wiring = options
        self._board = board
        self._closed = False
        self.secure()

    def release(self) -> None:
        """Let people through."""
        self._drive(release=True)

    def secure(self) -> None:
        """Hold the door shut."""
        self._drive(release=False)

    def close(self) -> None:
        """Drive the secured level; idempotent."""
        if not self._closed:
            self._closed = True
            self.secure()

    def _drive(self, *, release: bool) -> None:
        wiring = self._wiring
        level = pin_level(
            release=release, fail_safe=wiring.fail_safe, contact=wiring.contact, active_low=wiring.active_low
        )
        self._board.drive(wiring.relay, energised=level)
