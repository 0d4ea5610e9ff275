"""Relay boards on a simulated I2C bus: registers as the makers' sheets say, and which relays they pull.

What a relay does is said as a pin of the panel: relay 3 of the board at 0x20
is pin 3203, true while its contacts are pulled.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

TCA9534_OUTPUT: Final = 0x01
TCA9534_DIRECTION: Final = 0x03
SEEED_REGISTER: Final = 0x06
ALL: Final = 0xFF
SEQUENT_BITS: Final = (0, 2, 6, 4, 5, 7, 3, 1)
Registers = dict[int, int]


def panel_pin(address: int, relay: int) -> int:
    """The pin by which a panel calls a relay of a board."""
    return address * 100 + relay


@dataclass(frozen=True, slots=True)
class Chip:
    """A make of board: its registers at power-up, and which relays a state of them pulls."""

    power_up: Registers
    pulled: Callable[[Registers], set[int]]


def _seeed(registers: Registers) -> set[int]:
    return {relay for relay in range(1, 5) if not registers[SEEED_REGISTER] >> (relay - 1) & 1}


def _geeekpi(registers: Registers) -> set[int]:
    return {relay for relay in range(1, 5) if registers[relay] == ALL}


def _sequent(registers: Registers) -> set[int]:
    """A relay is pulled by a set bit of an output; an input, as every bit is at power-up, pulls nothing."""
    driven = registers[TCA9534_OUTPUT] & ~registers[TCA9534_DIRECTION]
    return {relay for relay, bit in enumerate(SEQUENT_BITS, start=1) if driven >> bit & 1}


CHIPS: Final = {
    "seeed-relay-v1": Chip({SEEED_REGISTER: ALL}, _seeed),
    "geeekpi-ep0099": Chip(dict.fromkeys(range(1, 5), 0), _geeekpi),
    "sequent-8relay": Chip({TCA9534_OUTPUT: ALL, TCA9534_DIRECTION: ALL}, _sequent),
}


class NoAnswer(OSError):
    """No board answers at this address, as the kernel says it: remote I/O error."""

    def __init__(self, address: int) -> None:
        super().__init__(121, f"no board answers at {address:#04x}")


@dataclass(slots=True)
class SimulatedI2c:
    """A bus with boards by address; every change of a relay is told. Boards keep their relays when nobody speaks."""

    boards: dict[int, str]
    tell: Callable[[int, bool], None]
    _registers: dict[int, Registers] = field(default_factory=dict)

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        """One register of a board."""
        return self._of(i2c_addr)[register]

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        """Set one register; only what a byte holds, as on the wire."""
        registers, chip = self._of(i2c_addr), CHIPS[self.boards[i2c_addr]]
        if not 0 <= value <= ALL:
            message = f"{value} is no byte."
            raise ValueError(message)
        before = chip.pulled(registers)
        registers[register] = value
        for relay in sorted(before ^ chip.pulled(registers)):
            self.tell(panel_pin(i2c_addr, relay), relay not in before)

    def pulled(self, address: int) -> set[int]:
        """The relays that are pulled now."""
        return CHIPS[self.boards[address]].pulled(self._of(address))

    def _of(self, address: int) -> Registers:
        if address not in self.boards:
            raise NoAnswer(address)
        return self._registers.setdefault(address, dict(CHIPS[self.boards[address]].power_up))
