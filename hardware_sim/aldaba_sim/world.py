"""The simulated world: a building full of people, eight real controllers and a real cloud under one hand-turned clock.

Everything runs in one thread and in one order, so a world is a function of its
seed. The software is the real one, on real SQLite files; people, network, power
and time are simulated, and the oracle judges from the truth alone.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import structlog

from aldaba_shared.topics import Channel, address
from aldaba_sim import town
from aldaba_sim.books_check import Findings, check_books, check_counts
from aldaba_sim.building import BARCELONA
from aldaba_sim.certain import Certainty
from aldaba_sim.clock import HandTime
from aldaba_sim.cloud_side import CloudSide, make_keys
from aldaba_sim.faults import Fault
from aldaba_sim.ledger import Broken, Ledger
from aldaba_sim.link import Broker, Client
from aldaba_sim.machine import Death, Machine
from aldaba_sim.oracle import Judge
from aldaba_sim.patrol import walk_until_struck
from aldaba_sim.people import TIME_ZONE
from aldaba_sim.story import FIRST_DAY, Story, midnight
from aldaba_sim.troubles import Troubles
from aldaba_sim.walk import Behind, Streets

HEAD_SECONDS: Final = 3600.0
"""Heads are signed every hour here, not every minute: signing would be most of the work."""
REVOKE_SECONDS: Final = 2.0
OUTAGE_BEGINS: Final = timedelta(hours=9)
QUIET_HOURS: Final = 2.0
"""How long the world goes on after its last day, without a new fault, so that everything can arrive."""
LATE_PAYER: Final = 0.06


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a world came to: the numbers of the contract, and every breach in words."""

    ledger: Ledger
    findings: Findings
    granted: int
    denied: int
    missing: tuple[Fault, ...] = ()
    """The kinds of fault that were promised and never struck: such a world proved less than it says."""

    def numbers(self) -> dict[str, object]:
        """The numbers under the names programs know them by."""
        ledger = self.ledger
        return {
            "taps": self.granted + self.denied,
            "granted": self.granted,
            "denied": self.denied,
            "events_edge": self.findings.events_edge,
            "events_cloud": self.findings.events_cloud,
            "unrecorded": len(ledger.unrecorded),
            **{kind.value: ledger.count(kind) for kind in Broken},
            "faults": {kind.value: ledger.faults[kind.value] for kind in sorted(Fault)},
        }

    @property
    def holds(self) -> bool:
        """Whether every invariant held and every kind of fault struck."""
        same = self.findings.events_edge == self.findings.events_cloud
        return same and not self.ledger.breaches and not self.missing

    def complaints(self) -> list[str]:
        """Why the world does not hold, a line each; empty when it holds."""
        doors, cloud = self.findings.events_edge, self.findings.events_cloud
        said = [f"BROKEN {kind.value}: {what}" for kind, what in self.ledger.breaches]
        said += [f"MISSING {kind.value}: this kind of fault never struck" for kind in self.missing]
        if doors != cloud:
            said.append(f"BROKEN books: {doors} lines at the doors, {cloud} in the cloud")
        return said


class World:
    """One world: a story that is lived."""

    def __init__(self, story: Story, folder: Path) -> None:
        _be_quiet()
        self.story = story
        self.certainly = Certainty(story.luck("certain"))
        with self.certainly():
            self._build(folder)

    def _build(self, folder: Path) -> None:
        story = self.story
        self.days = story.days
        self.people = story.people
        self.time = HandTime(FIRST_DAY)
        self.ledger = Ledger(clock=self.time.now)
        self.broker = Broker(self.time, story.luck("network"))
        keys = make_keys(BARCELONA, self.time.now(), self.certainly.key)
        cloud_folder = folder / "cloud"
        cloud_folder.mkdir(parents=True)
        self.cloud = CloudSide(cloud_folder, self.time, self.broker, keys, head_seconds=HEAD_SECONDS)
        first = town.first_truth(self.people, FIRST_DAY.date(), partial(story.luck, "town"))
        self.cloud.open_business(BARCELONA, self.people, first)
        self.machines = {
            opening.door: Machine(
                opening,
                self.time,
                keys.identities[opening.controller],
                folder / opening.controller,
                story.luck(opening.controller),
                connect=self._connector(opening.controller),
                snapshots=self.cloud,
            )
            for opening in BARCELONA.openings.values()
        }
        self.judge = Judge(BARCELONA, TIME_ZONE)
        self.streets = Streets(self.time, BARCELONA, self.machines, self.ledger, self._rightful)
        self.troubles = Troubles(self)

    def run(self, progress: Callable[[int], None] = lambda _day: None, *, outage_hours: float = 0.0) -> Outcome:
        """Let the days go by, then let everything arrive, then look at the books; `progress` is told each day.

        With `outage_hours` broker and cloud are gone together for so long from
        the first morning on; give such a world a story without faults.
        """
        with self.certainly():
            return self._run(progress, outage_hours)

    def _run(self, progress: Callable[[int], None], outage_hours: float) -> Outcome:
        self.cloud.start()
        for machine in self.machines.values():
            machine.on_death = self._mourner(machine)
            paper = machine.paper(machine.opening.door)
            for lock in (paper.lock, paper.lock_out):
                lock.on_move = partial(self.streets.bolt_moved, machine.opening.door)
            machine.start()
        for person in self.people:
            self.streets.meet(person)
        if outage_hours:
            self.time.call_at(FIRST_DAY + OUTAGE_BEGINS, lambda: self.troubles.leave_alone(outage_hours * 3600))
        self.troubles.promise(self.story.strikes)
        for day in range(self.days):
            self._promise_day(day)
            self.time.run_until(midnight(day + 1))
            progress(day + 1)
        self._settle()
        return self._outcome()

    def check_revoke(self, name: str) -> None:
        """Two seconds after a revoke, every door that was connected all the while must have it."""
        wanted = self.cloud.newest()

        def has(machine: Machine) -> bool:
            return machine.head is not None and machine.head.generation >= wanted[machine.name]

        self._check_soon(name, self.machines.values(), has)

    def check_lockdown(self, machine: Machine, *, down: bool) -> None:
        """Two seconds after a lockdown, or its end, its door must know of it if it was connected all the while."""
        self._check_soon("lockdown" if down else "all-clear", [machine], lambda one: one.locked_down is down)

    def _check_soon(self, name: str, machines: Iterable[Machine], has: Callable[[Machine], bool]) -> None:
        connected = [machine for machine in machines if self._hears(machine)]
        lives = {machine.name: machine.life for machine in connected}
        since = self.time.elapsed_us

        def look() -> None:
            for machine in connected:
                steady = machine.alive and machine.life == lives[machine.name] and self._hears(machine)
                steady = steady and machine.running.link.connected_since_us <= since
                steady = steady and self.cloud.connected and self.cloud.link.connected_since_us <= since
                if steady and not has(machine):
                    self.ledger.breach(Broken.LATE_REVOKE, f"{name} at {machine.name}, {self.time.now()}")

        self.time.call_later(REVOKE_SECONDS, look)

    def _hears(self, machine: Machine) -> bool:
        """Whether nothing stands between the cloud and this controller."""
        if not machine.alive or not self.cloud.connected:
            return False
        link = machine.running.link
        return link.connected and link.weather.fair and self.cloud.link.weather.fair and not machine.disk_full

    def _connector(self, controller: str) -> Callable[[], Client]:
        @cache
        def wants(topic: str) -> bool:
            where = address(topic)
            if where.channel is Channel.PRESENCE:
                return where.controller != controller
            return where.controller == controller and where.channel is not Channel.UP

        return lambda: self.broker.client(controller, wants)

    def _mourner(self, machine: Machine) -> Callable[[Death], None]:
        """Whoever's last lines died with a controller is where the books do not know."""

        def mourn(death: Death) -> None:
            left = death.lost_lines
            for tap in reversed(self.ledger.taps):
                if left <= 0 or death.at - tap.at > timedelta(hours=3):
                    break
                if tap.controller == machine.name:
                    left -= 1
                    self.streets.walkers[tap.holder].seen = False

        return mourn

    def _rightful(self, behind: Behind, holder: str, door: str, now: datetime) -> frozenset[bool]:
        """The answers the judge accepts; while the door's clock is wrong, both clocks count."""
        machine = self.machines[door]
        head = machine.head
        if head is None or machine.locked_down:
            return frozenset({False})
        truth = self.cloud.truths[self.cloud.truth_at[machine.name, *head.generation]]
        moments = {now, behind.wall_clock()}
        return frozenset(self.judge.may_enter(truth, holder, door, at, head.issued_at) for at in moments)

    def _promise_day(self, day: int) -> None:
        begins = midnight(day)
        for errand in self.story.on(begins.date()):
            self.streets.promise(errand)
        self.time.call_at(begins + timedelta(minutes=5), self.cloud.keep_up)
        self.time.call_at(begins + timedelta(hours=9), lambda: self._collect(begins.date()))
        for hour in (12.5, 23.95):
            self.time.call_at(begins + timedelta(hours=hour), self._count)

    def _collect(self, day: date) -> None:
        for holder in town.due(self.cloud.truth, day):
            if self.story.luck("pays", holder, day).random() > LATE_PAYER:
                self.cloud.collect(holder)

    def _count(self) -> None:
        """Counted zones against the truth, when nothing is on its way."""
        if self.cloud.up and all(machine.drained for machine in self.machines.values()):
            check_counts(self.cloud, self.streets, self.ledger)

    def missing(self) -> tuple[Fault, ...]:
        """The kinds of fault that were promised and did not strike yet."""
        return tuple(sorted(kind for kind in self.story.promised if not self.ledger.faults[kind.value]))

    def _settle(self) -> None:
        walk_until_struck(self)
        self.troubles.heal()
        self.time.run_until(self.time.now() + timedelta(hours=QUIET_HOURS))
        self.troubles.heal()
        self.time.run_until(self.time.now() + timedelta(hours=1))

    def _outcome(self) -> Outcome:
        newest = self.cloud.newest()
        for machine in self.machines.values():
            if machine.head is None or machine.head.generation != newest[machine.name]:
                self.ledger.breach(Broken.LATE_REVOKE, f"{machine.name} never came to {newest[machine.name]}")
        findings = check_books(self.cloud, self.machines.values(), self.ledger)
        check_counts(self.cloud, self.streets, self.ledger)
        answered = [tap for tap in self.ledger.taps if tap.released or not tap.died_with_it]
        granted = sum(tap.released for tap in answered)
        return Outcome(self.ledger, findings, granted, len(answered) - granted, self.missing())

    def close(self) -> None:
        """Let the files go."""
        for machine in self.machines.values():
            if machine.alive:
                machine.kill()
        self.cloud.close()


def _be_quiet() -> None:
    """Thirty days of eight controllers' log lines are nobody's to read."""
    structlog.configure(processors=[_drop], wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _drop(_logger: object, _name: str, _event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    raise structlog.DropEvent
