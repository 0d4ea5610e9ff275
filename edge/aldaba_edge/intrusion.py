"""The output that arms an intrusion alarm when the last person leaves a zone, driven by its table.

What was armed is kept in `state.db`, and presence is replayed from the journal,
so a start after a crash arms again only what was armed and is still empty. At
rest, without power and in a process that died the output says disarmed. A zone
in which somebody may be whom nobody knows by name (a release by hand, an
unlocked door, a fire) stays disarmed until somebody known was the last to leave.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from msgspec import Struct

from aldaba_edge.devices import Alarmed, LockLine
from aldaba_edge.ports import Clock, Journal, Presences, RulesInForce
from aldaba_edge.state import Slot, State
from aldaba_shared import intrusion as table
from aldaba_shared.events import IntrusionArmed, IntrusionDisarmed
from aldaba_shared.ids import DoorId, ZoneId
from aldaba_shared.intrusion import Guard, GuardEffect, GuardInput
from aldaba_shared.presence import occupancy, within

log: Final = structlog.get_logger()

LOOK_SECONDS: Final = 60.0
"""Stays of an estimated zone end by time alone, so the number is looked at now and then."""


class Watch(Struct, frozen=True):
    """What must not be forgotten of one zone."""

    armed: bool = False
    somebody: bool = False
    """Somebody known was inside since it was last armed: their leaving may arm it."""


@dataclass(frozen=True, slots=True)
class Around:
    """What an alarm goes by."""

    clock: Clock
    journal: Journal
    state: State
    presences: Presences
    rules: RulesInForce
    any_free: Callable[[ZoneId], bool]
    """Whether a door into the zone lets everybody through now."""


class IntrusionAlarm:
    """The alarm of one zone."""

    def __init__(self, zone: ZoneId, delay_seconds: float, output: LockLine, around: Around) -> None:
        self.zone = zone
        self._delay_seconds = delay_seconds
        self._output = output
        self._around = around
        self._delay, self._again = Alarmed(around.clock), Alarmed(around.clock)
        self._door: DoorId | None = None
        self._why = ""
        self.state = Guard.DISARMED
        self._watch = (around.state.get(Slot.INTRUSION, dict[ZoneId, Watch]) or {}).get(zone, Watch())
        output.secure()

    def start(self) -> None:
        """Go on where the last run ended; nothing is armed that is not empty now."""
        if self._watch.armed and not self._people():
            self.state, self._why = Guard.ARMED, "restart"
            self._arm()
        elif self._watch.armed:
            self._note(armed=False, somebody=True)
        self.look()

    def look(self) -> None:
        """Presence, a mode or the hour may have changed."""
        self._again.start(LOOK_SECONDS, self.look)
        if self._people():
            if not self._watch.somebody:
                self._note(armed=self._watch.armed, somebody=True)
            self._feel(GuardInput.PEOPLE, "presence")
        elif self._watch.somebody:
            self._feel(GuardInput.EMPTIED, "last_left")

    def entering(self, door: DoorId, zone: ZoneId | None, *, known: bool) -> None:
        """Somebody is about to be let in; an entry by nobody known also forgets who was there."""
        if zone is None or not within(self._around.rules.presence.zones, zone, self.zone):
            return
        if known is not self._watch.somebody:
            self._note(armed=self._watch.armed, somebody=known)
        self._door = door
        self._feel(GuardInput.ENTRY, "entry")
        self._door = None
        self._again.start(self._delay_seconds, self.look)

    def close(self) -> None:
        """Say disarmed, as a process that is gone does; what was armed is kept."""
        self._delay.stop()
        self._again.stop()
        self._output.close()

    def _people(self) -> bool:
        """Whether anybody is thought inside, or nobody can tell."""
        around = self._around
        rules, now = around.rules.presence, around.clock.now()
        known = rules.zones.get(self.zone)
        if known is None or around.presences.apart(known.controllers) or around.any_free(self.zone):
            return True
        return occupancy(around.presences.stays(), self.zone, rules, now) > 0

    def _feel(self, given: GuardInput, why: str) -> None:
        self._why = why
        self.state, effects = table.after(self.state, given)
        for effect in effects:
            self._EFFECTS[effect](self)

    def _start_delay(self) -> None:
        self._delay.start(self._delay_seconds, self._delay_ended)

    def _delay_ended(self) -> None:
        self._feel(GuardInput.PEOPLE if self._people() else GuardInput.DELAY_ENDED, self._why)

    def _arm(self) -> None:
        self._note(armed=True, somebody=False)
        self._around.journal.record(IntrusionArmed(self.zone, self._why), then=lambda _sequence: self._drive())
        log.info("intrusion_armed", zone=self.zone, why=self._why)

    def _drive(self) -> None:
        """The line is durable; meanwhile somebody may have come."""
        if self.state is Guard.ARMED:
            self._output.release()

    def _disarm(self) -> None:
        self._output.secure()
        self._note(armed=False, somebody=self._watch.somebody)
        self._around.journal.record(IntrusionDisarmed(self.zone, self._why, self._door))
        log.info("intrusion_disarmed", zone=self.zone, why=self._why)

    def _note(self, *, armed: bool, somebody: bool) -> None:
        self._watch = Watch(armed, somebody)
        every = self._around.state.get(Slot.INTRUSION, dict[ZoneId, Watch]) or {}
        self._around.state.put(Slot.INTRUSION, {**every, self.zone: self._watch})

    _EFFECTS: Final[dict[GuardEffect, Callable[["IntrusionAlarm"], None]]] = {
        GuardEffect.START_DELAY: _start_delay,
        GuardEffect.STOP_DELAY: lambda self: self._delay.stop(),
        GuardEffect.ARM: _arm,
        GuardEffect.DISARM: _disarm,
    }
