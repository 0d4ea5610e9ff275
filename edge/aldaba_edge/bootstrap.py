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
from typing import TYPE_CHECKING, Final

import structlog
from msgspec.structs import replace

from aldaba_edge import config as told
from aldaba_edge.books import open_books, threaded
from aldaba_edge.card_secrets import CardSecrets
from aldaba_edge.clock import AsyncioClock
from aldaba_edge.core import Core, Ways, open_core
from aldaba_edge.devices import Attempts, LateContact, LateLock, LateReader, LockLine
from aldaba_edge.door_inputs import LEVELS, heard
from aldaba_edge.door_loop import DoorLoop
from aldaba_edge.door_parts import Controller, DoorPlan, Entries, Fittings
from aldaba_edge.doors import Doors
from aldaba_edge.drivers.registry import load_registry
from aldaba_edge.first_cards import KeptFirstCards
from aldaba_edge.health import Health, Systemd
from aldaba_edge.housekeeping import Housekeeping, by_scheduler
from aldaba_edge.in_clear import may_connect
from aldaba_edge.intrusion import Around, IntrusionAlarm
from aldaba_edge.journal_child import found_in_child
from aldaba_edge.journal_child import verified_in_child as journal_child_verified
from aldaba_edge.keyfile import CERTIFICATE, IDENTITY, Identity, read_identity
from aldaba_edge.keypads import Keypads
from aldaba_edge.lane import LaneMechanics
from aldaba_edge.last_shown import LastShown
from aldaba_edge.machine_time import KernelTime
from aldaba_edge.mechanics import DoorMechanics, LeafTimes
from aldaba_edge.mounting import Mounted, lane_times, mount, power_seconds
from aldaba_edge.offline import NoLink, NoSnapshots
from aldaba_edge.ports import Link, ReaderBack, ReaderLost, Reading, Snapshots
from aldaba_edge.runner import ThreadRunner
from aldaba_edge.shadow_switch import Shadows
from aldaba_edge.snapshot_child import verified_in_child
from aldaba_edge.state import Slot, State
from aldaba_edge.timekeeper import KeptClock, Timekeeper
from aldaba_edge.write_ahead import LOG_BYTES
from aldaba_profiles.catalog import Catalog
from aldaba_shared.decide import DoorMode, Side, UnsureClock
from aldaba_shared.envelope import KeyRing
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import DaemonStarted
from aldaba_shared.ids import DoorId, HolderId, SiteId, ZoneId
from aldaba_shared.messages import Modes
from aldaba_shared.presence import within

if TYPE_CHECKING:
    from aldaba_edge.certificate import Renewal

log: Final = structlog.get_logger()

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
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

    core: Core
    state: State
    time: Timekeeper

    @property
    def clock_trusted(self) -> bool:
        """Whether somebody whose word counts said what time it is."""
        return self.time.trusted

    @property
    def uses_known(self) -> bool:
        """Whether nothing was lost, or the cloud has heard that it was."""
        lost = self.state.get(Slot.USES_LOST, int)
        return lost is None or lost <= self.core.sync.uplink.watermark

    @property
    def ring(self) -> KeyRing:
        """The keys the root vouches for."""
        return self.core.trust.ring

    @property
    def cancelled_passes(self) -> Collection[bytes]:
        """The passes that the rules in force call cancelled."""
        return self.core.rules.cancelled_passes


class Edge:
    """A controller, put together and not yet reading."""

    def __init__(self, config: told.Config, inner: AsyncioClock, on_broken: Callable[[Exception], None]) -> None:
        self.config = config
        self.clock = clock = KeptClock(inner)
        self.registry = load_registry()
        self.registry.use_pins(config.pins.profile, config.pins.options)
        self.identity = read_identity(config.data / IDENTITY)
        answer = self.identity.answer
        self.secrets = CardSecrets(answer.controller, answer.controller_key)
        self.shown = LastShown(answer.controller, self.secrets.digest, lambda: self.core.rules.number_key)
        self.mounted = mount(config, self.registry, self.secrets, self.identity, self.shown.digest)
        self.books = open_books(
            config.data, clock, threaded(clock.post), boot=boot_id(), on_broken=on_broken, log_bytes=LOG_BYTES
        )
        self.first_sequence = self.books.journal.durable.sequence
        self.time = Timekeeper(clock, self.books.state, KernelTime(), boot=boot_id(), tell=self.books.journal.record)
        self.time.start()
        self.books.journal.record(DaemonStarted(software(), boot_id(), self.books.clean))
        ways = _ways(config, self.identity, clock)
        self.core = open_core(config.data, self.books, self.identity, clock, ways, software=software())
        self.secrets.follow(lambda: self.core.rules.secrets)
        self.standing = Standing(self.core, self.books.state, self.time)
        self.first_cards = KeptFirstCards(self.books.state)
        self.shadows = Shadows(self.books.state)
        self.keypads = Keypads(self.books.state, clock)
        self.entries = Entries()
        self.doors = Doors(self._loop(mounted) for mounted in self.mounted)
        self.alarms = [self._alarm(one) for one in config.intrusion]
        self.core.presences.own_doors = self.doors.secured
        self.core.rules.on_applied = self.doors.look
        self.health = Health(clock, Systemd.of_environment(), [loop.id for loop in self.doors])
        self._end_chores: Callable[[], None] = lambda: None
        self._renewal: Renewal | None = None
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
        for loop in self.doors:
            self.shadows.started(loop)
        sync = self.core.sync
        sync.on_modes, sync.on_release, sync.on_sticker = self._set_modes, self._released, self._asked_by_sticker
        sync.uplink.on_measured = self.time.measured
        self.time.on_known = self._modes_again  # a door that would not stay unlocked by an unsure clock may now
        self._modes_again()
        self.core.start()
        for alarm in self.alarms:
            alarm.start()
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
        for alarm in self.alarms:
            alarm.close()
        for mounted in self.mounted:
            mounted.close()
        self.core.stop()
        self.books.close()
        self.registry.close()

    def _listen(self, loop: DoorLoop, name: str, contact: LateContact) -> None:
        post = self.clock.post

        def listen() -> None:
            contact.open(lambda active: post(lambda: heard(loop, name, active)))
            if name in LEVELS and (contact.active or name == "lock_feedback"):
                heard(loop, name, contact.active)

        attempts = Attempts(
            self.clock,
            listen,
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
        self.clock.post(partial(loop.read, side, reading))

    def _beat(self, loop: DoorLoop) -> None:
        """A door says that it lives for as long as its calls come; the watchdog hears of every one."""
        self.health.beat(loop.id)
        self.clock.call_later(BEAT_SECONDS, lambda: self._beat(loop))

    def _begin_chores(self) -> None:
        chores = Housekeeping(self.books, self.core, self.clock, lambda: self.time.trusted, self._look_at_certificate)
        self._end_chores = by_scheduler(chores, self.clock.post)
        # A controller that slept past the end of its certificate must not wait for the hour to be heard again.
        self._look_at_certificate()

    def _look_at_certificate(self) -> None:
        """Renew the certificate in its last month; the machinery is loaded with the first look, not at a start."""
        answer, link = self.identity.answer, self.core.ways.link
        if not answer.certificate:
            return
        if self._renewal is None:
            from aldaba_edge.certificate import Asker, Renewal  # noqa: PLC0415 - X.509 costs a start its time

            asker = Asker(answer.controller, self.identity.signing_key(), self.identity.cloud_url)
            runner = self.core.ways.runner
            self._renewal = Renewal(self.config.data, asker, runner, self.clock, link.credentials_changed)
        self._renewal.look()

    def _modes_again(self) -> None:
        """What the cloud said last; hours run at a controller that it never told anything too."""
        if self.core.sync.modes is not None:
            self._set_modes(self.core.sync.modes)
        else:
            self.doors.look()

    def _set_modes(self, modes: Modes) -> None:
        """What the cloud wants every door to do by itself; a door that is not named is locked."""
        wanted = {one.door: one for one in modes.modes}
        for loop in self.doors:
            one = wanted.get(loop.id)
            self.shadows.told(loop, one.shadow if one else None, modes.counter)
            loop.set_mode(one.mode if one else DoorMode.LOCKED, one.until if one else None)

    def switch_shadow(self, door: DoorId, shadow: bool, by: str) -> None:  # noqa: FBT001 - what somebody wants
        """Somebody on the spot puts a door into shadow, or takes it live.

        Raises:
            NoSuchDoor: there is none of this id.
        """
        self.shadows.switch(self.doors.door(door), by, shadow=shadow)

    def _released(self, door: DoorId, command: str) -> None:
        try:
            self.doors.release(door, "cloud", command)
        except AldabaError as error:
            self.core.refusals.add("command", error.code)

    def _asked_by_sticker(self, door: DoorId, command: str, holder: HolderId) -> None:
        try:
            self.doors.door(door).asked_by_sticker(holder, command)
        except AldabaError as error:
            self.core.refusals.add("command", error.code)

    def _alarm(self, one: told.Intrusion) -> IntrusionAlarm:
        """An output that arms an intrusion alarm; opening its driver says disarmed."""
        options = {"pin": one.pin, "fail_safe": False, "contact": one.relay.contact, "active_low": one.board.active_low}
        lock = LateLock(partial(self.registry.lock, one.profile, options))
        lock.prepare()
        loops = list(self.doors)
        around = Around(
            self.clock,
            self.books.journal,
            self.books.state,
            self.core.presences,
            self.core.rules,
            lambda zone: any(loop.modes.free for loop in loops if self._leads_into(loop, zone)),
        )
        output = LockLine(lock, self.clock, loops[0], "intrusion")
        alarm = IntrusionAlarm(ZoneId(one.zone), one.delay_seconds, output, around)
        self.entries.watchers.append(alarm.entering)
        self.core.presences.moved.append(alarm.look)
        return alarm

    def _leads_into(self, loop: DoorLoop, zone: ZoneId) -> bool:
        inner = loop.plan.into.get(Side.IN)
        return inner is not None and within(self.core.rules.presence.zones, inner, zone)

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
            self.secrets.digest,
            self.first_cards,
            self.keypads,
            self.entries,
            self.shown.sealed,
        )
        return DoorLoop(_plan(mounted.door), shared, lambda loop: self._fit(mounted, loop))

    def _fit(self, mounted: Mounted, loop: DoorLoop) -> Fittings:
        make = _lane if mounted.door.kind == "turnstile" else _leaf
        return Fittings(
            make(mounted, loop, self.clock, self.registry.catalog),
            mounted.readers,
            mounted.indicators,
            partner=self._partner(mounted.door),
        )

    def _partner(self, door: told.Door) -> Callable[[], bool] | None:
        partner = self.config.named(door.interlock_with) if door.interlock_with else None
        if partner is None:
            return None
        return lambda: self.doors.door(partner.door_id).mechanics.secured


def _ways(config: told.Config, identity: Identity, clock: KeptClock) -> Ways:
    """How this controller reaches its cloud; one that was given no broker, or no address, does without."""
    answer = identity.answer
    connects = may_connect(config, answer)
    if config.broker is not None:
        here = config.broker
        answer = replace(answer, broker_host=here.host, broker_port=here.port, broker_tls=here.tls)
    runner = ThreadRunner(clock.post)
    link: Link = NoLink()
    if answer.broker_host and connects:
        from aldaba_edge.mqtt import PahoLink, broker_of, subscriptions  # noqa: PLC0415 - paho costs a start its time

        wanted = subscriptions(SiteId(answer.site), answer.controller)
        link = PahoLink(broker_of(answer, config.data), str(answer.controller), wanted, clock.post)
    snapshots: Snapshots = NoSnapshots()
    if config.cloud_url is not None and connects:
        from aldaba_edge.cloud_http import HttpSnapshots  # noqa: PLC0415 - as above

        certificate = config.data / CERTIFICATE if answer.certificate else None
        snapshots = HttpSnapshots(config.cloud_url, runner, certificate)
    return Ways(link, snapshots, runner, verified_in_child, found_in_child, check=journal_child_verified)


def _plan(door: told.Door) -> DoorPlan:
    return DoorPlan(
        id=door.door_id,
        into=door.into,
        release_seconds=door.release_seconds,
        long_access_seconds=door.long_access_seconds,
        mains_alarm_seconds=door.mains_alarm_seconds,
        offline_grace_hours=door.offline_grace_hours,
        counts_passages=door.kind == "turnstile",
        unsure_clock=UnsureClock(door.clock_unsure),
        shadow=door.shadow,
        others_relay=door.others_relay is not None,
    )


def _lock_lines(mounted: Mounted, loop: DoorLoop, clock: KeptClock) -> list[LockLine]:
    lines = [LockLine(lock, clock, loop, name) for name, lock in mounted.locks.items()]
    lines[0].driven = loop.driven
    return lines


def _leaf(mounted: Mounted, loop: DoorLoop, clock: KeptClock, catalog: Catalog) -> DoorMechanics:
    door = mounted.door
    relock = door.relock_on_open_ms
    contact = mounted.contacts.get("contact")
    return DoorMechanics(
        door.door_id,
        clock,
        _lock_lines(mounted, loop, clock)[0],
        record=loop.tell,
        show=loop.show_everywhere,
        times=LeafTimes(
            door.held_seconds,
            door.pre_alarm_seconds,
            relock / 1000 if relock is not None else None,
            power_seconds(door, catalog),
        ),
        found_open=contact is not None and contact.active,
    )


def _lane(mounted: Mounted, loop: DoorLoop, clock: KeptClock, catalog: Catalog) -> LaneMechanics:
    door = mounted.door
    one, *others = _lock_lines(mounted, loop, clock)
    return LaneMechanics(
        door.door_id,
        clock,
        (one, others[0] if others else one),
        record=loop.tell,
        show=loop.show_everywhere,
        into=door.into.get,
        times=lane_times(door, catalog),
    )
