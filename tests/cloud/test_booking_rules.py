"""What may be booked, what it costs, and what becomes of it: rules without a database."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_cloud.bookings.clocks import NoSuchHour, WhichHour, instant, month_of, span_on_wall, week_of, weekly
from aldaba_cloud.bookings.models import (
    Booking,
    BookingId,
    CannotStep,
    HouseRules,
    NotBookable,
    Price,
    Request,
    Resource,
    ResourceId,
    ResourceKind,
    Span,
    State,
    Step,
    Wanted,
    after,
    check_rules,
    entry_rights,
    fitting,
)
from aldaba_cloud.bookings.prices import PriceRule, cancel_fee, quote
from aldaba_cloud.bookings.states import NO_CONTACT, Entry, checked_in, first_entry, not_shown, released
from aldaba_cloud.money import VatKind, percent_of
from aldaba_shared.ids import HolderId, SiteId, ZoneId

MADRID = ZoneInfo("Europe/Madrid")
BCN = SiteId("bcn")
ANA, BEA, CLEANER = HolderId("ana"), HolderId("bea"), HolderId("cleaner")
ZONE = ZoneId("zone")
NINE = datetime(2026, 11, 24, 8, tzinfo=UTC)
"""A Tuesday, 09:00 in Madrid."""
ROOM = Resource(ResourceId("room"), BCN, ResourceKind.ROOM, "Sala A", 8, ZONE)
PUBLIC = PriceRule("public", "public 36", 3600, kind=ResourceKind.ROOM)
FLEX = PriceRule("flex", "flex 30", 3000, kind=ResourceKind.ROOM, plan="flex")
FIXED = PriceRule("fixed", "fixed 24", 2400, kind=ResourceKind.ROOM, plan="fixed")
EVENING = PriceRule("evening", "evening", 1000, resource=ROOM.id, hours=(18 * 60, 22 * 60), floor_cents=1500)
RULES = [PUBLIC, FLEX, FIXED]


def hours(start: datetime = NINE, minutes: int = 60) -> Span:
    return Span(start, start + timedelta(minutes=minutes))


def booked(span: Span | None = None, state: State = State.CONFIRMED) -> Booking:
    return Booking(
        BookingId("b"), ROOM.id, BCN, ANA, span or hours(), state, Price(3000, "flex 30"), NINE, guests=(BEA,)
    )


@pytest.mark.feature(5)
def test_ninety_minutes_at_thirty_an_hour_are_forty_five_and_tax_makes_fifty_four_forty_five() -> None:
    price = quote(RULES, ROOM, "flex", hours(minutes=90), MADRID)
    assert (price.cents, percent_of(price.cents, 2100)) == (4500, 945)


@pytest.mark.feature(10)
@pytest.mark.parametrize(
    ("plan", "cents", "rule"), [("flex", 3000, "flex 30"), ("fixed", 2400, "fixed 24"), (None, 3600, "public 36")]
)
def test_one_room_has_its_price_for_each_plan_and_the_rule_is_named(plan: str | None, cents: int, rule: str) -> None:
    price = quote(RULES, ROOM, plan, hours(), MADRID)
    assert (price.cents, price.rule) == (cents, rule)


def test_half_an_hour_of_credit_leaves_half_an_hour_to_pay() -> None:
    at_25 = [PriceRule("p", "25", 2500)]
    price = quote(at_25, ROOM, None, hours(), MADRID, credit=30)
    assert (price.credit_minutes, price.cents, percent_of(price.cents, 2100)) == (30, 1250, 263)


@pytest.mark.feature(81)
def test_an_off_peak_price_never_goes_under_its_floor_and_each_part_has_its_own() -> None:
    span = Span(NINE.replace(hour=16), NINE.replace(hour=18))  # 17:00 to 19:00 on the wall
    price = quote([*RULES, EVENING], ROOM, "flex", span, MADRID)
    assert (price.cents, price.rule) == (3000 + 1500, "flex 30 + evening")


def test_what_nobody_priced_is_not_free() -> None:
    with pytest.raises(NotBookable, match="Nobody has said what Sala A costs"):
        quote([], ROOM, None, hours(), MADRID)


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        pytest.param("2027-10-31T01:30", "2027-10-31T03:30", 180, id="the clocks go back in between"),
        pytest.param("2027-03-28T01:30", "2027-03-28T03:30", 60, id="the clocks go forward in between"),
        pytest.param("2027-06-15T09:00", "2027-06-15T10:00", 60, id="any day"),
    ],
)
def test_a_booking_lasts_as_long_as_it_really_does(start: str, end: str, minutes: int) -> None:
    span = span_on_wall(datetime.fromisoformat(start), datetime.fromisoformat(end), MADRID)
    assert span.minutes == minutes
    assert quote([PriceRule("p", "25", 2500)], ROOM, None, span, MADRID).cents == minutes * 2500 // 60


def test_an_hour_that_does_not_exist_is_said_to_be_none() -> None:
    with pytest.raises(NoSuchHour, match="2027-03-28 02:30 does not exist"):
        instant(datetime(2027, 3, 28, 2, 30), MADRID)  # noqa: DTZ001 -- the clock on the wall has no zone


def test_an_hour_that_comes_twice_asks_which() -> None:
    wall = datetime(2027, 10, 31, 2, 30)  # noqa: DTZ001 -- the clock on the wall has no zone
    with pytest.raises(WhichHour, match="first or the second"):
        instant(wall, MADRID)
    assert instant(wall, MADRID, second=True) - instant(wall, MADRID, second=False) == timedelta(hours=1)


@pytest.mark.feature(143)
def test_weekly_at_nine_stays_at_nine_on_the_wall() -> None:
    start = datetime(2027, 3, 15, 9)  # noqa: DTZ001 -- the clock on the wall has no zone
    found = list(weekly(start, start + timedelta(hours=1), date(2027, 4, 12), MADRID))
    assert [one.start.astimezone(MADRID).hour for one in found if isinstance(one, Span)] == [9] * 5
    assert len({one.start.hour for one in found if isinstance(one, Span)}) == 2


@given(moment=st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_moment_lies_in_its_week_and_its_month(moment: datetime) -> None:
    week, month = week_of(moment, MADRID), month_of(moment, MADRID)
    event(f"week of {week.minutes // 60} h")
    assert week.start <= moment < week.end
    assert month.start <= moment < month.end


@pytest.mark.feature(27)
def test_nine_people_do_not_see_the_room_for_eight_but_the_two_together() -> None:
    both = Resource(ResourceId("ab"), BCN, ResourceKind.ROOM, "A+B", 16, parts=(ROOM.id, ResourceId("b")))
    assert fitting([ROOM, both], Wanted(seats=9)) == [both]
    assert fitting([both, ROOM], Wanted(seats=4)) == [ROOM, both]


@pytest.mark.feature(28)
def test_a_search_for_equipment_finds_only_what_has_all_of_it() -> None:
    projector = Resource(ResourceId("p"), BCN, ResourceKind.ROOM, "P", equipment=frozenset({"projector"}))
    full = Resource(
        ResourceId("f"), BCN, ResourceKind.ROOM, "F", equipment=frozenset({"projector", "whiteboard", "tv"})
    )
    assert fitting([projector, full], Wanted(equipment=frozenset({"projector", "whiteboard"}))) == [full]


@pytest.mark.parametrize(
    ("request_", "rules", "why"),
    [
        pytest.param(Request(ROOM.id, ANA, Span(NINE, NINE)), HouseRules(), "end is not after", id="no time"),
        pytest.param(Request(ROOM.id, ANA, hours(), people=9), HouseRules(), "seats 8", id="too many"),
        pytest.param(Request(ROOM.id, ANA, hours(NINE - timedelta(days=1))), HouseRules(), "has passed", id="past"),
        pytest.param(
            Request(ROOM.id, ANA, hours(minutes=30)), HouseRules(shortest=60), "60 minutes at least", id="short"
        ),
        pytest.param(
            Request(ROOM.id, ANA, hours(minutes=300)), HouseRules(longest=240), "240 minutes at most", id="long"
        ),
        pytest.param(Request(ROOM.id, ANA, hours(NINE.replace(second=1))), HouseRules(), "on the minute", id="seconds"),
        pytest.param(Request(ROOM.id, ANA, hours(minutes=50)), HouseRules(), "steps of 15", id="odd"),
        pytest.param(
            Request(ROOM.id, ANA, hours(NINE + timedelta(days=40))),
            HouseRules(days_ahead=30),
            "30 days ahead",
            id="far",
        ),
    ],
)
def test_the_house_says_which_of_its_rules_forbids_a_booking(request_: Request, rules: HouseRules, why: str) -> None:
    room = Resource(ROOM.id, BCN, ResourceKind.ROOM, "Sala A", 8, ZONE, rules=rules)
    with pytest.raises(NotBookable, match=why):
        check_rules(room, request_, NINE - timedelta(hours=1))


@given(state=st.sampled_from(State), steps=st.lists(st.sampled_from(Step), max_size=8))
def test_a_booking_that_ended_never_lives_again_but_by_a_late_entry(state: State, steps: list[Step]) -> None:
    ended = {State.COMPLETED, State.DECLINED, State.CANCELLED}
    for step in steps:
        try:
            following = after(state, step)
        except CannotStep:
            continue
        event(f"{state} {step}")
        assert state not in ended
        assert state is not State.RELEASED or step is Step.REPAIR
        state = following


@pytest.mark.feature(68)
@pytest.mark.parametrize(
    ("before", "fee"),
    [(timedelta(hours=24), 0), (timedelta(hours=23, minutes=59), 1500), (timedelta(minutes=1), 1500)],
)
def test_cancelling_is_free_a_day_before_and_costs_half_after(before: timedelta, fee: int) -> None:
    assert cancel_fee(Price(3000, "flex 30"), NINE, NINE - before) == fee


def test_the_rule_in_force_when_it_was_booked_applies() -> None:
    strict = Resource(ROOM.id, BCN, ResourceKind.ROOM, "Sala A", 8, rules=HouseRules(cancel_free_hours=48))
    price = quote(RULES, strict, None, hours(), MADRID)
    assert cancel_fee(price, NINE, NINE - timedelta(hours=30)) == 1800


@pytest.mark.feature(30)
@pytest.mark.parametrize(("who", "comes"), [(ANA, True), (BEA, True), (CLEANER, False)])
def test_host_and_guest_check_in_by_the_door_and_a_cleaner_does_not(who: HolderId, *, comes: bool) -> None:
    assert (first_entry(booked(), ROOM, [Entry(who, ZONE, NINE)]) is not None) is comes


@pytest.mark.parametrize(
    ("minutes", "counts"), [(-11, False), (-10, True), (0, True), (59, True), (60, False)], ids=lambda value: f"{value}"
)
def test_only_an_entry_from_ten_minutes_before_to_the_end_checks_in(minutes: int, *, counts: bool) -> None:
    entry = Entry(ANA, ZONE, NINE + timedelta(minutes=minutes))
    assert (first_entry(booked(), ROOM, [entry]) is not None) is counts


@pytest.mark.feature(67)
def test_nobody_there_at_a_quarter_past_gives_the_room_back_while_its_door_is_in_contact() -> None:
    due = NINE + timedelta(minutes=15)
    assert not_shown(booked(), ROOM, due - timedelta(seconds=1), due) is None
    verdict = not_shown(booked(), ROOM, due, due)
    assert verdict is not None
    assert verdict.release


@pytest.mark.feature(67)
def test_a_room_whose_door_is_silent_is_marked_and_kept() -> None:
    due = NINE + timedelta(minutes=15)
    verdict = not_shown(booked(), ROOM, due, due - timedelta(minutes=3))
    assert verdict is not None
    assert (verdict.release, verdict.doubt) == (False, NO_CONTACT)


@pytest.mark.feature(67)
def test_an_entry_at_five_past_that_is_heard_at_twenty_to_takes_the_fee_back() -> None:
    gone = released(booked(), NINE + timedelta(minutes=15), 1500)
    entry = first_entry(gone, ROOM, [Entry(ANA, ZONE, NINE + timedelta(minutes=5))])
    assert entry is not None
    back = checked_in(gone, entry.at)
    assert (back.state, back.fee_cents, back.checked_in_at) == (State.CHECKED_IN, 0, NINE + timedelta(minutes=5))


def test_an_entry_after_the_limit_repairs_nothing_unless_the_clock_may_be_off() -> None:
    gone = released(booked(), NINE + timedelta(minutes=15), 1500)
    late = NINE + timedelta(minutes=16)
    assert first_entry(gone, ROOM, [Entry(ANA, ZONE, late)]) is None
    assert first_entry(gone, ROOM, [Entry(ANA, ZONE, late, within=timedelta(minutes=2))]) is not None


def test_a_booking_opens_its_door_for_host_and_guests_from_ten_minutes_before_to_its_end() -> None:
    rights = entry_rights(booked(), ROOM)
    assert [one.holder for one in rights] == [ANA, BEA]
    assert {one.span for one in rights} == {Span(NINE - timedelta(minutes=10), NINE + timedelta(hours=1))}


@pytest.mark.parametrize("state", [State.REQUESTED, State.CANCELLED, State.RELEASED, State.COMPLETED])
def test_what_is_not_live_opens_nothing(state: State) -> None:
    assert entry_rights(booked(state=state), ROOM) == []


@given(
    price=st.integers(0, 20000),
    minutes=st.integers(1, 96).map(lambda quarter: quarter * 15),
    credit=st.integers(0, 1500),
    start=st.integers(0, 70_000).map(lambda quarters: NINE + timedelta(minutes=15 * quarters)),
)
def test_credit_and_money_pay_for_every_minute_once(price: int, minutes: int, credit: int, start: datetime) -> None:
    rules = [PriceRule("p", "p", price, vat=VatKind.STANDARD), PriceRule("q", "q", price, hours=(600, 1200))]
    told = quote(rules, ROOM, None, hours(start, minutes), MADRID, credit=credit)
    event("all of it included" if told.credit_minutes == minutes else "some of it paid" if credit else "all paid")
    assert told.credit_minutes == min(minutes, credit)
    assert abs(told.cents * 60 - (minutes - told.credit_minutes) * price) <= 30
