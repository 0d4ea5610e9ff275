"""What a killed controller does to its locks, over all eight wirings, held against what `aldaba-edge check` said."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aldaba_sim.door_mechanics import Door, lock_has_power
from aldaba_sim.pn532 import Pn532Board
from tests.system.controller import ANA, SimulatedController, as_json, rules_for

pytestmark = pytest.mark.system

TOP = """
data_dir = "{folder}/data"
runtime_dir = "{folder}/run"
pins = {{ profile = "simulated", options = {{ socket = "{folder}/panel" }} }}
"""

DOOR = """
[[door]]
id = "%(id)s"
in_zone = "floor"
egress = true
handle = true
emergency_release = "hardware"
fire_relay = "hardware"
release_seconds = {release_seconds}
lock = {{ profile = "%(profile)s", pin = %(pin)d, fail_safe = %(fail_safe)s%(timer)s }}
relay = {{ contact = "%(contact)s" }}
board = {{ profile = "gpio-direct", active_low = %(active_low)s }}

[[door.readers]]
side = "in"
profile = "pn532-hsu"
options = {{ path = "{folder}/%(id)s", poll_ms = 20, absent_ms = 60 }}
"""


@dataclass(frozen=True)
class Wired:
    """A lock as an installer wired it; a strike hangs behind a timer relay, a magnet behind a break-glass."""

    fail_safe: bool
    normally_open: bool
    active_low: bool
    pin: int

    @property
    def id(self) -> str:
        return f"door-{self.pin}"

    @property
    def text(self) -> str:
        return DOOR % {
            "id": self.id,
            "profile": "maglock-fail-safe" if self.fail_safe else "strike-fail-secure",
            "pin": self.pin,
            "fail_safe": str(self.fail_safe).lower(),
            "timer": "" if self.fail_safe else ", max_on_ms = 30000",
            "contact": "NO" if self.normally_open else "NC",
            "active_low": str(self.active_low).lower(),
        }

    def free(self, level: bool, *, timer_ran_out: bool = False) -> bool:
        """Whether somebody can pull the leaf open, by the iron of the simulated world."""
        powered = lock_has_power(level=level, normally_open=self.normally_open, active_low=self.active_low)
        powered = powered and not (timer_ran_out and not self.fail_safe)
        return Door(fail_safe=self.fail_safe).with_power(powered=powered).free


WIRINGS = [
    Wired(fail_safe, normally_open, active_low, pin)
    for pin, (fail_safe, normally_open, active_low) in enumerate(itertools.product((False, True), repeat=3), start=20)
]


class EightDoors(SimulatedController):
    """One controller with every wiring, and a reader at each."""

    def __init__(self, folder: Path) -> None:
        text = TOP + "".join(wired.text for wired in WIRINGS)
        ids = [wired.id for wired in WIRINGS]
        super().__init__(folder, release_seconds=5, text=text, rows=lambda now: rules_for(ANA, now, ids))
        self.boards = {wired: Pn532Board(folder / wired.id) for wired in WIRINGS}

    def free(self, wired: Wired) -> bool:
        """Whether this door can be pulled open now."""
        return wired.free(self.panel.outputs[wired.pin])

    def wait_free(self, tapped: list[Wired]) -> bool:
        """Wait until all of these let through."""
        return self.panel.wait_for(lambda _: all(self.free(wired) for wired in tapped))

    def close(self) -> None:
        """End everything."""
        for board in self.boards.values():
            board.close()
        super().close()


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[EightDoors]:
    simulated = EightDoors(tmp_path)
    yield simulated
    simulated.close()


def test_a_kill_does_to_each_lock_what_check_said(doors: EightDoors) -> None:
    """A board holds the level it was last given, as its profile warns; the timer relay is the only hand left."""
    chance = random.Random(11)
    verdict: dict[str, Any] = as_json(doors.program("check", str(doors.config), "--json"))
    assert verdict["good"], verdict["mistakes"]
    told = {one["door"]: one for one in verdict["doors"]}
    seen: Counter[tuple[Wired, str]] = Counter()
    at_rest, mixed = WIRINGS[::2], chance.sample(WIRINGS, 4)
    rounds = [WIRINGS, mixed, at_rest, [one for one in WIRINGS if one not in at_rest], WIRINGS]
    for tapped in rounds:
        doors.start()
        assert not any(doors.free(wired) for wired in WIRINGS), "a release was resumed"
        for wired in tapped:
            doors.boards[wired].hold(ANA)
        if tapped is not mixed:  # a kill while they are released; else at a random point of the tap
            assert doors.wait_free(tapped)
        time.sleep(chance.uniform(0, 0.05))
        doors.kill()
        assert doors.panel.wait_for(lambda panel: not panel.connected)
        for wired in WIRINGS:
            moment = "crash_released" if doors.free(wired) else "crash"
            opens = wired.free(doors.panel.outputs[wired.pin], timer_ran_out=True)
            assert told[wired.id][moment] == ("opens" if opens else "stays_shut"), (wired, moment)
            seen[wired, moment] += 1
        for board in doors.boards.values():
            board.take()
    assert all(seen[wired, moment] for wired in WIRINGS for moment in ("crash", "crash_released")), seen
