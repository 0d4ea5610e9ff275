"""The Pi's own pins through gpiozero and lgpio, without the spike gpiozero puts on a new output.

gpiozero's lgpio pins become an output at low and only then get their level.
For some ten microseconds that is the released level of a strike on a board
that energises on low; lgpio can claim an output at its level, so we ask it to.
"""

from typing import Any

import lgpio
from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin

from aldaba_shared.errors import AldabaError


class PinsMissing(AldabaError):
    """This computer has no pins, or this program may not use them."""

    code = "pins_missing"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The pins of this computer cannot be used ({why}). On a Raspberry Pi, put the service's user into the "
            f'group gpio; anywhere else, configure [pins] profile = "simulated".'
        )


class SteadyPin(LGPIOPin):  # type: ignore[misc]  # gpiozero ships no types
    """A pin that becomes an output at the level that is wanted, in one step."""

    def output_with_state(self, state: int) -> None:
        """Claim the line as an output at this level; it passes through no other."""
        self.when_changed = None
        lgpio.gpio_claim_output(self.factory._handle, self._number, int(state))  # noqa: SLF001 - gpiozero names no other way


def open_native_pins() -> Any:  # noqa: ANN401 - gpiozero ships no types
    """A pin factory over the Pi's GPIO chip.

    Raises:
        PinsMissing: there is no chip, or it may not be opened.
    """
    try:
        factory = LGPIOFactory()
    except Exception as error:  # gpiozero and lgpio raise several unrelated classes when there is no Pi
        raise PinsMissing(str(error) or type(error).__name__) from error
    factory.pin_class = SteadyPin
    return factory
