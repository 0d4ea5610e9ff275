"""What a door does by itself: what it was told, its hours, a fire; kept up to date as time passes.

What follows from what is pure (`aldaba_shared.unlocking`); here are the clock,
the timers and the one line in the books for every change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from aldaba_edge.devices import Alarmed
from aldaba_edge.ports import Clock, RulesInForce
from aldaba_shared.decide import DoorMode, DoorNow, rules_too_old
from aldaba_shared.door import FREE_MODES
from aldaba_shared.ids import DoorId
from aldaba_shared.unlocking import ModeCause, ModeNow, Standing, UnlockPlan, mode_at

CHECK_SECONDS: Final = 60.0
UNSAFE: Final = frozenset({ModeCause.RULES_TOO_OLD, ModeCause.CLOCK_UNTRUSTED})


class FirstCards(Protocol):
    """When somebody of the house last showed a card at each door; survives a restart."""

    def seen_at(self, door: DoorId) -> datetime | None:
        """The moment; None when nobody ever did."""

    def see(self, door: DoorId, at: datetime) -> None:
        """Keep it."""


class Surroundings(Protocol):
    """What a door's mode depends on besides what it was told."""

    def unsafe(self, now: datetime) -> ModeCause | None:
        """Why no door may stand unlocked now, if anything is."""

    def unlock_plan(self) -> UnlockPlan | None:
        """The hours of this door, as the rules in force say."""


class ModeKeeper:
    """Keeps one door's mode; `changed` is told of every change before anything else happens."""

    def __init__(
        self,
        door: DoorId,
        clock: Clock,
        *,
        around: Surroundings,
        first_cards: FirstCards,
        changed: Callable[[ModeNow], None],
    ) -> None:
        self._door = door
        self._clock = clock
        self._around = around
        self._first_cards = first_cards
        self._changed = changed
        self._told = DoorMode.LOCKED
        self._until: datetime | None = None
        self._fire = False
        self._stopped_at: datetime | None = None
        self._now = ModeNow(DoorMode.LOCKED, ModeCause.TOLD)
        self._timer = Alarmed(clock)

    @property
    def mode(self) -> DoorMode:
        """What the door does by itself now."""
        return self._now.mode

    @property
    def free(self) -> bool:
        """Whether it lets everybody through."""
        return self._now.mode in FREE_MODES

    def set(self, mode: DoorMode, until: datetime | None = None) -> None:
        """Do something else by itself, until a moment or until told otherwise; saying it twice changes nothing."""
        self._told, self._until = mode, until
        self.look()

    def fire(self, burning: bool) -> None:  # noqa: FBT001 - what the fire input says
        """Let everybody through for as long as the fire input says so."""
        self._fire = burning
        self.look()

    def house_card(self, at: datetime) -> None:
        """Somebody of the house was let in: the first such card opens the hours of a door that waits for it."""
        plan = self._around.unlock_plan()
        if plan is not None and not self.free:
            self._first_cards.see(self._door, at)
            self.look()

    def look(self) -> None:
        """See what follows now, and look again when the next thing may change it."""
        self._timer.stop()
        at, plan = self._clock.now(), self._around.unlock_plan()
        now = mode_at(self._standing(at, plan))
        if now.why in UNSAFE:
            self._stopped_at = at
        if now.why in UNSAFE | {ModeCause.ENDED}:
            # What was cut short stays so: neither a network nor a clock that returns unlocks a door.
            self._told, self._until = DoorMode.LOCKED, None
        if (now.mode, now.until) != (self._now.mode, self._now.until):
            self._now = now
            self._changed(now)
        if plan is not None or self._until is not None or self.free:
            self._timer.start(self._wait(at), self.look)

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()

    def _standing(self, at: datetime, plan: UnlockPlan | None) -> Standing:
        return Standing(
            at=at,
            told=self._told,
            until=self._until,
            fire=self._fire,
            unsafe=self._around.unsafe(at),
            plan=plan,
            first_card_at=self._first_cards.seen_at(self._door),
            stopped_at=self._stopped_at,
        )

    def _wait(self, at: datetime) -> float:
        """To the next full minute, where hours begin and end, or to the moment somebody named."""
        wait = CHECK_SECONDS - at.second - at.microsecond / 1e6
        if self._until is not None and self._until > at:
            wait = min(wait, (self._until - at).total_seconds())
        return wait


@dataclass(frozen=True, slots=True)
class RulesAround:
    """Satisfies `Surroundings` from the rules in force and the clock's standing."""

    door: DoorId
    rules: RulesInForce
    grace_hours: int
    clock_trusted: Callable[[], bool]

    def unsafe(self, now: datetime) -> ModeCause | None:
        """Rules first: a door that hears nobody is what the administrator can mend."""
        head = self.rules.head
        issued = head.issued_at if head is not None else None
        if rules_too_old(now, DoorNow(rules_issued_at=issued, offline_grace_hours=self.grace_hours)):
            return ModeCause.RULES_TOO_OLD
        return None if self.clock_trusted() else ModeCause.CLOCK_UNTRUSTED

    def unlock_plan(self) -> UnlockPlan | None:
        """The hours of this door; none without verified rules."""
        told = self.rules.door_rules(self.door)
        if told.unlock is None or not self.rules.verified:
            return None
        schedule = self.rules.schedule(told.unlock)
        return UnlockPlan(schedule, told.first_card) if schedule is not None else None
