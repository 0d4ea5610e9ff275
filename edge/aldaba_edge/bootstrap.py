"""Puts a controller together: the only module that names concrete adapters.

Locks come first, because opening a lock's driver drives its secured level; then
the books, the rules, the doors; readers last, because from then on people tap.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import structlog

from aldaba_edge import config as told
from aldaba_edge.books import open_books, threaded
from aldaba_edge.clock import AsyncioClock
from aldaba_edge.core import Ways, open_core
from aldaba_edge.devices import Attempts, Closing, Late, LateContact, LateIndicator, LateLock, LateReader, LockLine
from aldaba_edge.door_loop import DoorLoop
from aldaba_edge.door_parts import Controller, DoorPlan, Fittings
from aldaba_edge.doors import Doors
from aldaba_edge.drivers.registry import Registry, load_registry
from aldaba_edge.health import Health, Systemd
from aldaba_edge.housekeeping import Housekeeping, by_scheduler
from aldaba_edge.keyfile import Identity, read_identity
from aldaba_edge.lane import LaneMechanics
from aldaba_edge.machine_time import KernelTime
from aldaba_edge.mechanics import DoorMechanics, LeafTimes
from aldaba_edge.offline import NoLink, NoSnapshots
from aldaba_edge.ports import Digest, Link, ReaderBack, ReaderLost, Reading, Snapshots
from aldaba_edge.runner import ThreadRunner
from aldaba_edge.snapshot_child import verified_in_child
from aldaba_edge.store import SqliteRules
from aldaba_edge.timekeeper import KeptClock, Timekeeper
from aldaba_shared.decide import DoorMode, Side, UnsureClock
from aldaba_shared.envelope import KeyRing
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import DaemonStarted
from aldaba_shared.ids import CredentialKey, DoorId, SiteId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.messages import Modes

log: Final = structlog.get_logger()

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
IDENTITY: Final = "identity"
BEAT_SECONDS: Final = 2.0
CHORES_AFTER_SECONDS: Final = 5.0
"""A start decides first; the scheduler of the chores can be loaded once that is done."""


def software() -> str:
    """What this controller calls its software."""
    return f"aldaba-edge {version('aldaba-edge')}"


def boot_id() -> str:
    """The kernel's name for this boot: monotonic times mean something only within one."""
    return BOOT_ID.read_text("ascii").strip()


@dataclass(slots=True)
class Standing:
    """What the doors may rely on, as the `Trust` of `door_parts` asks."""

    rules: SqliteRules
    time: Timekeeper
    keys: Callable[[], KeyRing]

    @property
    def clock_trusted(self) -> bool:
        """Whether somebody whose word counts said what time it is."""
        return self.time.trusted

    @property
    def ring(self) -> KeyRing:
        """The keys the root vouches for."""
        return self.keys()

    @property
    def cancelled_passes(self) -> Collection[bytes]:
        """The passes that the rules in force call cancelled."""
        return self.rules.cancelled_passes


@dataclass(slots=True)
class Mounted:
    """The devices of one door, made as far as they are there, and not yet listening."""

    door: told.Door
    locks: dict[str, LateLock]
    readers: dict[Side, LateReader]
    indicators: dict[Side, LateIndicator]
    contacts: dict[str, LateContact]

    def close(self) -> None:
        """Let every device go, the locks last and secured; one that fails stops no other."""
        listening: tuple[Closing, ...] = (*self.readers.values(), *self.contacts.values())
        driven: tuple[Closing, ...] = (*self.indicators.values(), *self.locks.values())
        for device in (*listening, *driven):
            try:
                device.close()
            except Exception:
                log.exception("device_not_closed", door=self.door.id)


class Edge:
    """A controller, put together and not yet reading."""

    def __init__(self, config: told.Config, inner: AsyncioClock, on_broken: Callable[[Exception], None]) -> None:
        self.config = config
        self.clock = clock = KeptClock(inner)
        self.registry = load_registry()
        self.registry.use_pins(config.pins.profile, config.pins.options)
        self.identity = read_identity(config.data / IDENTITY)
        self.mounted = _mount(config, self.registry, self.identity)
        self.books = open_books(config.data, clock, threaded(clock.post), boot=boot_id(), on_broken=on_broken)
        self.time = Timekeeper(clock, self.books.state, KernelTime(), boot=boot_id(), tell=self.books.journal.record)
        self.time.start()
        self.books.journal.record(DaemonStarted(software(), boot_id(), self.books.clean))
        ways = _ways(config, self.identity, clock)
        self.core = open_core(config.data, self.books, self.identity, clock, ways, software=software())
        self.standing = Standing(self.core.rules, self.time, lambda: self.core.trust.ring)
        self.doors = Doors(self._loop(mounted) for mounted in self.mounted)
        self.health = Health(clock, Systemd.of_environment(), [loop.id for loop in self.doors])
        self._end_chores: Callable[[], None] = lambda: None
        self._attempts: list[Attempts] = []

    @property
    def connected(self) -> bool:
        """Whether the broker answers now."""
        return self.core.ways.link.connected

    def start(self) -> None:
        """Begin to read: contacts first, so that a leaf that moves is seen before a card is."""
        for mounted in self.mounted:
            loop = self.doors.door(mounted.door.door_id)
            for name, contact in mounted.contacts.items():
                self._listen(loop, name, contact)
            for side, reader in mounted.readers.items():
                self._read(loop, side, reader)
        sync = self.core.sync
        sync.on_modes, sync.on_release = self._set_modes, self._released
        sync.uplink.on_measured = self.time.measured
        self.time.on_known = self._time_known
        if sync.modes is not None:
            self._set_modes(sync.modes)
        self.core.start()
        for loop in self.doors:
            self._beat(loop)
        self.health.start()
        self.clock.call_later(CHORES_AFTER_SECONDS, self._begin_chores)
        log.info("deciding", doors=len(self.mounted), rules_verified=self.core.rules.verified)

    def close(self) -> None:
        """Hold every door shut, let the devices go, end the books in order."""
        self._end_chores()
        self.time.stop()
        for attempts in self._attempts:
            attempts.stop()
        for mounted in self.mounted:
            for reader in mounted.readers.values():
                with suppress(Exception):
                    reader.close()
        self.doors.close()
        for mounted in self.mounted:
            mounted.close()
        self.core.stop()
        self.books.close()
        self.registry.close()

    def _listen(self, loop: DoorLoop, name: str, contact: LateContact) -> None:
        heard, post = self._heard(loop, name), self.clock.post
        attempts = Attempts(
            self.clock,
            lambda: contact.open(lambda active: post(lambda: heard(active))),
            lost=lambda why: loop.device_lost(name, why),
            back=lambda: loop.device_back(name),
        )
        attempts.now()
        self._attempts.append(attempts)

    def _read(self, loop: DoorLoop, side: Side, reader: LateReader) -> None:
        attempts = Attempts(
            self.clock,
            lambda: reader.open(partial(self._post, loop, side)),
            lost=lambda why: loop.read(side, ReaderLost(why)),
            back=lambda: loop.read(side, ReaderBack()),
        )
        attempts.now()
        self._attempts.append(attempts)

    def _post(self, loop: DoorLoop, side: Side, reading: Reading) -> None:
        """From a driver's thread to the loop."""
        self.clock.post(lambda: loop.read(side, reading))

    def _beat(self, loop: DoorLoop) -> None:
        """A door says that it lives for as long as its calls come; the watchdog hears of every one."""
        self.health.beat(loop.id)
        self.clock.call_later(BEAT_SECONDS, lambda: self._beat(loop))

    def _begin_chores(self) -> None:
        self._end_chores = by_scheduler(
            Housekeeping(self.books, self.core, self.clock, lambda: self.time.trusted), self.clock.post
        )

    def _time_known(self) -> None:
        """A door that would not stay unlocked by an unsure clock may now."""
        if self.core.sync.modes is not None:
            self._set_modes(self.core.sync.modes)

    def _set_modes(self, modes: Modes) -> None:
        """What the cloud wants every door to do by itself; a door that is not named is locked."""
        wanted = {one.door: one for one in modes.modes}
        for loop in self.doors:
            one = wanted.get(loop.id)
            loop.set_mode(one.mode if one else DoorMode.LOCKED, one.until if one else None)

    def _released(self, door: DoorId, command: str) -> None:
        try:
            self.doors.release(door, "cloud", command)
        except AldabaError as error:
            self.core.refusals.add("command", error.code)

    def _loop(self, mounted: Mounted) -> DoorLoop:
        answer = self.identity.answer
        shared = Controller(
            answer.controller,
            SiteId(answer.site),
            self.clock,
            self.core.rules,
            self.books.journal,
            self.core.presences,
            self.books.uses,
            self.standing,
            digest_of(self.identity),
        )
        return DoorLoop(_plan(mounted.door), shared, lambda loop: self._fit(mounted, loop))

    def _fit(self, mounted: Mounted, loop: DoorLoop) -> Fittings:
        mechanics = _lane(mounted, loop, self.clock) if mounted.door.kind == "turnstile" else None
        return Fittings(
            mechanics or _leaf(mounted, loop, self.clock),
            mounted.readers,
            mounted.indicators,
            partner=self._partner(mounted.door),
        )

    def _partner(self, door: told.Door) -> Callable[[], bool] | None:
        partner = self.config.named(door.interlock_with) if door.interlock_with else None
        if partner is None:
            return None
        return lambda: self.doors.door(partner.door_id).mechanics.secured

    def _heard(self, loop: DoorLoop, name: str) -> Callable[[bool], None]:
        """What a change of this contact means at this door."""
        mechanics = loop.mechanics
        if isinstance(mechanics, LaneMechanics):
            ways = {"passage_in": Side.IN, "passage_out": Side.EGRESS}
            if name in ways:
                return lambda active: mechanics.passage(ways[name]) if active else None
        elif isinstance(mechanics, DoorMechanics) and name == "contact":
            return mechanics.leaf
        if name == "exit_button":
            return lambda active: loop.exit_requested() if active else None
        return lambda active: loop.tampered() if active and name == "tamper" else None


def digest_of(identity: Identity) -> Callable[[CredentialKind, bytes], CredentialKey]:
    """What turns card bytes into this controller's keys."""
    return partial(credential_key, identity.answer.controller_key)


def _ways(config: told.Config, identity: Identity, clock: KeptClock) -> Ways:
    """How this controller reaches its cloud; one that was given no broker, or no address, does without."""
    answer = identity.answer
    runner = ThreadRunner(clock.post)
    link: Link = NoLink()
    if answer.broker_host:
        from aldaba_edge.mqtt import PahoLink, broker_of, subscriptions  # noqa: PLC0415 - paho costs a start its time

        wanted = subscriptions(SiteId(answer.site), answer.controller)
        link = PahoLink(broker_of(answer), str(answer.controller), wanted, clock.post)
    snapshots: Snapshots = NoSnapshots()
    if config.cloud_url is not None:
        from aldaba_edge.cloud_http import HttpSnapshots  # noqa: PLC0415 - as above

        snapshots = HttpSnapshots(config.cloud_url, runner)
    return Ways(link, snapshots, runner, verified_in_child)


def _plan(door: told.Door) -> DoorPlan:
    return DoorPlan(
        id=door.door_id,
        into=door.into,
        release_seconds=door.release_seconds,
        long_access_seconds=door.long_access_seconds,
        offline_grace_hours=door.offline_grace_hours,
        counts_passages=door.kind == "turnstile",
        unsure_clock=UnsureClock(door.clock_unsure),
    )


def _lock_lines(mounted: Mounted, loop: DoorLoop, clock: KeptClock) -> list[LockLine]:
    return [LockLine(lock, clock, loop, name) for name, lock in mounted.locks.items()]


def _leaf(mounted: Mounted, loop: DoorLoop, clock: KeptClock) -> DoorMechanics:
    door = mounted.door
    relock = door.relock_on_open_ms
    contact = mounted.contacts.get("contact")
    return DoorMechanics(
        door.door_id,
        clock,
        _lock_lines(mounted, loop, clock)[0],
        record=loop.tell,
        show=loop.show_everywhere,
        times=LeafTimes(door.held_seconds, door.pre_alarm_seconds, relock / 1000 if relock is not None else None),
        found_open=contact is not None and contact.active,
    )


def _lane(mounted: Mounted, loop: DoorLoop, clock: KeptClock) -> LaneMechanics:
    door = mounted.door
    one, *others = _lock_lines(mounted, loop, clock)
    return LaneMechanics(
        door.door_id,
        clock,
        (one, others[0] if others else one),
        record=loop.tell,
        show=loop.show_everywhere,
        into=door.into.get,
    )


def _mount(config: told.Config, registry: Registry, identity: Identity) -> list[Mounted]:
    """Make every door's devices as far as they are there, all locks first, because that drives them secured."""
    digest = digest_of(identity)
    mounted = [_mounted(door, registry, digest) for door in config.door]
    for one in mounted:
        for lock in one.locks.values():
            lock.prepare()
    for one in mounted:
        others: tuple[Late[Any], ...] = (*one.contacts.values(), *one.indicators.values(), *one.readers.values())
        for device in others:
            device.prepare()
    return mounted


def _mounted(door: told.Door, registry: Registry, digest: Digest) -> Mounted:
    locks = {"lock": door.lock, "lock_out": door.lock_out}
    return Mounted(
        door,
        {
            name: LateLock(partial(registry.lock, lock.profile, lock_options(door, lock)))
            for name, lock in locks.items()
            if lock is not None
        },
        {
            door.side(one.side): LateReader(partial(registry.reader, one.profile, one.options, digest))
            for one in door.readers
        },
        {
            door.side(one.side): LateIndicator(partial(registry.indicator, one.profile, one.options))
            for one in door.indicators
        },
        {
            name: LateContact(partial(registry.contact, one.profile, one.options))
            for name, one in contacts_of(door).items()
        },
    )


def lock_options(door: told.Door, lock: told.Lock) -> dict[str, object]:
    """What the lock's driver is told: the pin and the three facts that have no default."""
    return {
        "pin": lock.pin,
        "fail_safe": lock.fail_safe,
        "contact": door.relay.contact,
        "active_low": door.board.active_low,
    }


def contacts_of(door: told.Door) -> dict[str, told.Device]:
    """The inputs that are wired at a door, by what they mean."""
    named = {
        "contact": door.contact,
        "exit_button": door.exit_button,
        "tamper": door.tamper,
        "passage_in": door.passage_in,
        "passage_out": door.passage_out,
    }
    return {name: device for name, device in named.items() if device is not None}
