"""What the wired inputs of a door mean, by their names in the configuration."""

from collections.abc import Callable, Mapping
from typing import Final

from aldaba_edge.door_loop import DoorLoop
from aldaba_edge.lane import LaneMechanics
from aldaba_edge.mechanics import DoorMechanics
from aldaba_edge.shadow import Switched
from aldaba_shared import events
from aldaba_shared.decide import Side

LEVELS: Final = frozenset({"fire", "lock_feedback", "mains_lost", "battery_low"})
"""Inputs whose first level counts too: a fire that burns already, a relay that was welded while nobody looked."""


def heard(loop: DoorLoop, name: str, active: bool) -> None:  # noqa: FBT001 - what the input says
    """A debounced change of an input of this door."""
    meaning = _MEANINGS.get(name)
    if meaning is not None:
        meaning(loop, active)


def _leaf(loop: DoorLoop, active: bool) -> None:  # noqa: FBT001 - as above
    moving = loop.mechanics
    if not isinstance(moving, Switched):
        return
    moving.leaf(opened=active)
    if loop.shadow:
        if active and not loop.plan.others_relay:
            loop.others_opened()
    elif isinstance(moving.live, DoorMechanics):
        moving.live.leaf(active)


def _passage(side: Side) -> Callable[[DoorLoop, bool], None]:
    def passed(loop: DoorLoop, active: bool) -> None:  # noqa: FBT001 - as above
        moving = loop.mechanics
        if not active or not isinstance(moving, Switched):
            return
        if loop.shadow:
            loop.others_opened()
        elif isinstance(moving.live, LaneMechanics):
            moving.live.passage(side)

    return passed


def _exit_button(loop: DoorLoop, active: bool) -> None:  # noqa: FBT001 - as above
    if active:
        loop.exit_requested()


def _tamper(loop: DoorLoop, active: bool) -> None:  # noqa: FBT001 - as above
    if active:
        loop.tell(events.Tampered(loop.id))


def _others_relay(loop: DoorLoop, active: bool) -> None:  # noqa: FBT001 - as above
    if active:
        loop.others_opened()


_MEANINGS: Final[Mapping[str, Callable[[DoorLoop, bool], None]]] = {
    "contact": _leaf,
    "passage_in": _passage(Side.IN),
    "passage_out": _passage(Side.EGRESS),
    "exit_button": _exit_button,
    "tamper": _tamper,
    "fire": lambda loop, active: loop.fire(burning=active),
    "mains_lost": lambda loop, active: loop.supply.mains(lost=active),
    "battery_low": lambda loop, active: loop.supply.battery(low=active),
    "lock_feedback": lambda loop, active: loop.feedback.says(released=active),
    "others_relay": _others_relay,
}
