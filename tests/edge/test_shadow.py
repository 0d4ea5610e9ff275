"""A door in shadow: it hears, decides and compares, and whatever happens its lock is not driven."""

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_shared import events
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.reasons import Reason
from aldaba_shared.shadow_report import shadow_reports
from tests.edge.door_fakes import ANA, ANA_CARD, FLOOR, LOST_CARD, STREET_DOOR, Bench

ACTS = {
    "tap": lambda bench: bench.tap(),
    "tap out": lambda bench: bench.tap(side=Side.EGRESS),
    "stranger": lambda bench: bench.tap(LOST_CARD),
    "button": lambda bench: bench.feel("exit_button", active=True),
    "opens": lambda bench: bench.leaf(opened=True),
    "shuts": lambda bench: bench.leaf(opened=False),
    "command": lambda bench: bench.loop.release("cloud"),
    "unlock": lambda bench: bench.loop.set_mode(DoorMode.UNLOCKED),
    "evacuate": lambda bench: bench.loop.set_mode(DoorMode.EVACUATING),
    "fire": lambda bench: bench.feel("fire", active=True),
    "wait": lambda bench: bench.clock.advance(4),
}


def compared(bench: Bench) -> list[events.ShadowCompared]:
    return [one for one in bench.journal.events if isinstance(one, events.ShadowCompared)]


@given(acts=st.lists(st.sampled_from(sorted(ACTS)), max_size=12))
def test_in_shadow_nothing_ever_reaches_the_lock(acts: list[str]) -> None:
    bench = Bench(shadow=True)
    before = list(bench.lock.told)
    for act in acts:
        ACTS[act](bench)
    event(f"{len(compared(bench))} compared")
    assert bench.lock.told == before
    assert all(shown.shown == [] for shown in bench.shows.values())
    assert not any(isinstance(one, events.AccessDecided) and one.released for one in bench.journal.events)


def test_both_open_is_agreement_and_the_holder_is_inside() -> None:
    bench = Bench(shadow=True)
    bench.tap()
    assert bench.presences.zone_of(ANA) is None
    bench.leaf(opened=True)
    assert compared(bench) == [
        events.ShadowCompared(STREET_DOOR, theirs=True, ours="granted", sequence=1, holder=ANA, into=FLOOR)
    ]
    assert bench.presences.zone_of(ANA) == FLOOR


def test_a_system_that_is_faster_than_us_is_paired_with_the_card_that_caused_it() -> None:
    bench = Bench(shadow=True)
    bench.leaf(opened=True)
    bench.clock.advance(0.4)
    bench.tap()
    bench.clock.advance(5)
    assert [(one.ours, one.theirs) for one in compared(bench)] == [("granted", True)]


def test_what_the_other_system_refuses_and_we_would_not_is_told() -> None:
    bench = Bench(shadow=True)
    bench.tap()
    bench.clock.advance(4)
    assert [(one.ours, one.theirs, one.into) for one in compared(bench)] == [("granted", False, None)]
    assert bench.presences.zone_of(ANA) is None


def test_an_opening_nobody_showed_us_a_card_for_is_told() -> None:
    bench = Bench(shadow=True)
    bench.leaf(opened=True)
    bench.clock.advance(2)
    assert [(one.ours, one.theirs) for one in compared(bench)] == [(None, True)]
    assert "door_forced" not in bench.journal.names()


def test_the_report_counts_agreement_and_each_kind_of_difference() -> None:
    bench = Bench(shadow=True)
    for card, opens in ((ANA_CARD, True), (LOST_CARD, True), (LOST_CARD, False)):
        bench.tap(card)
        bench.leaf(opened=opens)
        bench.leaf(opened=False)
        bench.clock.advance(5)
    (found,) = shadow_reports(compared(bench))
    assert (found.compared, found.agreed, found.we_would_refuse, found.differences) == (3, 2, 1, 1)
    assert found.reasons == {Reason.UNKNOWN_CREDENTIAL.value: 1}


def test_one_switch_goes_live_and_one_goes_back() -> None:
    bench = Bench(shadow=True)
    bench.loop.set_mode(DoorMode.UNLOCKED)
    bench.loop.set_shadow(shadow=False, by="cloud")
    assert bench.lock.released, "the mode it was told holds from the moment it is live"
    bench.loop.set_mode(DoorMode.LOCKED)
    bench.tap()
    assert bench.lock.released
    bench.loop.set_shadow(shadow=True, by="local:0")
    assert not bench.lock.released, "a release that runs ends with the switch"
    bench.tap(LOST_CARD, side=Side.EGRESS)
    assert not bench.lock.released
    switched = [one for one in bench.journal.events if isinstance(one, events.ShadowChanged)]
    assert [(one.shadow, one.by) for one in switched] == [(False, "cloud"), (True, "local:0")]


@pytest.mark.parametrize("turnstile", [False, True], ids=["leaf", "arm"])
def test_a_start_in_shadow_leaves_the_lock_where_the_driver_put_it(turnstile: bool) -> None:
    bench = Bench(shadow=True, turnstile=turnstile)
    assert set(bench.lock.told) == {"secure"}
