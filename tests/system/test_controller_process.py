import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aldaba_edge.journal_file import JournalFile
from aldaba_shared.envelope import KeyRing
from aldaba_shared.events import AccessDecided
from aldaba_shared.reasons import Reason
from tests.system.controller import EXIT_PIN, LOCK_PIN, STRANGER, SimulatedController, as_json

pytestmark = pytest.mark.system


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[SimulatedController]:
    simulated = SimulatedController(tmp_path)
    yield simulated
    simulated.close()


@pytest.mark.feature(91)
@pytest.mark.feature(95)
def test_a_tap_opens_the_lock_and_is_in_the_books_once(controller: SimulatedController) -> None:
    controller.start()
    controller.tap()
    assert controller.wait_releases(1)
    controller.tap(STRANGER)
    answer = as_json(controller.cli("status", "--json"))
    assert answer["rules_verified"]
    assert controller.stop() == 0
    decided = [line.event for line in controller.lines() if isinstance(line.event, AccessDecided)]
    assert [one.decision.reason for one in decided][:1] == [Reason.GRANTED]
    assert controller.changes.count((LOCK_PIN, True)) == 1


def test_the_exit_button_opens_and_a_person_on_the_spot_may_release(controller: SimulatedController) -> None:
    controller.start()
    controller.panel.drive(EXIT_PIN, level=False)
    assert controller.wait_releases(1)
    done = controller.cli("release", "front", "--json")
    assert done.returncode == 0
    assert controller.wait_releases(2)
    assert controller.cli("release", "back").returncode == 1
    controller.stop()
    assert [kind for kind in controller.kinds() if kind in ("exit_requested", "door_released")] == [
        "exit_requested",
        "door_released",
    ]


def test_twenty_kills_in_a_tap_lose_no_line_and_resume_no_release(controller: SimulatedController) -> None:
    chance = random.Random(7)
    known: dict[int, bytes] = {}
    starts = []
    for _ in range(20):
        starts.append(controller.start())
        assert not controller.released, "a release was resumed"
        controller.tap()
        time.sleep(chance.uniform(0, 0.06))
        controller.kill()
        controller.board.take()
        with JournalFile(controller.data / "journal.db") as journal:
            now = {sequence: chained for sequence, chained, _ in journal.lines(1, 10_000)}
        assert known.items() <= now.items(), "a committed line was lost"
        known = now
        assert controller.panel.wait_for(lambda panel: not panel.connected)
    controller.start()
    with JournalFile(controller.data / "journal.db") as journal:
        counts = journal.verify(KeyRing(), "")
    assert counts["daemon_started"] == 21
    assert sorted(starts)[10] < 2.0, starts


def test_an_orderly_end_is_no_failure(controller: SimulatedController) -> None:
    controller.start()
    assert controller.stop() == 0
