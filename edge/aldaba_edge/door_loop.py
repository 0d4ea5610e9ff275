"""One door: a reading comes in, an answer goes out, the books know of it.

There is one `DoorLoop` a door. It is called back and never waits, so the loop
of a Pi and the hand-turned clock of the simulated world drive the same code.

The order of effects is the heart of it. Toward the street the lock is released
before anything else is asked. On an entry the journal comes first, but nobody
waits for it longer than 25 ms: then the lock is released, and a line that
follows says how long the disk took. A pass is the exception: its use must be on
the disk before it opens, or pulling the plug would give the use back.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import structlog

from aldaba_edge.devices import Alarmed
from aldaba_edge.mechanics import Mechanics
from aldaba_edge.ports import (
    CardSeen,
    Clock,
    Indicator,
    Journal,
    PassSeen,
    PassUse,
    PassUses,
    Presences,
    Reader,
    ReaderBack,
    ReaderLost,
    Reading,
    RulesInForce,
    Signal,
    Timer,
    Unreadable,
)
from aldaba_shared import events, passes
from aldaba_shared.decide import (
    Decision,
    DoorMode,
    DoorNow,
    PresenceNow,
    Presented,
    Side,
    decide,
    rules_too_old,
)
from aldaba_shared.door import FREE_MODES, DoorInput
from aldaba_shared.envelope import KeyRing
from aldaba_shared.ids import ControllerId, DoorId, HolderId, SiteId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.presence import Order, seen_by
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import NOTHING_KNOWN, Facts

log: Final = structlog.get_logger()

PATIENCE_SECONDS: Final = 0.025
"""Nobody waits longer for the disk (design, section 5)."""

UNREADABLE_SECONDS: Final = 60.0
FREE_CHECK_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class DoorPlan:
    """What the configuration says of one door; durations in seconds."""

    id: DoorId
    into: Mapping[Side, ZoneId | None]
    """Where each side leads; `EGRESS` leads to the street unless the configuration says otherwise."""
    release_seconds: float = 5.0
    long_access_seconds: float = 15.0
    offline_grace_hours: int = 168
    counts_passages: bool = False
    """A turnstile: the arm moves people, not the tap."""


class Trust(Protocol):
    """What this controller may rely on at this moment."""

    @property
    def clock_trusted(self) -> bool:
        """Whether the wall clock is known to be right."""

    @property
    def ring(self) -> KeyRing:
        """The keys the root vouches for."""

    @property
    def cancelled_passes(self) -> Collection[bytes]:
        """The `cti`s that the rules in force say are cancelled."""


@dataclass(frozen=True, slots=True)
class Controller:
    """What all doors of a controller share."""

    id: ControllerId
    site: SiteId
    clock: Clock
    rules: RulesInForce
    journal: Journal
    presences: Presences
    pass_uses: PassUses
    trust: Trust


@dataclass(slots=True)
class Fittings:
    """What is mounted at one door."""

    mechanics: Mechanics
    readers: Mapping[Side, Reader]
    indicators: Mapping[Side, Indicator] = field(default_factory=dict)
    partner: Callable[[], bool] | None = None
    """Whether the interlocked partner is secured."""


@dataclass(slots=True)
class _Noise:
    """Unreadable things at one side within a minute."""

    timer: Timer
    why: str
    times: int = 1


class DoorLoop:
    """Reads, decides, releases and records, for one door."""

    def __init__(self, plan: DoorPlan, shared: Controller, fit: Callable[["DoorLoop"], Fittings]) -> None:
        self.plan = plan
        self._shared = shared
        self._noise: dict[Side, _Noise] = {}
        self._lost: set[Side] = set()
        self._lost_devices: set[str] = set()
        self._mode = DoorMode.LOCKED
        self._until: datetime | None = None
        self._mode_timer = Alarmed(shared.clock)
        self._fitted = fit(self)

    @property
    def id(self) -> DoorId:
        """The door's id."""
        return self.plan.id

    @property
    def mode(self) -> DoorMode:
        """What the door does by itself now."""
        return self._mode

    @property
    def mechanics(self) -> Mechanics:
        """What moves."""
        return self._fitted.mechanics

    @property
    def lost_readers(self) -> frozenset[Side]:
        """The sides whose reader does not answer."""
        return frozenset(self._lost)

    @property
    def lost_devices(self) -> frozenset[str]:
        """What else of this door fails: locks and inputs, by their names in the configuration."""
        return frozenset(self._lost_devices)

    # Readings -----------------------------------------------------------------------------------------------------

    def read(self, side: Side, reading: Reading) -> None:
        """Take in what a reader posted; whatever goes wrong here stays at this door."""
        try:
            self._READINGS[type(reading)](self, side, reading)
        except Exception:
            log.exception("reading_failed", door=self.id, side=side.value)

    def _card(self, side: Side, reading: CardSeen) -> None:
        if side is Side.EGRESS:
            self._let_out(side)
        facts, sound = self._card_facts(reading)
        self._answer(side, reading.kind, facts, rules_sound=sound, spend=None)

    def _card_facts(self, reading: CardSeen) -> tuple[Facts, bool]:
        """The facts, and whether the rules could be asked at all."""
        try:
            return self._shared.rules.facts(self.id, reading.key), True
        except Exception:
            log.exception("rules_unreadable", door=self.id)
            return NOTHING_KNOWN, False

    def _pass(self, side: Side, reading: PassSeen) -> None:
        trust = self._shared.trust
        shown = passes.read(reading.text, trust.ring)
        if isinstance(shown, Reason):
            if side is Side.EGRESS:
                return self._count(side, shown.value)
            return self._answer(side, CredentialKind.PASS, Facts(refusal=shown), rules_sound=True, spend=None)
        if side is Side.EGRESS:
            self._let_out(side)
        facts = passes.facts(
            shown,
            door=self.id,
            site=self._shared.site,
            uses_so_far=self._shared.pass_uses.uses(shown.id),
            cancelled=trust.cancelled_passes,
        )
        spend = PassUse(shown.id, shown.valid_until)
        return self._answer(side, CredentialKind.PASS, facts, rules_sound=True, spend=spend)

    def _unreadable(self, side: Side, reading: Unreadable) -> None:
        self._count(side, reading.why)

    def _reader_lost(self, side: Side, reading: ReaderLost) -> None:
        if side not in self._lost:
            self._lost.add(side)
            self._shared.journal.record(events.ReaderLost(self.id, side, reading.why))
            log.warning("reader_lost", door=self.id, side=side.value, why=reading.why)

    def _reader_back(self, side: Side, _reading: ReaderBack) -> None:
        if side in self._lost:
            self._lost.discard(side)
            self._shared.journal.record(events.ReaderBack(self.id, side))
            log.info("reader_back", door=self.id, side=side.value)

    _READINGS: Final[dict[type, Callable[..., None]]] = {
        CardSeen: _card,
        PassSeen: _pass,
        Unreadable: _unreadable,
        ReaderLost: _reader_lost,
        ReaderBack: _reader_back,
    }

    def device_lost(self, device: str, why: str) -> None:
        """A lock or an input of this door fails, or was never there; it is tried again."""
        if device not in self._lost_devices:
            self._lost_devices.add(device)
            self._shared.journal.record(events.DeviceLost(self.id, device, why))
            log.critical("device_lost", door=self.id, device=device, why=why)

    def device_back(self, device: str) -> None:
        """It works again."""
        if device in self._lost_devices:
            self._lost_devices.discard(device)
            self._shared.journal.record(events.DeviceBack(self.id, device))
            log.info("device_back", door=self.id, device=device)

    # The answer ---------------------------------------------------------------------------------------------------

    def _answer(
        self, side: Side, kind: CredentialKind, facts: Facts, *, rules_sound: bool, spend: PassUse | None
    ) -> None:
        """Decide, then let the effects follow in their order."""
        at = self._shared.clock.now()
        shown = Presented(self.id, side, kind, at, self._shared.trust.clock_trusted)
        presence = self._presence(side, facts, at)
        door = self._now(rules_sound=rules_sound)
        decision = decide(shown, facts, presence, door)
        told = events.AccessDecided(
            shown,
            facts.on_day_of(at),
            presence,
            door,
            decision,
            into=self._moves_into(side, decision),
            released=decision.granted,
        )
        if side is Side.EGRESS:
            self._fitted.mechanics.for_holder(decision.holder)
            self._moved(told, self._record(told))
        elif decision.granted:
            self._enter(told, spend)
        else:
            self._record(told)
            self.show(side, Signal.DENIED)

    def _let_out(self, side: Side) -> None:
        self._fitted.mechanics.let(DoorInput.EXIT_REQUESTED, side, seconds=self.plan.release_seconds)
        self.show(side, Signal.GRANTED)

    def _enter(self, told: events.AccessDecided, spend: PassUse | None) -> None:
        """Journal first, release as soon as the line is durable or patience ends; a pass has all patience."""
        _Entry(self._shared.clock, lambda: self._release(told), self._recorded_late).begin(
            lambda then: self._moved(told, self._record(told, then=then, spend=spend)),
            patience=None if spend is not None else PATIENCE_SECONDS,
        )

    def _release(self, told: events.AccessDecided) -> None:
        credential = told.facts.credential
        longer = credential is not None and credential.long_access
        seconds = self.plan.long_access_seconds if longer else self.plan.release_seconds
        self._fitted.mechanics.let(DoorInput.GRANT, told.shown.side, told.decision.holder, seconds=seconds)
        self.show(told.shown.side, Signal.GRANTED)

    def _recorded_late(self, sequence: int, waited_ms: int) -> None:
        self._shared.journal.record(events.RecordedLate(sequence, waited_ms))

    def _record(
        self, told: events.AccessDecided, *, then: Callable[[int], None] | None = None, spend: PassUse | None = None
    ) -> int:
        sequence = self._shared.journal.record(told, then=then, spend=spend)
        log.info("access_decided", door=self.id, reason=told.decision.reason.value, journal_sequence=sequence)
        return sequence

    def _moved(self, event: events.AnyEvent, sequence: int) -> int:
        movement = events.movement(event)
        if movement is not None:
            shared = self._shared
            order = Order(shared.clock.now(), shared.id, shared.journal.id, sequence)
            shared.presences.move(movement.holder, movement.zone, order)
        return sequence

    def _moves_into(self, side: Side, decision: Decision) -> ZoneId | None:
        if not decision.granted or decision.holder is None or self.plan.counts_passages:
            return None
        return self.plan.into.get(side)

    def _presence(self, side: Side, facts: Facts, at: datetime) -> PresenceNow:
        """What presence says of the zone ahead; on a way out nobody asks."""
        zone = self.plan.into.get(side)
        if zone is None or side is Side.EGRESS:
            return PresenceNow()
        holder: HolderId | None = facts.credential.holder if facts.credential else None
        return seen_by(self._shared.presences.stays(), holder, zone, self._shared.rules.presence, at)

    def _now(self, *, rules_sound: bool) -> DoorNow:
        rules = self._shared.rules
        head = rules.head
        return DoorNow(
            mode=self._mode,
            rules_verified=rules_sound and rules.verified,
            rules_issued_at=head.issued_at if head is not None else None,
            offline_grace_hours=self.plan.offline_grace_hours,
            partner_open=self._fitted.partner is not None and not self._fitted.partner(),
        )

    # What else happens at a door ----------------------------------------------------------------------------------

    def exit_requested(self) -> None:
        """The exit button: the lock first, the books after."""
        self._let_out(Side.EGRESS)
        self._shared.journal.record(events.ExitRequested(self.id))

    def tampered(self) -> None:
        """A box was opened."""
        self.tell(events.Tampered(self.id))

    def release(self, by: str, command: str | None = None) -> int:
        """Let somebody in by a command or by a person on the spot; returns the line that says so."""
        sequence = self._shared.journal.record(events.DoorReleased(self.id, by, command))
        self._fitted.mechanics.let(DoorInput.RELEASE_COMMAND, Side.IN, seconds=self.plan.release_seconds)
        log.info("door_released", door=self.id, by=by, journal_sequence=sequence)
        return sequence

    def tell(self, event: events.AnyEvent) -> None:
        """Write what the mechanics saw, and move whom it moved."""
        sequence = self._shared.journal.record(event)
        self._moved(event, sequence)
        log.info(type(event).__struct_config__.tag, door=self.id, journal_sequence=sequence)

    def set_mode(self, mode: DoorMode, until: datetime | None = None) -> None:
        """Do something else by itself, until a moment or until told otherwise; saying it twice changes nothing."""
        if until is not None and until <= self._shared.clock.now():
            mode, until = DoorMode.LOCKED, None
        if (mode, until) == (self._mode, self._until):
            return
        self._mode, self._until = mode, until
        self._fitted.mechanics.mode(mode)
        self._shared.journal.record(events.DoorModeChanged(self.id, mode, until))
        self._watch_mode()

    def _watch_mode(self) -> None:
        """A mode ends at its moment; an unlocked door also locks when rules are too old or the time is unsure."""
        self._mode_timer.stop()
        now = self._shared.clock.now()
        if self._until is not None and now >= self._until:
            return self.set_mode(DoorMode.LOCKED)
        if self._mode is DoorMode.UNLOCKED and self._unlocking_unsafe(now):
            return self.set_mode(DoorMode.LOCKED)
        left = (self._until - now).total_seconds() if self._until is not None else FREE_CHECK_SECONDS
        if self._until is not None or self._mode in FREE_MODES:
            self._mode_timer.start(min(left, FREE_CHECK_SECONDS), self._watch_mode)
        return None

    def _unlocking_unsafe(self, now: datetime) -> bool:
        return rules_too_old(now, self._now(rules_sound=True)) or not self._shared.trust.clock_trusted

    def show(self, side: Side, signal: Signal) -> None:
        """Show a signal at one side, on the reader and on lamps of their own; a broken lamp is no broken door."""
        for shower in (self._fitted.readers.get(side), self._fitted.indicators.get(side)):
            try:
                if shower is not None:
                    shower.show(signal)
            except Exception as error:  # noqa: BLE001 - a driver's failure, whatever it is, stays at its own lamp
                log.warning("signal_failed", door=self.id, side=side.value, error=type(error).__name__)

    def show_everywhere(self, signal: Signal) -> None:
        """Show a signal at every side."""
        for side in {*self._fitted.readers, *self._fitted.indicators}:
            self.show(side, signal)

    def close(self) -> None:
        """Hold shut, say what noise was counted, forget every timer."""
        self._mode_timer.stop()
        for side, noise in list(self._noise.items()):
            noise.timer.cancel()
            self._say_noise(side)
        self._fitted.mechanics.close()

    def _count(self, side: Side, why: str) -> None:
        noise = self._noise.get(side)
        if noise is not None:
            noise.times += 1
            return
        self.show(side, Signal.DENIED)
        timer = self._shared.clock.call_later(UNREADABLE_SECONDS, lambda: self._say_noise(side))
        self._noise[side] = _Noise(timer, why)

    def _say_noise(self, side: Side) -> None:
        noise = self._noise.pop(side)
        self._shared.journal.record(events.Unreadable(self.id, side, noise.why, noise.times))


class _Entry:
    """One granted entry between the books and the lock."""

    def __init__(self, clock: Clock, release: Callable[[], None], late: Callable[[int, int], None]) -> None:
        self._clock = clock
        self._release = release
        self._late = late
        self._began = clock.monotonic()
        self._released = False
        self._patience = Alarmed(clock)

    def begin(self, record: Callable[[Callable[[int], None]], int], *, patience: float | None) -> None:
        """Record, and release once the line is durable or patience has ended."""
        record(self._durable)
        if patience is not None and not self._released:
            self._patience.start(patience, self._let)

    def _durable(self, sequence: int) -> None:
        self._patience.stop()
        if not self._released:
            self._let()
        else:
            self._late(sequence, round((self._clock.monotonic() - self._began) * 1000))

    def _let(self) -> None:
        self._released = True
        self._release()
