"""Faults striking: each kind what it does to the world, and how it heals."""

from collections.abc import Callable, Iterable
from dataclasses import astuple
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from aldaba_shared.decide import DoorMode
from aldaba_sim import town
from aldaba_sim.faults import Fault, Strike
from aldaba_sim.link import Client
from aldaba_sim.machine import KILL_WITHIN_SECONDS, POWER_LASTS_SECONDS, Machine
from aldaba_sim.siege import Siege

if TYPE_CHECKING:
    from aldaba_sim.world import World

LOSS: Final = 0.3
LONG_DELAY_SECONDS: Final = 20.0
REPLAYED: Final = 40
"""How many messages somebody on the network keeps, to play them again."""
WEATHER: Final = {
    Fault.MESSAGE_LOSS: ("loss", LOSS),
    Fault.DUPLICATION: ("doubling", LOSS),
    Fault.REORDERING: ("reordering", LOSS),
    Fault.DELAY: ("delay_seconds", LONG_DELAY_SECONDS),
}
STRUCK: Final = {name: kind for kind, (name, _) in WEATHER.items()}
"""Which kind of fault it is when the broker tells that a kind of weather struck a message."""
CERTAIN: Final = 1.0
LONGER_SECONDS: Final = 600.0


class Troubles:
    """Lets the planned faults strike, and takes back what is left of them at the end."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._to_heal: dict[int, Callable[[], None]] = {}
        self._numbers = 0
        self.healing = False
        self._hours = 0
        self._strikes: dict[Fault, Callable[[Strike], None]] = {
            **dict.fromkeys(WEATHER, self._weather),
            Fault.TAMPERED_MESSAGE: self._tamper,
            Fault.LINK_CUT: self._cut,
            Fault.BROKER_RESTART: self._restart_broker,
            Fault.CONTROLLER_KILL: self._kill,
            Fault.POWER_CUT: self._cut_power,
            Fault.CLOUD_OUTAGE: self._stop_cloud,
            Fault.CLOUD_RESTART: self._stop_cloud,
            Fault.CLOCK_JUMP: self._jump,
            Fault.DISK_FULL: self._fill,
            Fault.REVOKE_OFFLINE: self._revoke_offline,
            Fault.SCHEDULE_CHANGE: self._change_hours,
            Fault.LOCKDOWN: self._lock_down,
            **Siege(world, self).strikes,
        }

    def promise(self, strikes: Iterable[Strike]) -> None:
        """Have every fault strike at its moment."""
        self._world.broker.on_struck = lambda name: self.happened(STRUCK[name])
        for strike in strikes:
            self._world.time.call_at(strike.at, partial(self._begin, strike))

    def _begin(self, strike: Strike) -> None:
        for_long = f" for {round(strike.seconds)} s" if strike.seconds else ""
        self._world.ledger.tell(f"FAULT {strike.kind.value} at {strike.controller}{for_long}")
        self._strikes[strike.kind](strike)

    def leave_alone(self, seconds: float) -> None:
        """Broker and cloud are gone together: the doors are alone with what they know."""
        world = self._world
        self.happened(Fault.CLOUD_OUTAGE)
        world.broker.stop(forgetting=True)
        world.cloud.stop()

        def end() -> None:
            world.broker.start()
            world.cloud.start()

        self.lasting(seconds, end)

    def heal(self) -> None:
        """End every fault that still lasts, whether it struck or not."""
        self.healing = True
        for number in list(self._to_heal):
            self._end(number)

    def lasting(self, seconds: float, end: Callable[[], None]) -> None:
        """Remember how a fault ends, and end it after its time."""
        self._numbers += 1
        number = self._numbers
        self._to_heal[number] = end
        self._world.time.call_later(seconds, lambda: self._end(number))

    def _end(self, number: int) -> None:
        end = self._to_heal.pop(number, None)
        if end is not None:
            end()

    def happened(self, kind: Fault) -> None:
        """A fault struck: count it."""
        self._world.ledger.faults[kind.value] += 1

    def dice(self, strike: Strike) -> Random:
        """The strike's own luck."""
        return self._world.story.luck(*astuple(strike))

    def _later(self, strike: Strike) -> None:
        """What it is to strike is down already: wait until it is back."""

        def again() -> None:
            if not self.healing:
                self._strikes[strike.kind](strike)

        self._world.time.call_later(LONGER_SECONDS, again)

    def machine(self, strike: Strike) -> Machine:
        """The controller it strikes."""
        return next(one for one in self._world.machines.values() if one.name == strike.controller)

    def client(self, strike: Strike) -> Client:
        """The controller's connection, whichever it has at the moment."""
        return self._world.broker.clients[strike.controller]

    def _weather(self, strike: Strike) -> None:
        """Bad weather on one connection until it struck at least one message."""
        name, value = WEATHER[strike.kind]
        weather = self.client(strike).weather
        before = self._world.ledger.faults[strike.kind.value]
        setattr(weather, name, value)

        def end() -> None:
            if self._world.ledger.faults[strike.kind.value] == before and not self.healing:
                setattr(weather, name, max(value, CERTAIN))
                self.lasting(LONGER_SECONDS, end)
                return
            setattr(weather, name, 0.0)

        self.lasting(strike.seconds, end)

    def _tamper(self, strike: Strike) -> None:
        """Somebody who owns the network changes messages, and plays old ones again."""
        weather, dice = self.client(strike).weather, self.dice(strike)
        kept: list[tuple[str, bytes]] = []

        def spoil(topic: str, payload: bytes) -> list[tuple[str, bytes]]:
            kept.append((topic, payload))
            place = dice.randrange(len(payload))
            changed = bytearray(payload)
            changed[place] ^= 1 << dice.randrange(8)
            self.happened(Fault.TAMPERED_MESSAGE)
            return [(topic, bytes(changed)), (topic, payload), dice.choice(kept[-REPLAYED:])]

        weather.spoil = spoil

        def end() -> None:
            if not kept and not self.healing:
                self.lasting(LONGER_SECONDS, end)
                return
            weather.spoil = None

        self.lasting(strike.seconds, end)

    def _cut(self, strike: Strike) -> None:
        self.happened(Fault.LINK_CUT)
        self.client(strike).cut_off()
        self.lasting(strike.seconds, lambda: self.client(strike).mend())

    def _restart_broker(self, strike: Strike) -> None:
        if not self._world.broker.up:
            self._later(strike)
            return
        self.happened(Fault.BROKER_RESTART)
        forgetting = self.dice(strike).random() < 0.5  # noqa: PLR2004 - one broker in two keeps nothing
        self._world.broker.stop(forgetting=forgetting)
        self.lasting(strike.seconds, self._world.broker.start)

    def _kill(self, strike: Strike) -> None:
        """SIGKILL within the next tap, wherever it may be; a machine that died of something else is waited for."""
        machine, dice = self.machine(strike), self.dice(strike)

        def die(life: int) -> None:
            if not (machine.alive and machine.life == life):
                machine.on_read = armed
                return
            self.happened(Fault.CONTROLLER_KILL)
            self._die(machine, strike.seconds)

        def armed() -> None:
            machine.on_read = lambda: None
            life = machine.life
            self._world.time.call_later(dice.uniform(0, KILL_WITHIN_SECONDS), lambda: die(life))

        machine.on_read = armed

    def _cut_power(self, strike: Strike) -> None:
        """The disk is slow, so the lock is released before the line is durable; then the power goes."""
        machine = self.machine(strike)
        lock = machine.paper(machine.opening.door).lock
        machine.slow = True

        def die(life: int) -> None:
            if not (machine.alive and machine.life == life):
                lock.on_release = armed
                return
            machine.slow = False
            self.happened(Fault.POWER_CUT)
            self._die(machine, strike.seconds)

        def armed() -> None:
            lock.on_release = lambda: None
            life = machine.life
            self._world.time.call_later(POWER_LASTS_SECONDS, lambda: die(life))

        lock.on_release = armed

    def _die(self, machine: Machine, seconds: float) -> None:
        machine.kill()
        machine.disk_full = False
        self.lasting(seconds, lambda: None if machine.alive else machine.start())

    def _stop_cloud(self, strike: Strike) -> None:
        if not self._world.cloud.up:
            self._later(strike)
            return
        self.happened(strike.kind)
        self._world.cloud.stop()
        self.lasting(strike.seconds, lambda: None if self._world.cloud.up else self._world.cloud.start())

    def _jump(self, strike: Strike) -> None:
        """The wall clock is set wrong by up to three hours either way, and set right again."""
        self.happened(Fault.CLOCK_JUMP)
        machine = self.machine(strike)
        machine.clock.error = timedelta(seconds=round(self.dice(strike).uniform(-10_800, 10_800)))

        def end() -> None:
            machine.clock.error = timedelta(0)

        self.lasting(strike.seconds, end)

    def _fill(self, strike: Strike) -> None:
        machine = self.machine(strike)
        if not machine.alive:
            self._later(strike)
            return
        self.happened(Fault.DISK_FULL)
        machine.fill_disk(full=True)
        self.lasting(strike.seconds, lambda: machine.fill_disk(full=False) if machine.alive else None)

    def _revoke_offline(self, strike: Strike) -> None:
        """A card is reported lost while a door cannot hear of it; the person comes later than the news or not."""
        world = self._world
        carriers = world.cloud.truth.carriers
        members = [one.holder for one in world.people if one.role == "member"]
        holder = self.dice(strike).choice([one for one in members if not carriers[one].card_taken_back])
        self.happened(Fault.REVOKE_OFFLINE)
        self.client(strike).cut_off()

        def mend() -> None:
            self.client(strike).mend()
            world.time.call_later(3600 * 20, lambda: self.found(holder))

        world.cloud.revoke(holder)
        world.check_revoke(holder)
        self.lasting(strike.seconds, mend)

    def found(self, holder: str) -> None:
        """A card that was reported lost turned up."""
        if self._world.cloud.truth.carriers[holder].card_taken_back:
            self._world.cloud.restore(holder)

    def _lock_down(self, strike: Strike) -> None:
        """The operator locks a door down with people behind it: nobody gets in, and everybody out."""
        world = self._world
        machine = next(one for one in world.machines.values() if one.name == strike.controller)
        self.happened(Fault.LOCKDOWN)

        def tell(*, down: bool) -> None:
            world.cloud.set_mode(machine.opening.door, DoorMode.LOCKED_DOWN if down else DoorMode.LOCKED)
            world.check_lockdown(machine, down=down)

        tell(down=True)
        self.lasting(strike.seconds, lambda: tell(down=False))

    def _change_hours(self, _strike: Strike) -> None:
        self.happened(Fault.SCHEDULE_CHANGE)
        self.change_hours()

    def change_hours(self) -> None:
        """The admin changes the working week."""
        opens, closes = town.OTHER_HOURS[self._hours % len(town.OTHER_HOURS)]
        self._hours += 1
        self._world.cloud.change_hours(opens, closes)
        self._world.check_revoke(f"hours {opens}-{closes}")
