import itertools
import queue
from collections.abc import Iterator

import msgspec
import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_edge.drivers.gpio import Debouncer, GpioContact, GpioLock, pin_level
from aldaba_edge.drivers.options import GpioContactOptions, GpioLockOptions, RelayContact
from aldaba_edge.drivers.patterns import USUAL
from aldaba_edge.ports import Signal

PIN = 17
NO, NC = RelayContact.NO, RelayContact.NC

# fail_safe, contact, active_low -> the pin's level while the door is shut. Written out by hand, from the wiring.
SECURED_LEVEL = {
    (False, NO, False): False,  # strike without power: relay at rest, pin low
    (False, NO, True): True,
    (False, NC, False): True,  # strike without power on NC: relay must be pulled
    (False, NC, True): False,
    (True, NO, False): True,  # magnet with power: relay pulled
    (True, NO, True): False,
    (True, NC, False): False,  # magnet with power through NC: relay at rest
    (True, NC, True): True,
}
WIRINGS = list(itertools.product((False, True), (NO, NC), (False, True)))


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.reset()


@pytest.mark.parametrize(("fail_safe", "contact", "active_low"), WIRINGS)
def test_a_lock_holds_at_rest_releases_and_holds_again_when_closed(
    pins: MockFactory,
    fail_safe: bool,
    contact: RelayContact,
    active_low: bool,
) -> None:
    secured = SECURED_LEVEL[fail_safe, contact, active_low]
    lock = GpioLock(GpioLockOptions(pin=PIN, fail_safe=fail_safe, contact=contact, active_low=active_low), pins)
    pin = pins.pin(PIN)
    assert (pin.function, pin.state) == ("output", secured)
    lock.release()
    assert pin.state is not secured
    lock.secure()
    assert pin.state == secured
    lock.release()
    lock.close()
    assert pin.state == secured
    lock.close()


def test_releasing_and_securing_are_always_opposite_levels() -> None:
    for fail_safe, contact, active_low in WIRINGS:
        levels = {
            pin_level(release=release, fail_safe=fail_safe, contact=contact, active_low=active_low)
            for release in (True, False)
        }
        assert levels == {True, False}


def test_a_lock_starts_secured_and_never_passes_through_the_other_level(pins: MockFactory) -> None:
    options = GpioLockOptions(pin=PIN, fail_safe=True, contact=NO, active_low=False)
    pin = pins.pin(PIN)
    GpioLock(options, pins)
    assert [bool(state.state) for state in pin.states] == [False, True]


def levels_of(pulses: list[tuple[float, float]]) -> list[tuple[bool, float]]:
    """Edges of a switch that is active for the first and idle for the second duration of each pulse."""
    edges, now = [], 10.0
    for active, idle in pulses:
        edges += [(True, now), (False, now + active)]
        now += active + idle
    return edges


@given(st.lists(st.tuples(st.floats(0.0001, 1.0), st.floats(0.06, 0.5)), min_size=1, max_size=8))
def test_long_inputs_always_register_and_short_ones_never(pulses: list[tuple[float, float]]) -> None:
    debouncer = Debouncer(0.05, settled=False)
    changes = [change for level, at in levels_of(pulses) for change in debouncer.edge(level, at)]
    changes += debouncer.look(1000.0)
    certain = sum(active > 0.0501 for active, _ in pulses)
    possible = sum(active > 0.0499 for active, _ in pulses)
    event(f"long pulses: {certain} of {len(pulses)}")
    assert certain <= changes.count(True) <= possible
    assert changes == [True, False] * changes.count(True)


def test_no_input_can_be_told_to_miss_four_tenths_of_a_second() -> None:
    slowest = {"pin": 4, "debounce_ms": 399}
    options = msgspec.convert(slowest, GpioContactOptions)
    debouncer = Debouncer(options.debounce_ms / 1000, settled=False)
    pressed = ((True, 10.0), (False, 10.4))
    changes = [change for level, at in pressed for change in debouncer.edge(level, at)]
    assert [*changes, *debouncer.look(1000.0)] == [True, False]
    with pytest.raises(msgspec.ValidationError, match="debounce_ms"):
        msgspec.convert(slowest | {"debounce_ms": 400}, GpioContactOptions)


@given(st.lists(st.floats(0.0001, 0.049), min_size=1, max_size=30))
def test_bounce_alone_never_registers_and_its_end_does(bounces: list[float]) -> None:
    debouncer, now, level, changes = Debouncer(0.05, settled=False), 1.0, False, []
    for held in bounces:
        level = not level
        changes += debouncer.edge(level, now)
        now += held
    assert changes == []
    assert debouncer.look(now + 0.05) == ([True] if level else [])


def test_a_pressed_button_is_reported_by_the_edges_own_times(pins: MockFactory) -> None:
    reported: queue.Queue[bool] = queue.Queue()
    options = GpioContactOptions(pin=PIN, pull="up", active_when_closed=True, debounce_ms=20)
    button = GpioContact(options, pins)
    assert not button.active
    button.open(reported.put)
    pins.pin(PIN).drive_low()
    assert reported.get(timeout=5) is True
    assert button.active
    pins.pin(PIN).drive_high()
    assert reported.get(timeout=5) is False
    button.close()
    button.close()


def test_a_door_that_opened_while_nobody_listened_is_reported(pins: MockFactory) -> None:
    reported: queue.Queue[bool] = queue.Queue()
    pins.pin(PIN)
    contact = GpioContact(GpioContactOptions(pin=PIN, pull="up", debounce_ms=10), pins)
    assert contact.active, "an open contact on a pull-up reads high: the door is open"
    pins.pin(PIN).drive_low()
    contact.open(reported.put)
    assert reported.get(timeout=5) is False
    contact.close()


def test_nothing_a_reader_shows_tells_one_digit_from_another() -> None:
    assert set(USUAL) == set(Signal), "patterns hang on the signal alone, never on what was typed"
