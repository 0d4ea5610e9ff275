"""Hostile peers striking: what they do to the world, and how it ends; `hostile` makes their messages."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from aldaba_shared.messages import Kind
from aldaba_shared.parcel import unpack
from aldaba_shared.wire import Malformed
from aldaba_sim.faults import Fault, Strike
from aldaba_sim.hostile import Eavesdropper, Message, copycat, copycat_errands

if TYPE_CHECKING:
    from aldaba_sim.troubles import Troubles
    from aldaba_sim.world import World

EVERY_SECONDS: Final = 45.0
REPORTED_SECONDS: Final = 40 * 60.0
FOUND_SECONDS: Final = 20 * 3600.0


class Siege:
    """The hostile kinds of fault. `troubles` counts them, gives them dice, and ends what lasts."""

    def __init__(self, world: "World", troubles: "Troubles") -> None:
        self._world = world
        self._troubles = troubles
        self._eve = Eavesdropper(world)
        self._copies = 0
        self.strikes: dict[Fault, Callable[[Strike], None]] = {
            Fault.REPLAYED_MESSAGE: self._replay,
            Fault.FORGED_MESSAGE: self._forge,
            Fault.DOWNGRADED_RULES: self._downgrade,
            Fault.CLONED_CONTROLLER: self._clone,
            Fault.CLONED_CARD: self._copy_card,
        }

    def _replay(self, strike: Strike) -> None:
        """Old messages again, retained where such a message is."""
        machine, dice = self._troubles.machine(strike), self._troubles.dice(strike)

        def again() -> bool:
            return self._put(Fault.REPLAYED_MESSAGE, self._eve.old(machine, dice))

        self._besiege(strike, again)

    def _forge(self, strike: Strike) -> None:
        """Every kind of message, signed by a key that only bears a trusted name."""
        machine = self._troubles.machine(strike)

        def forge() -> bool:
            put = [self._put(Fault.FORGED_MESSAGE, one) for one in self._eve.forged(machine)]
            return any(put)

        self._besiege(strike, forge)

    def _clone(self, strike: Strike) -> None:
        """A copy of the controller's disk tells other lines under numbers that the cloud has."""
        machine = self._troubles.machine(strike)

        def clone() -> bool:
            ready = machine.alive and self._world.cloud.connected
            return self._put(Fault.CLONED_CONTROLLER, self._eve.cloned(machine) if ready else None)

        self._besiege(strike, clone)

    def _put(self, kind: Fault, message: Message | None) -> bool:
        """Put a message on the broker, if there is one and the broker takes it."""
        if message is None or not self._world.broker.up:
            return False
        self._world.broker.accept(message.topic, message.payload, retain=message.retain)
        self._troubles.happened(kind)
        return True

    def _besiege(self, strike: Strike, act: Callable[[], bool]) -> None:
        """Act again and again until the time is over, and beyond it until it worked once."""
        ends = self._world.time.elapsed_us + strike.seconds * 1_000_000
        worked = False

        def go_on() -> None:
            nonlocal worked
            worked = act() or worked
            over = self._world.time.elapsed_us >= ends and worked
            if not over and not self._troubles.healing:
                self._world.time.call_later(EVERY_SECONDS, go_on)

        go_on()

    def _downgrade(self, strike: Strike) -> None:
        """The rules change, and somebody who owns the network gives the door the first ones for the newest."""
        world, machine = self._world, self._troubles.machine(strike)
        weather = self._troubles.client(strike).weather
        served = world.cloud.first_served.get(machine.name)
        swapped = 0

        def swap(controller: str, content: bytes) -> bytes:
            nonlocal swapped
            if controller != machine.name or served is None or not content:
                return content
            swapped += 1
            self._troubles.happened(Fault.DOWNGRADED_RULES)
            return served

        def end() -> None:
            if not swapped and not self._troubles.healing:
                self._troubles.lasting(EVERY_SECONDS, end)
                return
            world.cloud.swap = lambda _controller, content: content
            weather.spoil = None

        world.cloud.swap = swap
        weather.spoil = _without_deltas
        self._troubles.change_hours()
        self._put_state(strike)
        self._troubles.lasting(strike.seconds, end)

    def _put_state(self, strike: Strike) -> None:
        state = self._eve.first_state(self._troubles.machine(strike))
        if state is not None and self._world.broker.up:
            self._world.broker.accept(state.topic, state.payload, retain=True)

    def _copy_card(self, strike: Strike) -> None:
        """Somebody comes with a copy of a member's card; later the member reports it lost."""
        world = self._world
        carriers = world.cloud.truth.carriers
        members = [one for one in world.people if one.role == "member"]
        victim = self._troubles.dice(strike).choice(
            [one for one in members if not carriers[one.holder].card_taken_back]
        )
        self._copies += 1
        person = copycat(victim, self._copies)
        world.streets.meet(person)
        for errand in copycat_errands(world, person):
            world.streets.promise(errand)
        world.time.call_later(REPORTED_SECONDS, lambda: self._report(victim.holder))

    def _report(self, holder: str) -> None:
        if self._world.cloud.truth.carriers[holder].card_taken_back:
            return
        self._world.cloud.revoke(holder)
        self._world.check_revoke(holder)
        self._world.time.call_later(FOUND_SECONDS, lambda: self._troubles.found(holder))


def _without_deltas(topic: str, payload: bytes) -> list[tuple[str, bytes]]:
    try:
        return [] if Kind.DELTA in unpack(payload) else [(topic, payload)]
    except Malformed:
        return [(topic, payload)]
