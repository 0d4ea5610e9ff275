"""A turnstile in a real process on simulated pins: the arm moves people, the tap does not."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from aldaba_shared.decide import Passback, Side
from aldaba_shared.events import AccessDecided, PassageNotTaken, Passed
from aldaba_shared.ids import ZoneId
from aldaba_shared.presence import STREET, Zone
from aldaba_shared.reasons import Reason
from aldaba_shared.snapshot import Row
from aldaba_shared.wire import encode
from tests.edge.places import FRONT
from tests.system.controller import ANA, SimulatedController, as_json, rules_for

pytestmark = pytest.mark.system

LOCK_IN, LOCK_OUT, TURNED_IN, TURNED_OUT, EXIT = 17, 18, 4, 5, 6
FLOOR = ZoneId("floor")
ANA_IS = "ana"

TURNSTILE = """
data_dir = "{folder}/data"
runtime_dir = "{folder}/run"
pins = {{ profile = "simulated", options = {{ socket = "{folder}/panel" }} }}

[[door]]
id = "front"
kind = "turnstile"
in_zone = "floor"
egress = true
emergency_release = "hardware"
release_seconds = {release_seconds}
lock = {{ profile = "strike-fail-secure", pin = 17, fail_safe = false, max_on_ms = 30000 }}
lock_out = {{ profile = "strike-fail-secure", pin = 18, fail_safe = false, max_on_ms = 30000 }}
relay = {{ contact = "NO" }}
board = {{ profile = "gpio-direct", active_low = false }}
exit_button = {{ profile = "gpio-contact", options = {{ pin = 6, active_when_closed = true, debounce_ms = 5 }} }}
passage_in = {{ profile = "gpio-contact", options = {{ pin = 4, active_when_closed = true, debounce_ms = 5 }} }}
passage_out = {{ profile = "gpio-contact", options = {{ pin = 5, active_when_closed = true, debounce_ms = 5 }} }}

[[door.readers]]
side = "in"
profile = "pn532-hsu"
options = {{ path = "{folder}/reader", poll_ms = 5, absent_ms = 60, probe_ms = 60 }}
"""


def rows(now: datetime) -> list[Row]:
    """A counted floor with hard anti-passback, so that the next tap tells who the door thinks is inside."""
    zone = Zone(FLOOR, counted=True, passback=Passback.HARD)
    return [*rules_for(ANA, now), Row("zone", (FLOOR, encode(zone)))]


class Turnstile(SimulatedController):
    """The arm and its outputs."""

    def let_in(self) -> None:
        """Tap, and take the card away again, once the way in is free."""
        self.tap()
        assert self.panel.wait_for(lambda panel: panel.outputs[LOCK_IN], 10)
        self.board.take()

    def turn(self, pin: int) -> None:
        """One passage output goes active and rests again, once our process has heard of it."""
        before = len(self.passages())
        self.panel.drive(pin, level=False)
        self.panel.wait_for(lambda _: len(self.passages()) > before, 10)
        self.panel.drive(pin, level=True)

    def passages(self) -> list[tuple[Side, str | None, str | None]]:
        """Which way the arm turned, for whom, and where that took them."""
        return [(one.side, one.holder, one.into) for one in self.events_of(Passed)]

    def secured(self) -> bool:
        """Whether both ways are held."""
        return not any(self.panel.outputs.get(pin, False) for pin in (LOCK_IN, LOCK_OUT))


@pytest.fixture
def turnstile(tmp_path: Path) -> Iterator[Turnstile]:
    simulated = Turnstile(tmp_path, release_seconds=2.0, text=TURNSTILE, rows=rows)
    for pin in (TURNED_IN, TURNED_OUT, EXIT):
        simulated.panel.drive(pin, level=True)
    yield simulated
    simulated.close()


@pytest.mark.feature(9)
def test_the_arm_moves_people_and_the_tap_does_not(turnstile: Turnstile) -> None:
    turnstile.start()
    turnstile.let_in()
    assert not turnstile.panel.outputs[LOCK_OUT], "a card at the way in frees the way in"
    turnstile.turn(TURNED_OUT)  # somebody goes the wrong way: the release stays Ana's
    assert turnstile.panel.wait_for(lambda _: turnstile.secured(), 10)
    turnstile.wait_kind("passage_not_taken")

    turnstile.let_in()  # a tap alone did not move her inside
    turnstile.turn(TURNED_IN)
    assert turnstile.panel.wait_for(lambda _: turnstile.secured(), 10)

    turnstile.wait_kind("passed", 2)
    turnstile.tap()  # the passage did
    turnstile.wait_kind("access_decided", 3)
    turnstile.panel.drive(EXIT, level=False)
    assert turnstile.panel.wait_for(lambda panel: panel.outputs[LOCK_OUT], 10)
    assert not turnstile.panel.outputs[LOCK_IN], "the exit button frees the way out alone"
    assert turnstile.stop() == 0
    reasons = [one.decision.reason for one in turnstile.events_of(AccessDecided)]
    assert reasons == [Reason.GRANTED, Reason.GRANTED, Reason.PASSBACK]
    assert turnstile.passages() == [(Side.EGRESS, None, STREET), (Side.IN, ANA_IS, FLOOR)]
    assert turnstile.events_of(PassageNotTaken) == [PassageNotTaken(FRONT, turnstile.events_of(Passed)[1].holder)]


@pytest.mark.feature(95)
def test_check_finds_nothing_wrong_with_a_turnstile_that_counts(turnstile: Turnstile) -> None:
    assert as_json(turnstile.program("check", str(turnstile.config), "--json"))["mistakes"] == []
