"""What a door's supply says of its mains and its battery, in the door loop."""

import pytest

from aldaba_shared.power_events import PowerFailing
from tests.edge.door_fakes import STREET_DOOR, Bench

pytestmark = pytest.mark.feature(95)


def told(bench: Bench) -> list[str]:
    return [name for name in bench.journal.names() if name.startswith(("power", "battery"))]


def test_a_dip_of_the_mains_is_in_the_books_and_calls_nobody() -> None:
    bench = Bench()
    bench.feel("mains_lost", active=True)
    bench.clock.advance(59)
    bench.feel("mains_lost", active=False)
    bench.clock.advance(600)
    assert told(bench) == ["power_mains_lost", "power_mains_back"]


def test_mains_that_stay_away_are_one_alarm_and_the_door_goes_on() -> None:
    bench = Bench()
    bench.feel("mains_lost", active=True)
    bench.feel("mains_lost", active=True)
    bench.clock.advance(3600)
    bench.tap()
    assert bench.lock.released
    bench.feel("battery_low", active=True)
    bench.feel("mains_lost", active=False)
    bench.feel("battery_low", active=False)
    assert told(bench) == [
        "power_mains_lost",
        "power_failing",
        "battery_low",
        "power_mains_back",
        "battery_charged",
    ]
    assert PowerFailing(STREET_DOOR, 60_000) in bench.journal.events


def test_loss_and_return_of_the_mains_release_nothing() -> None:
    bench = Bench()
    for lost in (True, False, True, False):
        bench.feel("mains_lost", active=lost)
        bench.clock.advance(90)
        assert not bench.lock.released


def test_mains_that_come_and_go_are_counted_from_the_last_loss() -> None:
    bench = Bench()
    for lost in (True, False, True):
        bench.feel("mains_lost", active=lost)
        bench.clock.advance(40)
    assert "power_failing" not in told(bench)
    bench.clock.advance(20)
    assert told(bench)[-1] == "power_failing"
