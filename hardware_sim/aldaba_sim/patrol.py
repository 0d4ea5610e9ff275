"""The patrol: the emergency key walks the house after the last day, until every fault that waits for somebody struck.

A power cut in the gap after a release needs a release, a lost message needs a
message. On most days the people bring both; where they did not, because a door
nobody used was to be struck, the patrol does, so that every kind strikes for
any seed and any length.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aldaba_sim.building import STREET
from aldaba_sim.people import ROOMS, Errand, Person

if TYPE_CHECKING:
    from aldaba_sim.world import World

ROUNDS: Final = 16
ROUND: Final = timedelta(minutes=12)
"""A round of all doors, with time for a controller to come back and for the hourly heads."""
STOPS: Final = ("floor", "offices", "workshop", *ROOMS, STREET)


def walk_until_struck(world: "World") -> None:
    """Walk rounds while a promised kind of fault is missing; somebody slips in behind the guard each time."""
    guard = next((person for person in world.people if person.role == "emergency_key"), None)
    for _ in range(ROUNDS):
        if guard is None or not world.missing():
            return
        _walk_round(world, guard)


def _walk_round(world: "World", guard: Person) -> None:
    now = world.time.now()
    for errand in _errands(world, guard):
        world.streets.promise(errand)
    world.time.run_until(now + ROUND)


def _errands(world: "World", guard: Person) -> list[Errand]:
    now = world.time.now()
    errands = [Errand(now + timedelta(seconds=75 * stop), guard.holder, goal) for stop, goal in enumerate(STOPS)]
    idle = (one.person for one in world.streets.walkers.values() if one.place == STREET and not one.walking)
    follower = next((person for person in idle if person.role == "member"), None)
    if follower is not None:
        errands.append(Errand(now, follower.holder, "floor", behind=guard.holder))
        errands.append(Errand(now + ROUND / 2, follower.holder, STREET))
    return errands
