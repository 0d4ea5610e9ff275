"""What feeds a door, as the failure outputs of its supply say (EN 60839-11-1: a failing mains is an alarm)."""

from aldaba_shared.event import Event
from aldaba_shared.ids import DoorId


class PowerMainsLost(Event, frozen=True, tag="power_mains_lost"):
    """What feeds this door lost its mains and lives on its battery from now on."""

    door: DoorId


class PowerFailing(Event, frozen=True, tag="power_failing"):
    """The mains are still away after the time the configuration allows: an alarm. `after_ms` counts from their loss."""

    door: DoorId
    after_ms: int


class PowerMainsBack(Event, frozen=True, tag="power_mains_back"):
    """The mains are back."""

    door: DoorId


class BatteryLow(Event, frozen=True, tag="battery_low"):
    """The battery behind what feeds this door is nearly empty: an alarm, because the lock is next."""

    door: DoorId


class BatteryCharged(Event, frozen=True, tag="battery_charged"):
    """The battery has enough again."""

    door: DoorId
