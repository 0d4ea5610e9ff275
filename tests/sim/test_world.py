"""Whole days of the simulated world: slow for a unit test, and the proof that everything belongs together."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aldaba_cloud.db import Work
from aldaba_cloud.fleet import alarms as alarm_books
from aldaba_cloud.fleet.books import journal_lines
from aldaba_shared.events import MessageRefused
from aldaba_shared.ids import ControllerId
from aldaba_sim.faults import Fault
from aldaba_sim.ledger import Broken
from aldaba_sim.machine import Machine
from aldaba_sim.mutants import MUTANTS, applied
from aldaba_sim.story import FIRST_DAY, tell
from aldaba_sim.world import OUTAGE_BEGINS, Outcome, World

pytestmark = [pytest.mark.world, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def lines_of(work: Work, machine: Machine) -> list[Any]:
    return list(journal_lines(work, ControllerId(machine.name), machine.running.books.journal.id))


def lived(folder: Path, seed: int, *, mutant: str | None = None) -> Outcome:
    with applied(mutant):
        world = World(tell(seed, 1), folder)
        outcome = world.run()
        world.close()
    return outcome


def test_every_invariant_holds_through_a_day_with_every_fault(tmp_path: Path) -> None:
    outcome = lived(tmp_path, seed=11)
    assert outcome.ledger.breaches == []
    assert outcome.findings.events_edge == outcome.findings.events_cloud
    assert outcome.missing == ()
    assert all(outcome.ledger.faults[fault.value] > 0 for fault in Fault)
    assert outcome.holds
    assert outcome.granted > 300
    assert outcome.denied > 0


def test_a_seed_is_a_world(tmp_path: Path) -> None:
    numbers = [World(tell(5, 1, every=4), tmp_path / again) for again in ("once", "again")]
    assert numbers[0].run().numbers() == numbers[1].run().numbers()
    for world in numbers:
        world.close()


def test_doors_left_alone_decide_for_a_week_and_then_let_only_essential_people_in(tmp_path: Path) -> None:
    world = World(tell(3, 8, every=5).without_faults(), tmp_path)
    outcome = world.run(outage_hours=180)
    assert outcome.ledger.breaches == []
    assert outcome.findings.events_edge == outcome.findings.events_cloud
    alone = FIRST_DAY + OUTAGE_BEGINS
    taps = [tap for tap in outcome.ledger.taps if tap.entering]
    week = [tap for tap in taps if alone < tap.at < alone + timedelta(hours=167)]
    late = [tap for tap in taps if alone + timedelta(hours=168) <= tap.at < alone + timedelta(hours=180)]
    essential = {name for name, carrier in world.cloud.truth.carriers.items() if carrier.essential}
    assert sum(tap.released for tap in week if tap.holder not in essential) > 100
    assert {tap.holder for tap in late if tap.released} <= essential
    assert any(tap.released for tap in late)
    assert sum(not tap.released for tap in late) > 5
    with world.cloud.work() as work:
        lines = [line.body for name in world.machines.values() for line in lines_of(work, name)]
    assert sum(b'"rules_too_old"' in body for body in lines) > 5
    world.close()


HOSTILE = {
    Fault.REPLAYED_MESSAGE,
    Fault.FORGED_MESSAGE,
    Fault.DOWNGRADED_RULES,
    Fault.CLONED_CONTROLLER,
    Fault.CLONED_CARD,
}


def test_hostile_peers_change_nothing_and_are_alarms(tmp_path: Path) -> None:
    story = tell(8, 1, every=4)
    story = story.only(story.errands, [strike for strike in story.strikes if strike.kind in HOSTILE])
    world = World(story, tmp_path)
    outcome = world.run()
    assert outcome.holds, outcome.complaints()
    assert {Fault(kind) for kind, times in outcome.ledger.faults.items() if times} >= HOSTILE
    refused = {
        (line.event.what, line.event.why)
        for machine in world.machines.values()
        for line in machine.running.books.journal.file.events(1)
        if isinstance(line.event, MessageRefused)
    }
    assert {what for what, _ in refused} >= {
        "head",
        "keys",
        "modes",
        "presence",
        "command",
        "ack",
        "resend",
        "snapshot",
    }
    with world.cloud.work() as work:
        kinds = {alarm.kind for alarm in alarm_books.recent(work, limit=1000)}
    assert kinds >= {"journal_forked", "message_refused"}
    world.close()


SUSPECTS = {
    "decide-ignores-schedule": Broken.UNAUTHORISED_RELEASE,
    "sync-acks-before-commit": Broken.LOST,
    "presence-ignores-exits": Broken.OCCUPANCY_MISMATCH,
    "door-believes-any-signature": Broken.UNAUTHORISED_RELEASE,
}


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_a_broken_build_is_found(tmp_path: Path, mutant: str) -> None:
    outcome = lived(tmp_path, seed=12, mutant=mutant)
    assert not outcome.holds
    assert outcome.ledger.count(SUSPECTS[mutant]) > 0
