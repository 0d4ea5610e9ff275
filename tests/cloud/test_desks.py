"""A desk that is somebody's own: nobody else's from the first day to the last, and free again the day after."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from aldaba_cloud.bookings import attendance, desks, service, store
from aldaba_cloud.bookings.models import (
    Booking,
    NotBookable,
    Request,
    Resource,
    ResourceId,
    ResourceKind,
    SlotTaken,
    Span,
    State,
)
from aldaba_cloud.bookings.prices import PriceRule
from aldaba_cloud.bookings.reading import rights_ahead
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members.models import ContractState, Holder, HolderKind
from aldaba_shared.ids import ContractId, HolderId
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK
from tests.cloud.small_space import SmallSpace

BEA = HolderId("bea")
HOUR = timedelta(hours=1)
DECEMBER = datetime(2026, 11, 30, 23, tzinfo=UTC)
"""00:00 of 1 December on the wall in Barcelona."""
JANUARY = datetime(2026, 12, 31, 23, tzinfo=UTC)


@pytest.fixture
def work(database: Database) -> Iterator[Work]:
    with database.write() as db:
        yield Work(db, Scope(NETWORK), MONDAY_NOON)


@pytest.fixture
def space(config: Config, work: Work) -> SmallSpace:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    space.build(work)
    members.welcome(work, [Holder(BEA, HolderKind.MEMBER, "Bea", site=BARCELONA)])
    desk = Resource(ResourceId("d-07"), BARCELONA, ResourceKind.DESK, "D-07", 1, space.zone("room"))
    store.add_resource(work, desk)
    store.add_price_rule(work, PriceRule("public", "public", 300, site=BARCELONA))
    return space


def assigned(work: Work, space: SmallSpace, ends_on: date | None = None) -> Booking:
    members_store.save_contract(work, replace(space.anas_contract(), ends_on=ends_on))
    return desks.assign(work, ResourceId("d-07"), space.contract, date(2026, 12, 1))


def book(work: Work, start: datetime) -> Booking:
    early = replace(work, now=start - HOUR)
    return service.book(early, Request(ResourceId("d-07"), BEA, Span(start, start + HOUR)))


@pytest.mark.feature(2)
def test_a_desk_is_nobody_elses_from_midnight_of_its_first_day_until_the_contract_has_ended(
    work: Work, space: SmallSpace
) -> None:
    assigned(work, space, ends_on=date(2026, 12, 31))
    assert book(work, DECEMBER - HOUR).state is State.CONFIRMED
    for taken in (DECEMBER - HOUR / 2, DECEMBER, datetime(2026, 12, 15, 9, tzinfo=UTC), JANUARY - HOUR):
        with pytest.raises(SlotTaken, match="D-07 is taken"):
            book(work, taken)
    assert book(work, JANUARY).state is State.CONFIRMED


@pytest.mark.feature(2)
def test_a_desk_of_a_contract_that_leaves_is_free_the_day_after(work: Work, space: SmallSpace) -> None:
    assigned(work, space)
    with pytest.raises(SlotTaken):
        book(work, JANUARY)
    members.leave(work, space.contract, date(2026, 12, 31))
    attendance.attend(replace(work, now=DECEMBER + HOUR), BARCELONA)
    with pytest.raises(SlotTaken):
        book(work, JANUARY - HOUR)
    assert book(work, JANUARY).state is State.CONFIRMED


def test_a_desk_is_let_go_when_its_contract_is_over(work: Work, space: SmallSpace) -> None:
    made = assigned(work, space, ends_on=date(2026, 12, 31))
    attendance.attend(replace(work, now=JANUARY), BARCELONA)
    kept = store.find_booking(work, made.id)
    assert kept
    assert (kept.state, kept.ended_at) == (State.COMPLETED, JANUARY)


def test_an_end_that_is_put_off_keeps_what_others_have_booked_meanwhile(work: Work, space: SmallSpace) -> None:
    made = assigned(work, space, ends_on=date(2026, 12, 31))
    book(work, JANUARY)
    members_store.save_contract(work, replace(space.anas_contract(), ends_on=date(2027, 1, 31)))
    attendance.attend(replace(work, now=DECEMBER + HOUR), BARCELONA)
    kept = store.find_booking(work, made.id)
    assert kept
    assert kept.span.end == JANUARY
    with pytest.raises(SlotTaken):
        book(work, JANUARY - HOUR)


def test_nobody_has_a_desk_that_somebody_else_booked(work: Work, space: SmallSpace) -> None:
    book(work, datetime(2026, 12, 15, 9, tzinfo=UTC))
    with pytest.raises(SlotTaken):
        assigned(work, space)


def test_a_desk_of_ones_own_opens_no_door_beyond_the_plan_and_uses_up_no_hours(work: Work, space: SmallSpace) -> None:
    made = assigned(work, space)
    later = replace(work, now=DECEMBER + HOUR)
    assert rights_ahead(later) == []
    assert store.minutes_booked(later, space.ana, made.span) == 0


def test_a_desk_goes_to_a_contract_that_lasts_and_has_somebody(work: Work, space: SmallSpace) -> None:
    with pytest.raises(Missing, match="contract"):
        desks.assign(work, ResourceId("d-07"), ContractId("nobodys"), date(2026, 12, 1))
    members_store.save_contract(work, replace(space.anas_contract(), state=ContractState.ENDED))
    with pytest.raises(NotBookable, match="has ended"):
        desks.assign(work, ResourceId("d-07"), space.contract, date(2026, 12, 1))
