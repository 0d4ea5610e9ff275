"""Which faults a simulated world suffers, when and where: a plan drawn from its seed.

Every kind strikes at least once whatever the seed and however short the world:
the first working hours of the first day see all of them, later days draw from
all kinds. A fault that needs somebody to happen to (a lost message, a power cut
between a release and its line) stays armed until it did.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final


class Fault(StrEnum):
    """What can go wrong; the names are keys of the world's answer."""

    MESSAGE_LOSS = "message_loss"
    DUPLICATION = "duplication"
    REORDERING = "reordering"
    DELAY = "delay"
    LINK_CUT = "link_cut"
    BROKER_RESTART = "broker_restart"
    CONTROLLER_KILL = "controller_kill"
    POWER_CUT = "power_cut"
    CLOUD_OUTAGE = "cloud_outage"
    CLOUD_RESTART = "cloud_restart"
    CLOCK_JUMP = "clock_jump"
    DISK_FULL = "disk_full"
    TAILGATING = "tailgating"
    REVOKE_OFFLINE = "revoke_offline"
    SCHEDULE_CHANGE = "schedule_change"
    TAMPERED_MESSAGE = "tampered_message"
    REPLAYED_MESSAGE = "replayed_message"
    FORGED_MESSAGE = "forged_message"
    DOWNGRADED_RULES = "downgraded_rules"
    CLONED_CONTROLLER = "cloned_controller"
    CLONED_CARD = "cloned_card"
    LOCKDOWN = "lockdown"


MINUTES: Final[dict[Fault, tuple[float, float]]] = {
    Fault.MESSAGE_LOSS: (10, 40),
    Fault.DUPLICATION: (10, 40),
    Fault.REORDERING: (10, 40),
    Fault.DELAY: (10, 40),
    Fault.LINK_CUT: (20, 180),
    Fault.BROKER_RESTART: (0.5, 5),
    Fault.CONTROLLER_KILL: (0.05, 1),
    Fault.POWER_CUT: (1, 15),
    Fault.CLOUD_OUTAGE: (120, 300),
    Fault.CLOUD_RESTART: (0.2, 2),
    Fault.CLOCK_JUMP: (10, 60),
    Fault.DISK_FULL: (10, 60),
    Fault.TAILGATING: (0, 0),
    Fault.REVOKE_OFFLINE: (60, 120),
    Fault.SCHEDULE_CHANGE: (0, 0),
    Fault.TAMPERED_MESSAGE: (10, 30),
    Fault.REPLAYED_MESSAGE: (10, 30),
    Fault.FORGED_MESSAGE: (10, 30),
    Fault.DOWNGRADED_RULES: (10, 30),
    Fault.CLONED_CONTROLLER: (10, 30),
    Fault.CLONED_CARD: (80, 120),
    Fault.LOCKDOWN: (5, 30),
}
"""How long each kind lasts at least and at most."""

FIRST_HOUR: Final = 8.0
LAST_HOUR: Final = 17.0
LATER_A_DAY: Final = 6
"""How many faults a later day draws."""

BY_PEOPLE: Final = frozenset({Fault.TAILGATING})
"""Kinds that the people bring with them, every day."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at a place (the controller it strikes, if it is one's) from a moment on."""

    kind: Fault
    at: datetime
    seconds: float
    controller: str


def plan(midnight: datetime, days: int, controllers: Iterable[str], rng: Random) -> list[Strike]:
    """The faults of a world that begins at a local midnight, in the order of their moments."""
    names = sorted(controllers)
    strikes = [_strike(kind, midnight, names, rng) for kind in Fault if kind not in BY_PEOPLE]
    kinds = [kind for kind in Fault if kind not in BY_PEOPLE]
    for day in range(1, days):
        morning = midnight + timedelta(days=day)
        strikes += [_strike(rng.choice(kinds), morning, names, rng) for _ in range(LATER_A_DAY)]
    return sorted(strikes, key=lambda strike: (strike.at, strike.kind))


def _strike(kind: Fault, morning: datetime, names: list[str], rng: Random) -> Strike:
    at = morning + timedelta(hours=rng.uniform(FIRST_HOUR, LAST_HOUR))
    return Strike(kind, at, rng.uniform(*MINUTES[kind]) * 60, rng.choice(names))
