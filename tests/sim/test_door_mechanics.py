import itertools
from dataclasses import replace

import pytest

from aldaba_edge.drivers.gpio import pin_level
from aldaba_edge.drivers.options import RelayContact
from aldaba_sim.door_mechanics import Deed, Door, Passage, Turnstile, Way, lock_has_power

STRIKE = Door(fail_safe=False)
MAGNET = Door(fail_safe=True, powered=True)
TRIPOD = Turnstile(minimum_pulse=0.1, wait=5.0)


@pytest.mark.parametrize(
    ("fail_safe", "contact", "active_low", "release"),
    list(itertools.product((False, True), RelayContact, (False, True), (False, True))),
)
def test_iron_and_driver_agree_on_every_wiring(
    fail_safe: bool, contact: RelayContact, active_low: bool, release: bool
) -> None:
    level = pin_level(release=release, fail_safe=fail_safe, contact=contact, active_low=active_low)
    powered = lock_has_power(level=level, normally_open=contact is RelayContact.NO, active_low=active_low)
    assert Door(fail_safe).with_power(powered=powered).free is release


def test_without_mains_a_magnet_is_free_and_a_strike_holds() -> None:
    for level, normally_open, active_low in itertools.product((False, True), repeat=3):
        powered = lock_has_power(level=level, normally_open=normally_open, active_low=active_low, mains=False)
        assert MAGNET.with_power(powered=powered).free
        assert not STRIKE.with_power(powered=powered).free


def test_a_held_leaf_resists_pulling_but_not_the_handle_inside() -> None:
    assert not STRIKE.after(Deed.PULL).open
    assert STRIKE.after(Deed.TURN_HANDLE).open
    assert not replace(STRIKE, handle_inside=False).after(Deed.TURN_HANDLE).open


def test_a_released_leaf_opens_and_its_contact_says_so() -> None:
    opened = STRIKE.with_power(powered=True).after(Deed.PULL)
    assert (opened.open, opened.contact_closed) == (True, False)
    assert opened.with_power(powered=False).open, "a bolt never moves a leaf"
    assert opened.after(Deed.LET_GO).contact_closed


def test_a_wedged_door_stays_open_and_force_opens_any() -> None:
    wedged = STRIKE.after(Deed.FORCE).after(Deed.WEDGE)
    assert wedged.after(Deed.LET_GO).open
    assert MAGNET.after(Deed.FORCE).open


def test_one_pulse_lets_one_person_through_one_way() -> None:
    unlocked = TRIPOD.pulsed(Way.A, at=0.0, seconds=0.2)
    assert unlocked.walked(Way.B, 1.0)[1] is Passage.BLOCKED
    after, ended, pulses = unlocked.walked(Way.A, 1.0)
    assert (ended, [pulse.way for pulse in pulses]) == (Passage.PASSED, [Way.A])
    assert after.walked(Way.A, 1.1)[1] is Passage.BLOCKED


def test_a_release_not_taken_ends_by_itself_and_a_short_pulse_is_not_seen() -> None:
    assert not TRIPOD.pulsed(Way.A, at=0.0, seconds=0.2).free(Way.A, 5.0)
    assert not TRIPOD.pulsed(Way.A, at=0.0, seconds=0.05).free(Way.A, 0.1)


def test_fire_frees_both_ways_and_ignores_commands() -> None:
    burning = TRIPOD.pulsed(Way.A, at=0.0, seconds=0.2).with_fire(loop_open=True)
    assert burning.free(Way.A, 100.0)
    assert burning.free(Way.B, 100.0)
    calm = burning.pulsed(Way.B, at=100.0, seconds=1.0).with_fire(loop_open=False)
    assert not calm.free(Way.A, 100.0)
    assert not calm.free(Way.B, 100.0)


def test_a_jumper_is_seen_by_no_output() -> None:
    assert TRIPOD.walked(Way.A, 0.0, jump=True) == (TRIPOD, Passage.JUMPED, ())
