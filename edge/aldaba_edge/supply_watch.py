"""What feeds a door, where its supply says when it lives on its battery, and when that ends.

The loss of the mains is written down at once, because the battery may end
before anybody was called. Only a loss that lasts is an alarm: a dip is nobody's
Sunday. Nothing about the door changes with it (EN 60839-11-1 asks for the alarm
alone).
"""

from collections.abc import Callable
from typing import TypeAlias

from aldaba_edge.devices import Alarmed
from aldaba_edge.ports import Clock
from aldaba_shared.ids import DoorId
from aldaba_shared.power_events import BatteryCharged, BatteryLow, PowerFailing, PowerMainsBack, PowerMainsLost

Told: TypeAlias = PowerMainsLost | PowerFailing | PowerMainsBack | BatteryLow | BatteryCharged


class SupplyWatch:
    """Tells the books what the failure outputs of a supply say; each change once."""

    def __init__(self, door: DoorId, clock: Clock, record: Callable[[Told], object], *, alarm_seconds: float) -> None:
        self._door = door
        self._clock = clock
        self._record = record
        self._alarm_seconds = alarm_seconds
        self._lost_at: float | None = None
        self._empty = False
        self._alarm = Alarmed(clock)

    def mains(self, *, lost: bool) -> None:
        """The mains went away, or are back."""
        if lost is (self._lost_at is not None):
            return
        if lost:
            self._lost_at = self._clock.monotonic()
            self._record(PowerMainsLost(self._door))
            self._alarm.start(self._alarm_seconds, self._still_lost)
        else:
            self._lost_at = None
            self._alarm.stop()
            self._record(PowerMainsBack(self._door))

    def battery(self, *, low: bool) -> None:
        """The battery is nearly empty, or has enough again."""
        if low is not self._empty:
            self._empty = low
            self._record(BatteryLow(self._door) if low else BatteryCharged(self._door))

    def stop(self) -> None:
        """Watch no more."""
        self._alarm.stop()

    def _still_lost(self) -> None:
        if self._lost_at is not None:
            after_ms = round((self._clock.monotonic() - self._lost_at) * 1000)
            self._record(PowerFailing(self._door, after_ms))
