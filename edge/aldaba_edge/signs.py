"""What a door shows people: on its readers, and on lamps of their own."""

from collections.abc import Mapping
from typing import Final

import structlog

from aldaba_edge.ports import Indicator, Reader, Signal
from aldaba_shared.decide import Side
from aldaba_shared.ids import DoorId

log: Final = structlog.get_logger()


class Signs:
    """The readers and lamps of one door; a broken lamp is no broken door."""

    def __init__(self, door: DoorId, readers: Mapping[Side, Reader], indicators: Mapping[Side, Indicator]) -> None:
        self._door = door
        self._readers = readers
        self._indicators = indicators

    def show(self, side: Side, signal: Signal) -> None:
        """Show a signal at one side."""
        for shower in (self._readers.get(side), self._indicators.get(side)):
            try:
                if shower is not None:
                    shower.show(signal)
            except Exception as error:  # noqa: BLE001 - a driver's failure, whatever it is, stays at its own lamp
                log.warning("signal_failed", door=self._door, side=side.value, error=type(error).__name__)

    def everywhere(self, signal: Signal) -> None:
        """Show a signal at every side."""
        for side in {*self._readers, *self._indicators}:
            self.show(side, signal)
