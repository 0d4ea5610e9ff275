"""Every seed that ever failed is lived again, and a broken build is told as the shortest story there is."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from aldaba_sim.ledger import Broken
from aldaba_sim.mutants import applied
from aldaba_sim.shrink import live, shortest
from aldaba_sim.story import tell
from aldaba_sim.telling import timeline

pytestmark = [pytest.mark.world, pytest.mark.filterwarnings("ignore::ResourceWarning")]
FAILED: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("failed_seeds.toml").read_text())["seed"]


@pytest.mark.parametrize("failed", FAILED, ids=lambda one: f"seed {one['seed']}")
def test_a_seed_that_once_failed_holds(failed: dict[str, Any]) -> None:
    outcome = live(tell(failed["seed"], failed["days"]))
    assert outcome.holds, f"{failed['found']}\n" + "\n".join(outcome.complaints())


def test_a_world_that_fails_is_told_as_its_shortest_story() -> None:
    with applied("presence-ignores-exits"):
        story = tell(12, 1, every=8)
        outcome = live(story)
        assert outcome.ledger.count(Broken.OCCUPANCY_MISMATCH) > 0
        short, came_out = shortest(story, outcome, seconds=45)
    assert short.strikes == ()
    assert 1 <= len({errand.holder for errand in short.errands}) <= 3
    assert len(short.errands) * 4 < len(story.errands)
    told = timeline(came_out.ledger)
    assert "taps in at lane: let through" in told
    assert "BROKEN occupancy_mismatches" in told
