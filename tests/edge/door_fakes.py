"""A door with everything it touches, made of fakes that can be read and turned by hand."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar, cast

from aldaba_edge.books import Books
from aldaba_edge.clock import HandClock
from aldaba_edge.devices import LockLine
from aldaba_edge.door_inputs import heard
from aldaba_edge.door_loop import DoorLoop
from aldaba_edge.door_parts import Controller, DoorPlan, Fittings
from aldaba_edge.keypads import Keypads
from aldaba_edge.lane import LaneMechanics, LaneTimes
from aldaba_edge.mechanics import DoorMechanics, LeafTimes
from aldaba_edge.ports import CardSeen, Presences, Signal, Use
from aldaba_edge.state import Slot
from aldaba_shared.decide import Passback, Side
from aldaba_shared.door_rules import DoorRules
from aldaba_shared.envelope import KeyRing, SigningKey
from aldaba_shared.events import AccessDecided, AnyEvent
from aldaba_shared.ids import (
    ControllerId,
    CredentialId,
    CredentialKey,
    DoorId,
    HolderId,
    RightId,
    ScheduleId,
    SiteId,
    ZoneId,
)
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.messages import Head, Kind
from aldaba_shared.presence import STREET, Order, Presence, PresenceRules, Zone, moved
from aldaba_shared.rules import Credential, Facts, MemoryRules, Right
from aldaba_shared.schedule import Schedule, always

T = TypeVar("T")
MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
STREET_DOOR = DoorId("door-street")
FLOOR = ZoneId("zone-floor")
ANA = HolderId("ana")
ANA_CARD = CredentialKey(b"a" * 32)
SLOW_CARD = CredentialKey(b"s" * 32)
LOST_CARD = CredentialKey(b"?" * 32)
PASS_KEY = SigningKey.generate(b"passes")


class FakeLock:
    """A lock that writes down what it was told, and fails when it shall."""

    def __init__(self) -> None:
        self.released = False
        self.told: list[str] = []
        self.broken = False
        self.before_release: Callable[[], object] = lambda: None

    def release(self) -> None:
        self.before_release()
        self._drive("release")

    def secure(self) -> None:
        self._drive("secure")

    def close(self) -> None:
        self.secure()

    def _drive(self, what: str) -> None:
        if self.broken:
            raise OSError("the relay board is gone")
        self.told.append(what)
        self.released = what == "release"


@dataclass
class FakeShow:
    """A reader or a lamp that remembers what it showed."""

    shown: list[Signal] = field(default_factory=list)
    broken: bool = False

    def open(self, post: object) -> None: ...

    def show(self, signal: Signal) -> None:
        if self.broken:
            raise OSError("the lamp is gone")
        self.shown.append(signal)

    def close(self) -> None: ...


class FakeJournal:
    """Books in memory whose disk takes as long as it is told to."""

    id = "journal"

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self.events: list[AnyEvent] = []
        self.spent: list[Use] = []
        self.disk_seconds = 0.001

    def record(self, event: AnyEvent, *, then: Callable[[int], None] | None = None, spend: Use | None = None) -> int:
        self.events.append(event)
        sequence = len(self.events)
        if spend is not None:
            self.spent.append(spend)
        if then is not None:
            self._clock.call_later(self.disk_seconds, lambda: then(sequence))
        return sequence

    def latest(self, name: str) -> int:
        return max((use.value for use in self.spent if use.name == name), default=0)

    def own(self, name: str) -> int:
        return self.latest(name)

    def total(self, name: str) -> int:
        return self.latest(name)

    @property
    def decided(self) -> AccessDecided:
        return next(one for one in reversed(self.events) if isinstance(one, AccessDecided))

    def names(self) -> list[str]:
        return [str(type(one).__struct_config__.tag) for one in self.events]


class FakeRules:
    """Rules in memory, verified a minute ago."""

    def __init__(self) -> None:
        long_since = MONDAY_NOON - timedelta(days=30)
        right = Right(RightId("right"), always("Europe/Madrid"), long_since)
        ana = Credential(CredentialId("card"), ANA, CredentialKind.UID)
        slow = Credential(CredentialId("slow"), ANA, CredentialKind.UID, long_access=True)
        self._credentials = {ANA_CARD: ana, SLOW_CARD: slow}
        self.known = MemoryRules(self._credentials, [(STREET_DOOR, ANA, right)])
        self.verified = True
        self.head: Head | None = Head(ControllerId("c"), 1, 1, bytes(32), MONDAY_NOON - timedelta(minutes=1))
        self.presence = PresenceRules({FLOOR: Zone(FLOOR, counted=True, passback=Passback.HARD)}, "Europe/Madrid")
        self.public_keys: dict[CredentialKey, bytes] = {}
        self.broken = False
        self.door = DoorRules()
        self.schedules: dict[ScheduleId, Schedule] = {}
        self.before_facts: Callable[[], object] = lambda: None

    def door_rules(self, _door: DoorId) -> DoorRules:
        return self.door

    def public_key(self, key: CredentialKey) -> bytes | None:
        return self.public_keys.get(key)

    def learn(self, key: CredentialKey, credential: Credential) -> None:
        """Make a credential known whose holder may come in at any time."""
        self._credentials[key] = credential
        right = Right(RightId("right"), always("Europe/Madrid"), MONDAY_NOON - timedelta(days=30))
        holders = {one.holder for one in self._credentials.values()}
        self.known = MemoryRules(self._credentials, [(STREET_DOOR, holder, right) for holder in sorted(holders)])

    def schedule(self, id_: ScheduleId) -> Schedule | None:
        return self.schedules.get(id_)

    def facts(self, door: DoorId, key: CredentialKey) -> Facts:
        self.before_facts()
        if self.broken:
            raise OSError("the rules cannot be read")
        return self.known.facts(door, key)


class FakeKept:
    """What a restart leaves of `state.db`."""

    def __init__(self) -> None:
        self.values: dict[Slot, object] = {}

    def get(self, slot: Slot, _shape: type[T]) -> T | None:
        return cast("T | None", self.values.get(slot))

    def put(self, slot: Slot, value: object) -> None:
        self.values[slot] = value


class FakePresences:
    """Presence in memory."""

    def __init__(self) -> None:
        self.known: Presence = {}
        self.cut_off = False
        self.secured: dict[DoorId, bool] = {}
        self.told_of_doors = 0

    def stays(self) -> Presence:
        return self.known

    def move(self, holder: HolderId, zone: ZoneId, order: Order) -> None:
        self.known = moved(self.known, holder, zone, order)

    def apart(self, controllers: Collection[ControllerId]) -> bool:
        return self.cut_off and bool(controllers)

    def door_secured(self, door: DoorId) -> bool | None:
        return self.secured.get(door)

    def doors_changed(self) -> None:
        self.told_of_doors += 1

    def zone_of(self, holder: HolderId) -> ZoneId | None:
        stay = self.known.get(holder)
        return stay.zone if stay else None


class FakeFirstCards:
    """First cards in memory."""

    def __init__(self) -> None:
        self.seen: dict[DoorId, datetime] = {}

    def seen_at(self, door: DoorId) -> datetime | None:
        return self.seen.get(door)

    def see(self, door: DoorId, at: datetime) -> None:
        self.seen[door] = at


@dataclass
class FakeTrust:
    """What the controller relies on."""

    clock_trusted: bool = True
    uses_known: bool = True
    ring: KeyRing = field(default_factory=lambda: KeyRing([PASS_KEY.public(Kind.PASS)]))
    cancelled_passes: frozenset[bytes] = frozenset()


class Bench:
    """One door on a workbench: its loop, its fakes and the clock that turns them."""

    def __init__(
        self,
        *,
        turnstile: bool = False,
        shadow: bool = False,
        times: LeafTimes | None = None,
        lane_times: LaneTimes | None = None,
        clock: HandClock | None = None,
        books: Books | None = None,
        of: tuple[ControllerId, Presences] | None = None,
        kept: "FakeKept | None" = None,
    ) -> None:
        self.clock = clock or HandClock(MONDAY_NOON)
        self.journal = FakeJournal(self.clock)
        self.rules = FakeRules()
        self.presences = FakePresences()
        self.trust = FakeTrust()
        self.first_cards = FakeFirstCards()
        self.kept = kept or FakeKept()
        self.lock, self.lock_out = FakeLock(), FakeLock()
        self.shows = {Side.IN: FakeShow(), Side.EGRESS: FakeShow()}
        self.partner_secured = True
        self.numbers: dict[CredentialKey, bytes] = {}
        self._turnstile = turnstile
        self._times, self._lane_times = times or LeafTimes(), lane_times
        shared = Controller(
            of[0] if of else ControllerId("c"),
            SiteId("site"),
            self.clock,
            self.rules,
            books.journal if books else self.journal,
            of[1] if of else self.presences,
            books.uses if books else self.journal,
            self.trust,
            partial(credential_key, bytes(32)),
            self.first_cards,
            Keypads(self.kept, self.clock),
            sealed=self.numbers.get,
        )
        into = {Side.IN: FLOOR, Side.EGRESS: STREET, Side.OUT: STREET}
        self.loop = DoorLoop(DoorPlan(STREET_DOOR, into, counts_passages=turnstile, shadow=shadow), shared, self._fit)

    def _fit(self, loop: DoorLoop) -> Fittings:
        mechanics: LaneMechanics | DoorMechanics
        if self._turnstile:
            locks = (LockLine(self.lock, self.clock, loop), LockLine(self.lock_out, self.clock, loop, "lock_out"))
            mechanics = LaneMechanics(
                STREET_DOOR,
                self.clock,
                locks,
                record=loop.tell,
                show=loop.show_everywhere,
                into=loop.plan.into.get,
                times=self._lane_times,
            )
        else:
            line = LockLine(self.lock, self.clock, loop)
            line.driven = loop.driven
            mechanics = DoorMechanics(
                STREET_DOOR,
                self.clock,
                line,
                record=loop.tell,
                show=loop.show_everywhere,
                times=self._times,
            )
        self.mechanics = mechanics
        return Fittings(mechanics, self.shows, partner=lambda: self.partner_secured)

    def leaf(self, *, opened: bool) -> None:
        self.feel("contact", active=opened)

    def arm(self, side: Side) -> None:
        self.feel("passage_in" if side is Side.IN else "passage_out", active=True)

    def feel(self, name: str, *, active: bool) -> None:
        """An input of the door changes."""
        heard(self.loop, name, active)
        self.clock.settle()

    def tap(self, key: CredentialKey = ANA_CARD, side: Side = Side.IN, *, wait: float = 0.002) -> None:
        self.loop.read(side, CardSeen(CredentialKind.UID, key))
        self.clock.advance(wait)
