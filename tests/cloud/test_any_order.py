"""Any order, duplication or lateness of messages gives the same books: against a replay that knows no ingest."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import books, store
from aldaba_cloud.fleet.ingest import take_batch, take_run
from aldaba_cloud.fleet.models import runs
from aldaba_cloud.occupancy.service import GatheredMoves, PresenceBooks, verify
from aldaba_cloud.occupancy.store import load_presence
from tests.cloud.conftest import BARCELONA, NETWORK
from tests.cloud.toy_controller import START, ToyController

HOLDERS = ("hld_ana", "hld_ben", "hld_eva")
ZONES = ("zone_open", "zone_room", "street")
HEARD = START + timedelta(seconds=5)
"""No line comes before it was written: one that did would tell of a clock that is ahead."""
Tap = tuple[int, str, str, int]
"""Which controller, who, where to, and how many seconds after the start by its clock."""

taps = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(HOLDERS), st.sampled_from(ZONES), st.integers(0, 5)), max_size=12
)
deliveries = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 6), st.integers(1, 5)), min_size=1, max_size=4), max_size=8
)
"""Batches in any order, some of which wait together: which controller, from which line, how many."""


def written(story: Sequence[Tap]) -> list[ToyController]:
    toys = [ToyController(f"ctl_{number}") for number in range(3)]
    for which, holder, zone, seconds in story:
        toys[which].tap(holder, zone, START + timedelta(seconds=seconds))
    return toys


def oracle(story: Sequence[Tap]) -> dict[str, str]:
    """Where everybody is: sort all taps by (time, controller, sequence) and let the last one win."""
    counted = [0, 0, 0]
    ordered = []
    for which, holder, zone, seconds in story:
        counted[which] += 1
        ordered.append((seconds, f"ctl_{which}", counted[which], holder, zone))
    return {holder: zone for _, _, _, holder, zone in sorted(ordered)}


@pytest.mark.feature(9)
@pytest.mark.feature(165)
def test_any_order_any_doubling_and_any_lateness_give_the_same_books(database: Database) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(story=taps, mess=deliveries)
    def same_books(story: Sequence[Tap], mess: Sequence[Sequence[tuple[int, int, int]]]) -> None:
        toys = written(story)
        with database.write() as db:
            work = Work(db, Scope(NETWORK, frozenset({BARCELONA})), HEARD)
            for toy in toys:
                toy.join(work)
            for together in mess:
                deliver_together(work, toys, together)
            event(f"delivered early: {min(len(list(books.recent_events(work))), 3)}+")
            for toy in reversed(toys):
                deliver(work, toy, 1, None)
            kept = {holder: stay.zone for holder, stay in load_presence(work, BARCELONA).items()}
            found = [(row.controller_id, row.sequence) for row in books.recent_events(work)]
            wrong = verify(work, BARCELONA)
            db.rollback()
        assert kept == oracle(story)
        assert sorted(found) == [(toy.id, number + 1) for toy in toys for number in range(len(toy.lines))]
        assert wrong == []

    same_books()


def deliver_together(work: Work, toys: Sequence[ToyController], together: Sequence[tuple[int, int, int]]) -> None:
    presence = GatheredMoves()
    for which, toy in enumerate(toys):
        sent = [(first, many) for one, first, many in together if one == which and first <= len(toy.lines)]
        found = runs([toy.batch(first, first + many - 1) for first, many in sent])
        event(f"batches taken as one: {len(sent) > len(found)}")
        for run in found:
            take_run(work, toy.record, run, presence)
    presence.finish()


def deliver(work: Work, toy: ToyController, first: int, last: int | None) -> None:
    sender = store.find_controller(work, toy.id)
    assert sender is not None
    take_batch(work, sender, toy.batch(first, last), PresenceBooks())
