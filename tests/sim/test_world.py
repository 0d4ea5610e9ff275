"""Whole days of the simulated world: slow for a unit test, and the proof that everything belongs together."""

from pathlib import Path

import pytest

from aldaba_sim.faults import Fault
from aldaba_sim.ledger import Broken
from aldaba_sim.mutants import MUTANTS, applied
from aldaba_sim.world import Outcome, World

pytestmark = [pytest.mark.world, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def lived(folder: Path, seed: int, *, mutant: str | None = None) -> Outcome:
    with applied(mutant):
        world = World(seed, 1, folder)
        outcome = world.run()
        world.close()
    return outcome


def test_every_invariant_holds_through_a_day_with_every_fault(tmp_path: Path) -> None:
    outcome = lived(tmp_path, seed=11)
    assert outcome.ledger.breaches == []
    assert outcome.findings.events_edge == outcome.findings.events_cloud
    assert set(outcome.ledger.faults) == {fault.value for fault in Fault}
    assert min(outcome.ledger.faults.values()) > 0
    assert outcome.granted > 300
    assert outcome.denied > 0


SUSPECTS = {
    "decide-ignores-schedule": Broken.UNAUTHORISED_RELEASE,
    "sync-acks-before-commit": Broken.LOST,
    "presence-ignores-exits": Broken.OCCUPANCY_MISMATCH,
}


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_a_broken_build_is_found(tmp_path: Path, mutant: str) -> None:
    outcome = lived(tmp_path, seed=12, mutant=mutant)
    assert not outcome.holds
    assert outcome.ledger.count(SUSPECTS[mutant]) > 0
