import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_shared import turnstile
from aldaba_shared.door import (
    RELEASED_STATES,
    RELEASES,
    SHUT,
    DoorEffect,
    DoorInput,
    DoorState,
    after,
    mermaid,
)
from aldaba_shared.tables import Next, Table
from aldaba_shared.turnstile import LaneEffect, LaneInput, LaneState

LEAF = (DoorInput.OPENED, DoorInput.CLOSED)


def lock_after(released: bool, effects: tuple[DoorEffect, ...]) -> bool:
    for effect in effects:
        if effect in (DoorEffect.RELEASE, DoorEffect.SECURE):
            released = effect is DoorEffect.RELEASE
    return released


def walk(inputs: list[DoorInput]) -> tuple[DoorState, bool, bool]:
    """The state, whether the lock lets through, and whether the release timer runs."""
    state, released, timer = DoorState.SECURED, False, False
    for one in inputs:
        state, effects = after(state, one)
        released = lock_after(released, effects)
        for effect in effects:
            if effect in (DoorEffect.START_RELEASE, DoorEffect.SHORTEN_RELEASE):
                timer = True
            elif effect is DoorEffect.STOP_RELEASE:
                timer = False
    return state, released, timer


inputs = st.lists(st.sampled_from(DoorInput), max_size=12)


@pytest.mark.parametrize("state", DoorState)
@pytest.mark.parametrize("wanted", RELEASES)
def test_a_way_out_is_released_from_every_state(state: DoorState, wanted: DoorInput) -> None:
    then, effects = after(state, wanted)
    assert lock_after(released=False, effects=effects)
    assert then in RELEASED_STATES


@given(history=inputs)
def test_the_lock_is_where_the_state_says(history: list[DoorInput]) -> None:
    state, released, _ = walk(history)
    event(state)
    assert released is (state in RELEASED_STATES)


@given(history=inputs)
def test_no_release_outlives_its_timer(history: list[DoorInput]) -> None:
    state, released, timer = walk(history)
    free = state in (DoorState.FREE, DoorState.FREE_OPEN)
    event(f"released {released}, timer {timer}, free {free}")
    assert timer is (released and not free)
    _, released_then, timer_then = walk([*history, DoorInput.RELEASE_ENDED])
    assert free or not (released_then or timer_then)


@given(history=inputs)
def test_a_leaf_that_shuts_ends_every_alarm(history: list[DoorInput]) -> None:
    state, *_ = walk([*history, DoorInput.CLOSED])
    assert state in SHUT


def test_a_door_relocks_as_soon_as_it_opens() -> None:
    state, effects = after(DoorState.RELEASED, DoorInput.OPENED)
    assert state is DoorState.PASSING
    assert DoorEffect.SHORTEN_RELEASE in effects


def test_a_leaf_that_opens_by_itself_is_an_alarm() -> None:
    assert after(DoorState.SECURED, DoorInput.OPENED) == Next(DoorState.FORCED, (DoorEffect.RECORD_FORCED,))


def test_a_table_with_a_hole_is_refused() -> None:
    with pytest.raises(ValueError, match="holes"):
        Table(LaneState, LaneInput, {}, ())


@pytest.mark.parametrize("diagram", [mermaid(), turnstile.mermaid()], ids=["door", "turnstile"])
def test_the_diagram_shows_every_state(diagram: str) -> None:
    assert diagram.startswith("stateDiagram-v2\n    [*] --> secured")
    states: type[DoorState | LaneState] = LaneState if "letting_in" in diagram else DoorState
    assert all(state in diagram for state in states)


lane_inputs = st.lists(st.sampled_from(LaneInput), max_size=12)


@given(history=lane_inputs)
def test_every_grant_at_a_turnstile_ends_in_one_passage_or_none(history: list[LaneInput]) -> None:
    state, open_grants = LaneState.SECURED, 0
    for one in [*history, LaneInput.SECURED_AGAIN, LaneInput.RELEASE_ENDED, LaneInput.FOLLOW_ENDED]:
        before, (state, effects) = state, turnstile.after(state, one)
        if one in (LaneInput.GRANT_IN, LaneInput.GRANT_OUT) and before is not LaneState.FREE:
            open_grants += 1
        if LaneEffect.RECORD_NOT_TAKEN in effects or (
            LaneEffect.RECORD_HOLDER in effects and before is not LaneState.FREE
        ):
            open_grants -= 1
        if one is LaneInput.FREED:
            open_grants = 0
        assert open_grants in (0, 1)
    event(f"{sum(one.startswith('grant') for one in history)} grants")
    assert (state, open_grants) == (LaneState.SECURED, 0)


@pytest.mark.parametrize("state", LaneState)
def test_a_turnstile_always_lets_out(state: LaneState) -> None:
    assert LaneEffect.RELEASE_OUT in turnstile.after(state, LaneInput.GRANT_OUT).effects


@pytest.mark.parametrize(
    ("given_in", "passed"), [(LaneInput.GRANT_IN, LaneInput.PASSED_OUT), (LaneInput.GRANT_OUT, LaneInput.PASSED_IN)]
)
def test_who_turns_the_arm_the_wrong_way_is_not_the_holder(given_in: LaneInput, passed: LaneInput) -> None:
    letting, _ = turnstile.after(LaneState.SECURED, given_in)
    assert turnstile.after(letting, passed) == Next(letting, (LaneEffect.RECORD_WRONG_WAY,))


def test_a_second_person_behind_the_holder_is_counted_apart() -> None:
    state, first = turnstile.after(LaneState.LETTING_IN, LaneInput.PASSED_IN)
    assert LaneEffect.RECORD_HOLDER in first
    assert turnstile.after(state, LaneInput.PASSED_IN).effects == (LaneEffect.RECORD_SECOND_PERSON,)
    at_rest, _ = turnstile.after(state, LaneInput.FOLLOW_ENDED)
    assert turnstile.after(at_rest, LaneInput.PASSED_IN).effects == (LaneEffect.RECORD_UNASKED,)
