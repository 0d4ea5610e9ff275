"""One door: a reading comes in, an answer goes out, the books know of it.

There is one `DoorLoop` a door. It is called back and never waits, so the loop of a Pi and the hand-turned clock of
the simulated world drive the same code.

The order of effects is the heart of it. Toward the street the lock is released before anything else is asked. On an
entry the journal comes first, but nobody waits for it longer than 25 ms: then the lock is released, and a line that
follows says how long the disk took. A pass is the exception: its use must be on the disk before it opens, or pulling
the plug would give the use back.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from msgspec.structs import replace

from aldaba_edge import pins, stickers
from aldaba_edge.door_mode import ModeKeeper, RulesAround
from aldaba_edge.door_parts import NOTHING_ELSE, Also, Controller, DoorPlan, Fittings
from aldaba_edge.emergency import is_emergency
from aldaba_edge.entry import PATIENCE_SECONDS, Entry
from aldaba_edge.factors import Factors, First, Wanted
from aldaba_edge.lock_feedback import LockFeedback
from aldaba_edge.mechanics import Mechanics
from aldaba_edge.noise import Noise
from aldaba_edge.phones import Held, Judged, judged
from aldaba_edge.ports import (
    KEPT_FOR_EVER,
    CardRefused,
    CardSeen,
    KeyPressed,
    PassSeen,
    PinTyped,
    ReaderBack,
    ReaderLost,
    ReaderTampered,
    Reading,
    Signal,
    Unreadable,
    Use,
)
from aldaba_edge.shadow import Comparing, Ours, Switched
from aldaba_edge.signs import Signs
from aldaba_edge.supply_watch import SupplyWatch
from aldaba_shared import events, passes, phone
from aldaba_shared.decide import Decision, DoorMode, DoorNow, PresenceNow, Presented, Side, decide
from aldaba_shared.door import FREE_MODES, DoorInput
from aldaba_shared.door_rules import Apart
from aldaba_shared.ids import HolderId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.movements import stays_made
from aldaba_shared.phone import PhoneCode
from aldaba_shared.presence import Order, seen_by
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import NOTHING_KNOWN, Facts
from aldaba_shared.unlocking import ModeNow, of_the_house

log: Final = structlog.get_logger()

WAITING: Final = frozenset({Reason.SECOND_FACTOR_NEEDED, Reason.SECOND_PERSON_NEEDED})
"""Answers that ask for one thing more."""


class DoorLoop:
    """Reads, decides, releases and records, for one door."""

    def __init__(self, plan: DoorPlan, shared: Controller, fit: Callable[["DoorLoop"], Fittings]) -> None:
        self.plan, self.id = plan, plan.id
        self._shared = shared
        self._noise = Noise(plan.id, shared.clock, shared.journal.record)
        self._lost: set[Side] = set()
        self._held = Held()
        self._factors = Factors(plan.id, shared.clock, shared.rules, self._waited_in_vain)
        self._lost_devices: set[str] = set()
        around = RulesAround(plan.id, shared.rules, plan.offline_grace_hours, lambda: shared.trust.clock_trusted)
        self.modes = ModeKeeper(
            plan.id, shared.clock, around=around, first_cards=shared.first_cards, changed=self._mode_changed
        )
        self.feedback = LockFeedback(plan.id, shared.clock, shared.journal.record)
        self.supply = SupplyWatch(plan.id, shared.clock, self.tell, alarm_seconds=plan.mains_alarm_seconds)
        self._comparing = Comparing(plan.id, shared.clock, self.tell)
        self._signs = Signs(plan.id, {}, {})  # a driver may complain before its door is put together
        self._fitted = fit(self)
        self._switched = Switched(self._fitted.mechanics, shadow=plan.shadow)
        self._signs = Signs(plan.id, self._fitted.readers, self._fitted.indicators)

    @property
    def mode(self) -> DoorMode:
        """What the door does by itself now."""
        return self.modes.mode

    @property
    def shadow(self) -> bool:
        """Whether it listens beside another system and releases nothing."""
        return self._switched.shadow

    @property
    def mechanics(self) -> Mechanics:
        """What moves, or would if the door were not in shadow."""
        return self._switched

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
        spend = None
        if reading.counter is not None and facts.credential is not None:
            spend = Use(facts.credential.id, reading.counter + 1, KEPT_FOR_EVER)
            if spend.value <= self._shared.uses.latest(spend.name):
                facts, spend = replace(facts, refusal=facts.refusal or Reason.PASS_REPLAYED), None
        number = self._shared.sealed(reading.key) if facts.credential is None else None
        self._answer(side, reading.kind, facts, rules_sound=sound, spend=spend, burns=True, also=Also(number=number))

    def asked_by_sticker(self, holder: HolderId, command: str) -> None:
        """Answer somebody who asks on the page of this door's sticker, as if they had shown a card."""
        found, sound = self._asked(lambda: stickers.judged(holder, self.id, self._shared))
        also = Also(command=command)
        self._answer(Side.IN, CredentialKind.STICKER, found.facts, rules_sound=sound, spend=None, also=also)

    def _card_refused(self, side: Side, reading: CardRefused) -> None:
        """A card in front of a way out lets out like any other; in front of an entry it is told why not."""
        if side is Side.EGRESS:
            self._let_out(side)
        log.info("card_refused", door=self.id, side=side.value, kind=reading.kind.value, why=reading.why)
        facts = Facts(refusal=Reason.CARD_NOT_GENUINE)
        self._answer(side, reading.kind, facts, rules_sound=True, spend=None)

    def _card_facts(self, reading: CardSeen) -> tuple[Facts, bool]:
        """The facts, and whether the rules could be asked at all."""
        try:
            facts = self._shared.rules.facts(self.id, reading.key)
        except Exception:
            log.exception("rules_unreadable", door=self.id)
            return NOTHING_KNOWN, False
        return (replace(facts, refusal=reading.refusal), True) if reading.refusal is not None else (facts, True)

    def _code(self, side: Side, reading: PassSeen) -> None:
        """A QR code: a member's phone, or else a visitor's pass."""
        code = phone.read(reading.text)
        if code is not None:
            self._phone(side, code)
        else:
            self._pass(side, reading)

    def _phone(self, side: Side, code: PhoneCode) -> None:
        if side is Side.EGRESS:
            self._let_out(side)
        found, sound = self._asked(lambda: judged(code, self.id, self._shared))
        credential, now = found.facts.credential, self._shared.clock.monotonic()
        if credential is not None and self._held.still(side, credential.id, now):
            return
        granted = self._answer(
            side, CredentialKind.PHONE, found.facts, rules_sound=sound, spend=found.spend, burns=True
        )
        if credential is not None:
            self._held.answered(side, credential.id, now, granted=granted)

    def _asked(self, judge: Callable[[], Judged]) -> tuple[Judged, bool]:
        """What is known of something that was shown, and whether the rules could be asked at all."""
        try:
            return judge(), True
        except Exception:
            log.exception("rules_unreadable", door=self.id)
            return Judged(NOTHING_KNOWN), False

    def _pass(self, side: Side, reading: PassSeen) -> None:
        trust = self._shared.trust
        shown = passes.read(reading.text, trust.ring)
        if isinstance(shown, Reason):
            if side is Side.EGRESS:
                self._count(side, shown.value)
                return
            self._answer(side, CredentialKind.PASS, Facts(refusal=shown), rules_sound=True, spend=None)
            return
        if side is Side.EGRESS:
            self._let_out(side)
        name = passes.use_name(shown, self.plan.into.get(side) or self.id)
        facts = passes.facts(
            shown,
            door=self.id,
            site=self._shared.site,
            uses_so_far=self._shared.uses.total(name),
            cancelled=trust.cancelled_passes,
        )
        spend = Use(name, self._shared.uses.own(name) + 1, shown.valid_until)
        self._answer(side, CredentialKind.PASS, facts, rules_sound=True, spend=spend)

    def _pin(self, side: Side, reading: PinTyped) -> None:
        if side is Side.EGRESS:
            self._let_out(side)
        found, sound = self._asked(lambda: pins.judged(reading, self.id, side, self._shared, self._factors.first(side)))
        credential = found.facts.credential
        kind = CredentialKind.EMERGENCY if credential and is_emergency(credential) else CredentialKind.PIN
        self._answer(side, kind, found.facts, rules_sound=sound, spend=found.spend)

    def _key(self, side: Side, _reading: KeyPressed) -> None:
        if self.mechanics.secured:  # over a leaf that stands open the pre-alarm goes on
            self.show(side, Signal.KEY)

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

    def _reader_tampered(self, side: Side, reading: ReaderTampered) -> None:
        self.tell(events.Tampered(self.id, side, reading.why))

    _READINGS: Final[dict[type, Callable[..., None]]] = {
        CardSeen: _card,
        CardRefused: _card_refused,
        PassSeen: _code,
        PinTyped: _pin,
        KeyPressed: _key,
        Unreadable: _unreadable,
        ReaderLost: _reader_lost,
        ReaderBack: _reader_back,
        ReaderTampered: _reader_tampered,
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
        self,
        side: Side,
        kind: CredentialKind,
        facts: Facts,
        *,
        rules_sound: bool,
        spend: Use | None,
        burns: bool = False,
        also: Also = NOTHING_ELSE,
    ) -> bool:
        """Decide, then let the effects follow in their order; whether it was a grant.

        `spend` is kept with an entry; when it `burns`, with a refusal and on the way out too: a tag's
        address or a phone's code that was shown is spent, whatever the door said to it.
        """
        if spend is not None and kind is not CredentialKind.PHONE and not self._shared.trust.uses_known:
            facts = replace(facts, refusal=facts.refusal or Reason.RULES_UNVERIFIED)
        at = self._shared.clock.now()
        shown = Presented(self.id, side, kind, at, self._shared.trust.clock_trusted)
        presence = self._presence(side, facts, at)
        door = self._now(self._factors.wanted(side, kind, facts, at), rules_sound=rules_sound)
        decision = decide(shown, facts, presence, door)
        company = self._factors.answered(side, kind, facts, decision, spend=spend)
        told = events.AccessDecided(
            shown,
            facts.on_day_of(at),
            presence,
            door,
            decision,
            into=None if self.shadow else self._moves_into(side, decision),
            released=decision.granted and not self.shadow,
            command=also.command,
            number=also.number if decision.reason is Reason.UNKNOWN_CREDENTIAL else None,
        )
        if self.shadow:
            self._watched(told)
        elif side is Side.EGRESS:
            self.mechanics.for_holder(decision.holder)
            self._moved(told, self._record(told, spend=spend if burns else None))
        elif decision.granted:
            self._enter(told, spend)
            self._bring_in(side, company)
        else:
            self._record(told, spend=spend if burns else None)
            self.show(side, Signal.WAIT if decision.reason in WAITING else Signal.DENIED)
        return decision.granted

    def _let_out(self, side: Side) -> None:
        if not self.shadow:
            self.mechanics.let(DoorInput.EXIT_REQUESTED, side, seconds=self.plan.release_seconds)
            self.show(side, Signal.GRANTED)

    def _enter(self, told: events.AccessDecided, spend: Use | None) -> None:
        """Journal first, release as soon as the line is durable or patience ends; a pass has all patience."""
        self._about_to_let_in(known=told.decision.holder is not None)
        Entry(self._shared.clock, lambda: self._release(told), self._recorded_late).begin(
            lambda then: self._moved(told, self._record(told, then=then, spend=spend)),
            patience=None if spend is not None else PATIENCE_SECONDS,
        )

    def _bring_in(self, side: Side, company: First | None) -> None:
        """Who was shown first at a door for two goes in with the second."""
        if company is None:
            return
        into = None if self.plan.counts_passages else self.plan.into.get(side)
        event = events.EnteredTogether(self.id, side, company.holder, into)
        self._moved(event, self._shared.journal.record(event, spend=company.spend))

    def _waited_in_vain(self, side: Side) -> None:
        if self.mechanics.secured:
            self.show(side, Signal.READY)

    def _release(self, told: events.AccessDecided) -> None:
        credential = told.facts.credential
        longer = credential is not None and credential.long_access
        seconds = self.plan.long_access_seconds if longer else self.plan.release_seconds
        self.mechanics.let(DoorInput.GRANT, told.shown.side, told.decision.holder, seconds=seconds)
        self.show(told.shown.side, Signal.LONG_ACCESS if longer else Signal.GRANTED)
        if credential is not None and is_emergency(credential):
            self._shared.journal.record(events.EmergencyCodeUsed(self.id, credential.id))
        if of_the_house(told.facts, told.shown.at):
            self.modes.house_card(told.shown.at)

    def _watched(self, told: events.AccessDecided) -> None:
        """In shadow: nothing is released, shown or spent; what we would have done waits for what the other did."""
        sequence = self._record(told)
        decision = told.decision
        into = self.plan.into.get(told.shown.side) if decision.holder is not None else None
        self._comparing.answered(Ours(sequence, decision.reason.value, decision.holder, into))

    def _recorded_late(self, sequence: int, waited_ms: int) -> None:
        self._shared.journal.record(events.RecordedLate(sequence, waited_ms))

    def _record(
        self, told: events.AccessDecided, *, then: Callable[[int], None] | None = None, spend: Use | None = None
    ) -> int:
        """Write it down; nobody stands at the door while its line of diagnostics is put together."""

        def durable(sequence: int) -> None:
            if then is not None:
                then(sequence)
            log.info("access_decided", door=self.id, reason=told.decision.reason.value, journal_sequence=sequence)

        return self._shared.journal.record(told, then=durable, spend=spend)

    def _moved(self, event: events.AnyEvent, sequence: int) -> int:
        order = Order(self._shared.clock.now(), self._shared.id, self._shared.journal.id, sequence)
        for holder, stay in stays_made(event, order).items():
            self._shared.presences.move(holder, stay.zone, order)
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
        presences, rules = self._shared.presences, self._shared.rules.presence
        known = rules.zones.get(zone)
        apart = known is not None and presences.apart(known.controllers)
        return seen_by(presences.stays(), holder, zone, rules, at, apart=apart, lets_back=facts.lets_back)

    def _now(self, wanted: Wanted, *, rules_sound: bool) -> DoorNow:
        """The door as `decide` is to see it."""
        rules = self._shared.rules
        head = rules.head
        return DoorNow(
            mode=self.modes.mode,
            rules_verified=rules_sound and rules.verified,
            rules_issued_at=head.issued_at if head is not None else None,
            offline_grace_hours=self.plan.offline_grace_hours,
            unsure_clock=self.plan.unsure_clock,
            partner_open=not self._partners_secured(),
            second_factor=wanted.second_factor,
            first_factor=wanted.first_factor,
            persons_needed=wanted.persons_needed,
            first_person=wanted.first_person,
        )

    def _partners_secured(self) -> bool:
        """Whether every door that must be shut before this one opens is known to be."""
        if self._fitted.partner is not None and not self._fitted.partner():
            return False
        told = self._shared.rules.door_rules(self.id)
        unheard = told.interlock_apart is Apart.SOFTEN
        secured = (self._shared.presences.door_secured(door) for door in told.interlock_with)
        return not told.interlock_with or all(unheard if one is None else one for one in secured)

    # What else happens at a door ----------------------------------------------------------------------------------

    def exit_requested(self) -> None:
        """The exit button: the lock first, the books after."""
        self._let_out(Side.EGRESS)
        sequence = self._shared.journal.record(events.ExitRequested(self.id))
        if self.shadow:
            self._comparing.answered(Ours(sequence, Reason.GRANTED.value))

    def release(self, by: str, command: str | None = None) -> int:
        """Let somebody in by a command or by a person on the spot; returns the line that says so."""
        sequence = self._shared.journal.record(events.DoorReleased(self.id, by, command))
        self._about_to_let_in(known=False)
        self.mechanics.let(DoorInput.RELEASE_COMMAND, Side.IN, seconds=self.plan.release_seconds)
        log.info("door_released", door=self.id, by=by, journal_sequence=sequence)
        return sequence

    def _about_to_let_in(self, *, known: bool) -> None:
        if not self.shadow:
            self._shared.entries.before(self.id, self.plan.into.get(Side.IN), known=known)

    def tell(self, event: events.AnyEvent) -> None:
        """Write what the mechanics saw, and move whom it moved."""
        sequence = self._shared.journal.record(event)
        self._moved(event, sequence)
        self._shared.presences.doors_changed()
        log.info(type(event).__struct_config__.tag, door=self.id, journal_sequence=sequence)

    def set_mode(self, mode: DoorMode, until: datetime | None = None) -> None:
        """Do something else by itself, until a moment or until told otherwise; saying it twice changes nothing."""
        self.modes.set(mode, until)

    def _mode_changed(self, now: ModeNow) -> None:
        if now.mode in FREE_MODES:
            self._about_to_let_in(known=False)
        self.mechanics.mode(now.mode)
        self._shared.journal.record(events.DoorModeChanged(self.id, now.mode, now.until, now.why.value))

    def set_shadow(self, *, shadow: bool, by: str) -> None:
        """Go into shadow, or live; saying it twice changes nothing."""
        if shadow is not self.shadow:
            self._comparing.stop()
            self._switched.switch(shadow=shadow)
            self.tell(events.ShadowChanged(self.id, shadow, by))

    def fire(self, *, burning: bool) -> None:
        """The fire input: everybody out, whatever anybody said; the lock first, the books after."""
        self.modes.fire(burning)
        self.tell(events.FireReported(self.id) if burning else events.FireEnded(self.id))

    def driven(self, released: bool) -> None:  # noqa: FBT001 - the level the lock was driven to
        """The lock's pin was driven."""
        self.feedback.told(released=released)
        self._shared.presences.doors_changed()

    def others_opened(self) -> None:
        """The system beside us let somebody through."""
        if self.shadow:
            self._comparing.opened()

    def show(self, side: Side, signal: Signal) -> None:
        """Show a signal at one side."""
        self._signs.show(side, signal)

    def show_everywhere(self, signal: Signal) -> None:
        """Show a signal at every side."""
        self._signs.everywhere(signal)

    def close(self) -> None:
        """Hold shut, say what noise was counted, forget every timer."""
        self.modes.stop()
        self._noise.close()
        self._comparing.stop()
        self.feedback.stop()
        self.supply.stop()
        self._fitted.mechanics.close()

    def _count(self, side: Side, why: str) -> None:
        if self._noise.count(side, why) and not self.shadow:
            self.show(side, Signal.DENIED)
