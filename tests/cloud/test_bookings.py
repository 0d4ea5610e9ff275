"""Booking against a database: the judge of who was first, and the news that follows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from aldaba_cloud.bookings import attendance, service, store
from aldaba_cloud.bookings.models import (
    Booking,
    CannotStep,
    HouseRules,
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
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members import terms_store as terms
from aldaba_cloud.members.models import Holder, HolderKind, Standing
from aldaba_cloud.members.terms import PlanVersion, QuotaKind, Spell
from aldaba_cloud.outbox import outbox
from aldaba_cloud.tasks.store import open_tasks
from aldaba_shared.ids import HolderId
from tests.cloud.came_in import came_in
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK
from tests.cloud.small_space import SmallSpace

TEN = datetime(2026, 11, 24, 9, tzinfo=UTC)
BEA = HolderId("bea")


class Desk:
    """A space with a room, and a hand on its clock."""

    def __init__(self, database: Database, space: SmallSpace) -> None:
        self.database, self.space = database, space
        self.now = MONDAY_NOON
        self.room = Resource(ResourceId("room"), BARCELONA, ResourceKind.ROOM, "Sala A", 8, space.zone("room"))

    @contextmanager
    def work(self) -> Iterator[Work]:
        with self.database.write() as db:
            yield Work(db, Scope(NETWORK), self.now)

    def asks(self, start: datetime = TEN, minutes: int = 60, who: HolderId = BEA) -> Request:
        return Request(self.room.id, who, Span(start, start + timedelta(minutes=minutes)))

    def book(self, request: Request) -> Booking:
        with self.work() as work:
            return service.book(work, request)

    def change(self, **rules: Any) -> None:  # noqa: ANN401 -- whatever type a rule has
        self.room = replace(self.room, rules=replace(self.room.rules, **rules))
        with self.work() as work:
            store.save_resource(work, self.room)

    def quotas(self, **quotas: int) -> None:
        wanted = {QuotaKind(kind): amount for kind, amount in quotas.items()}
        with self.work() as work:
            terms.add_plan_version(work, PlanVersion("ver", self.space.named("plan"), 1, 20000, quotas=wanted))
            terms.add_spells(work, [Spell(self.space.contract, "ver", date(2026, 1, 1))], BARCELONA)


@pytest.fixture
def desk(database: Database, config: Config) -> Desk:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    made = Desk(database, space)
    with made.work() as work:
        space.build(work)
        members.welcome(work, [Holder(BEA, HolderKind.MEMBER, "Bea", site=BARCELONA)])
        store.add_resource(work, made.room)
        store.add_price_rule(work, PriceRule("public", "public", 3000, site=BARCELONA))
    return made


def test_a_booking_is_read_back_as_it_was_made(desk: Desk) -> None:
    made = desk.book(replace(desk.asks(), guests=(desk.space.ana,), title="Kick-off", people=3))
    with desk.work() as work:
        assert store.find_booking(work, made.id) == made
        assert store.find_resource(work, desk.room.id) == desk.room
        assert store.bookings_between(work, Span(TEN, TEN + timedelta(minutes=1)), holders=[desk.space.ana]) == [made]


@pytest.mark.feature(8)
@pytest.mark.parametrize("minutes", [-45, -15, 0, 15, 45])
def test_two_who_want_the_same_hour_do_not_both_get_it(desk: Desk, minutes: int) -> None:
    desk.book(desk.asks())
    with pytest.raises(SlotTaken, match="Sala A is taken until"):
        desk.book(desk.asks(TEN + timedelta(minutes=minutes)))


@pytest.mark.parametrize("minutes", [-60, 60])
def test_back_to_back_is_no_clash(desk: Desk, minutes: int) -> None:
    desk.book(desk.asks())
    assert desk.book(desk.asks(TEN + timedelta(minutes=minutes))).state is State.CONFIRMED


def test_the_time_to_tidy_is_nobody_elses(desk: Desk) -> None:
    desk.change(after=15)
    desk.book(desk.asks())
    with pytest.raises(SlotTaken):
        desk.book(desk.asks(TEN + timedelta(hours=1)))
    assert desk.book(desk.asks(TEN + timedelta(minutes=75))).state is State.CONFIRMED


def test_two_rooms_that_are_booked_as_one_are_both_taken(desk: Desk) -> None:
    other = replace(desk.room, id=ResourceId("other"), name="Sala B")
    both = replace(desk.room, id=ResourceId("both"), name="A+B", seats=16, parts=(desk.room.id, other.id))
    with desk.work() as work:
        store.add_resource(work, other)
        store.add_resource(work, both)
    desk.book(replace(desk.asks(), resource=both.id))
    for taken in (desk.room, other):
        with pytest.raises(SlotTaken):
            desk.book(replace(desk.asks(), resource=taken.id))
    desk.book(replace(desk.asks(TEN + timedelta(hours=2)), resource=other.id))
    with pytest.raises(SlotTaken):
        desk.book(replace(desk.asks(TEN + timedelta(hours=2)), resource=both.id))


def test_a_request_holds_nothing_and_cannot_be_confirmed_over_somebody_elses_booking(desk: Desk) -> None:
    desk.change(approval=1)
    first, second = desk.book(desk.asks()), desk.book(desk.asks(who=desk.space.ana))
    assert (first.state, second.state) == (State.REQUESTED, State.REQUESTED)
    with desk.work() as work:
        assert service.confirm(work, second.id).state is State.CONFIRMED
    with pytest.raises(SlotTaken), desk.work() as work:
        service.confirm(work, first.id)


@pytest.mark.feature(6)
def test_a_quota_of_hours_a_week_is_named_when_it_is_full(desk: Desk) -> None:
    desk.quotas(room_minutes_week=120)
    ana = desk.space.ana
    desk.book(desk.asks(minutes=90, who=ana))
    with pytest.raises(NotBookable, match=r"2 h of rooms a week for a person, and 1\.5 h of that week are booked"):
        desk.book(desk.asks(TEN + timedelta(days=1), who=ana))
    assert desk.book(desk.asks(TEN + timedelta(days=1), minutes=30, who=ana)).state is State.CONFIRMED
    assert desk.book(desk.asks(TEN + timedelta(days=7), who=ana)).state is State.CONFIRMED


def test_a_booking_uses_the_included_hours_of_the_month_in_which_it_happens(desk: Desk) -> None:
    desk.quotas(room_minutes_month=90)
    ana = desk.space.ana
    november = [desk.book(desk.asks(TEN + timedelta(days=day), who=ana)).price for day in (0, 1)]
    december = desk.book(desk.asks(TEN + timedelta(days=8), who=ana)).price
    assert [(one.credit_minutes, one.cents) for one in (*november, december)] == [(60, 0), (30, 1500), (60, 0)]


@pytest.mark.feature(6)
def test_of_two_who_want_the_last_half_hour_at_once_one_gets_it(desk: Desk) -> None:
    desk.quotas(room_minutes_month=30)
    wanted = [desk.asks(TEN + timedelta(hours=2 * one), minutes=30, who=desk.space.ana) for one in range(4)]
    with ThreadPoolExecutor(len(wanted)) as pool:
        prices = [one.price for one in pool.map(desk.book, wanted)]
    assert sorted((one.credit_minutes, one.cents) for one in prices) == [(0, 1500)] * 3 + [(30, 0)]


def test_cancelling_gives_the_included_hours_back(desk: Desk) -> None:
    desk.quotas(room_minutes_month=60)
    made = desk.book(desk.asks(TEN + timedelta(days=2), who=desk.space.ana))
    with desk.work() as work:
        service.cancel(work, made.id)
    assert desk.book(desk.asks(TEN + timedelta(days=3), who=desk.space.ana)).price.cents == 0


def test_who_owes_an_invoice_books_nothing(desk: Desk) -> None:
    with desk.work() as work:
        members.change_standing(work, desk.space.contract, Standing.LIMITED)
    with pytest.raises(NotBookable, match="unpaid"):
        desk.book(desk.asks(who=desk.space.ana))


@pytest.mark.feature(110)
def test_staff_book_without_a_price_beside_members_who_pay(desk: Desk) -> None:
    with desk.work() as work:
        members.welcome(work, [Holder(HolderId("sam"), HolderKind.STAFF, "Sam", site=BARCELONA)])
    assert desk.book(desk.asks(who=HolderId("sam"))).price.cents == 0
    assert desk.book(desk.asks(TEN + timedelta(hours=1))).price.cents == 3000


def test_a_moved_booking_keeps_its_name_and_stays_where_it_was_when_the_new_time_is_taken(desk: Desk) -> None:
    made, other = desk.book(desk.asks()), desk.book(desk.asks(TEN + timedelta(hours=2)))
    with pytest.raises(SlotTaken), desk.work() as work:
        service.move(work, made.id, other.span)
    with desk.work() as work:
        assert store.find_booking(work, made.id) == made
        moved = service.move(work, made.id, Span(TEN + timedelta(minutes=30), TEN + timedelta(minutes=90)))
    assert (moved.id, moved.moves) == (made.id, 1)
    assert desk.book(desk.asks(TEN - timedelta(minutes=30))).state is State.CONFIRMED


@pytest.mark.feature(143)
def test_a_weekly_series_books_what_is_free_and_names_the_clash(desk: Desk) -> None:
    desk.book(desk.asks(TEN + timedelta(weeks=2)))
    wall = datetime(2026, 11, 24, 10), datetime(2026, 11, 24, 11)  # noqa: DTZ001 -- the clock on the wall
    with desk.work() as work:
        found = service.book_weekly(work, desk.asks(), wall, date(2026, 12, 22))
    assert [one.booking is not None for one in found] == [True, True, False, True, True]
    assert "Sala A is taken" in found[2].why


@pytest.mark.feature(26)
def test_whoever_waited_longest_gets_what_is_cancelled(desk: Desk) -> None:
    made = desk.book(desk.asks())
    with desk.work() as work:
        service.wait_for(work, desk.asks(who=desk.space.ana))
    desk.now += timedelta(minutes=1)
    with desk.work() as work:
        service.wait_for(work, desk.asks())
        service.cancel(work, made.id)
    with desk.work() as work:
        (theirs,) = store.bookings_between(work, made.span, states=[State.CONFIRMED])
        assert theirs.host == desk.space.ana
        assert [one.request.host for one in store.waiting_for(work, [desk.room.id], made.span)] == [BEA]


def test_waiting_ends_an_hour_before_so_that_nobody_is_booked_unawares(desk: Desk) -> None:
    made = desk.book(desk.asks())
    with desk.work() as work:
        service.wait_for(work, desk.asks(who=desk.space.ana))
    desk.now = TEN - timedelta(minutes=59)
    with desk.work() as work:
        service.cancel(work, made.id)
        assert store.bookings_between(work, made.span, states=[State.CONFIRMED]) == []


def test_the_doors_hear_of_host_and_guests_in_the_same_transaction(desk: Desk) -> None:
    made = desk.book(replace(desk.asks(), guests=(desk.space.ana,)))
    with desk.work() as work:
        told = work.db.execute(select(outbox.c.subject).where(outbox.c.kind == service.RIGHTS_CHANGED)).scalars()
        assert sorted(told) == sorted([made.host, desk.space.ana])


def test_nobody_there_in_time_gives_the_room_back_and_the_next_in_line_gets_it(desk: Desk) -> None:
    desk.change(release_after=15)
    with desk.work() as work:
        store.save_resource(work, replace(desk.room, zone=None))
    made = desk.book(desk.asks(minutes=120))
    with desk.work() as work:
        asked = Request(desk.room.id, desk.space.ana, Span(TEN + timedelta(hours=1), TEN + timedelta(hours=2)))
        service.wait_for(work, asked, asked.span.start)
    desk.now = TEN + timedelta(minutes=15)
    with desk.work() as work:
        assert attendance.attend(work, BARCELONA).released == (made.id,)
        gone = store.find_booking(work, made.id)
        assert gone is not None
        assert (gone.state, gone.fee_cents) == (State.RELEASED, 3000)
        assert [one.host for one in store.bookings_between(work, asked.span, states=[State.CONFIRMED])] == [
            desk.space.ana
        ]
        assert attendance.attend(work, BARCELONA).released == ()


def test_whoever_came_although_the_hour_was_resold_is_somebodys_task(desk: Desk) -> None:
    desk.change(release_after=15)
    with desk.work() as work:
        store.save_resource(work, replace(desk.room, zone=None))
    made = desk.book(desk.asks(minutes=120))
    desk.now = TEN + timedelta(minutes=15)
    with desk.work() as work:
        attendance.attend(work, BARCELONA)
        service.book(work, desk.asks(TEN + timedelta(minutes=30), 30, desk.space.ana))
        store.save_resource(work, desk.room)
        came_in(work, BARCELONA, BEA, TEN + timedelta(minutes=5), zone=desk.space.zone("room"))
        assert attendance.attend(work, BARCELONA).resold == (made.id,)
        assert [task.told for task in open_tasks(work)] == [
            "Talk to Bea, who came although the hour was given to somebody else: Sala A"
        ]


def test_a_room_with_a_silent_door_is_kept_and_marked_once(desk: Desk) -> None:
    made = desk.book(desk.asks())
    desk.now = TEN + timedelta(minutes=20)
    with desk.work() as work:
        assert attendance.attend(work, BARCELONA).doubted == (made.id,)
        assert attendance.attend(work, BARCELONA) == attendance.Attended()


def test_checking_in_on_the_page_and_leaving_early_frees_the_rest(desk: Desk) -> None:
    made = desk.book(desk.asks())
    desk.now = TEN + timedelta(minutes=5)
    with desk.work() as work:
        assert attendance.check_in(work, made.id, BEA).state is State.CHECKED_IN
    desk.now = TEN + timedelta(minutes=30)
    with desk.work() as work:
        assert attendance.check_out(work, made.id).ended_at == desk.now
    assert desk.book(desk.asks(TEN + timedelta(minutes=30), minutes=30)).state is State.CONFIRMED


def test_nothing_of_another_site_can_be_booked_or_seen(desk: Desk) -> None:
    made = desk.book(desk.asks())
    with desk.database.write() as db:
        elsewhere = Work(db, Scope(NETWORK, frozenset()), desk.now)
        assert store.find_booking(elsewhere, made.id) is None
        assert store.list_resources(elsewhere) == []


def test_house_rules_are_kept(desk: Desk) -> None:
    desk.change(before=5, longest=90)
    with desk.work() as work:
        kept = store.find_resource(work, desk.room.id)
    assert kept is not None
    assert kept.rules == HouseRules(before=5, longest=90)


def test_a_room_that_was_given_back_cannot_be_had_again_by_pressing_check_in(desk: Desk) -> None:
    with desk.work() as work:
        store.save_resource(work, replace(desk.room, zone=None))
    made = desk.book(desk.asks())
    desk.now = TEN + timedelta(minutes=15)
    with desk.work() as work:
        attendance.attend(work, BARCELONA)
    with pytest.raises(CannotStep), desk.work() as work:
        attendance.check_in(work, made.id, BEA)


def test_nobody_checks_in_once_the_time_is_over(desk: Desk) -> None:
    made = desk.book(desk.asks())
    desk.now = TEN + timedelta(hours=1)
    with pytest.raises(NotBookable, match="over"), desk.work() as work:
        attendance.check_in(work, made.id, BEA)


def test_a_guest_has_to_be_somebody(desk: Desk) -> None:
    with pytest.raises(Missing, match="nobody"):
        desk.book(replace(desk.asks(), guests=(HolderId("nobody"),)))
