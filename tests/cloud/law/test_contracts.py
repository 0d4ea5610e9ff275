"""Contracts and proration: parts of periods to the cent."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import islice

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_cloud.billing.building import Billable, charges
from aldaba_cloud.members.terms import PlanVersion
from aldaba_cloud.money import TaxZone
from aldaba_cloud.pricing.models import Days, PriceLine
from aldaba_cloud.pricing.prorate import billed_days, later_end, month_of, months_from, part, refund, rest, upgrade
from aldaba_cloud.pricing.tax import taxed
from aldaba_shared.ids import ContractId, SiteId

NOVEMBER = Days(date(2026, 11, 1), date(2026, 11, 30))
YEAR = Days(date(2027, 3, 1), date(2028, 2, 29))


@pytest.mark.feature(12)
@pytest.mark.parametrize(
    ("price", "days", "first", "second"),
    [
        pytest.param(22999, 15, 11500, 11499, id="229.99 split 15/15: the second part is 114.99"),
        pytest.param(23000, 11, 8433, 14567, id="11/30 of 230.00"),
        pytest.param(1, 15, 1, 0, id="a cent is not split"),
        pytest.param(100, 0, 0, 100, id="no day costs nothing"),
        pytest.param(100, 30, 100, 0, id="all days cost the price"),
    ],
)
def test_the_complement_is_a_difference(price: int, days: int, first: int, second: int) -> None:
    assert (part(price, NOVEMBER, days), rest(price, NOVEMBER, days)) == (first, second)


@pytest.mark.feature(43)
def test_joining_on_20_november_on_230_costs_102_04() -> None:
    bill = taxed([PriceLine("", "", part(23000, NOVEMBER, 11))], TaxZone.IVA)
    assert (bill.net_cents, bill.tax_cents, bill.total_cents) == (8433, 1771, 10204)


def test_an_anchor_of_31_keeps_its_day_and_clamps() -> None:
    assert [(str(one.first), str(one.last)) for one in islice(months_from(date(2027, 1, 31), 31), 3)] == [
        ("2027-01-31", "2027-02-27"),
        ("2027-02-28", "2027-03-30"),
        ("2027-03-31", "2027-04-29"),
    ]


def test_an_annual_price_of_2400_refunds_1193_44_for_182_unused_days() -> None:
    assert len(YEAR) == 366
    assert refund(240000, YEAR, YEAR.last - timedelta(days=182)) == 119344


@pytest.mark.feature(13)
def test_an_upgrade_from_180_to_300_on_the_16th_is_60_net() -> None:
    change = upgrade(18000, 30000, NOVEMBER, date(2026, 11, 16))
    assert (change.days, change.credit_cents, change.charge_cents, change.net_cents) == (15, 9000, 15000, 6000)


@pytest.mark.feature(73)
def test_a_pause_bills_nothing_and_moves_the_commitments_end_by_its_days() -> None:
    pause = Days(date(2026, 11, 10), date(2026, 11, 19))
    assert billed_days(NOVEMBER, NOVEMBER, [pause]) == 20
    assert later_end(date(2027, 6, 30), pause) == date(2027, 7, 10)


STARTS = st.dates(date(2024, 1, 1), date(2028, 12, 31))
PRICES = st.one_of(st.sampled_from([22999, 1, 99, 100_003]), st.integers(0, 5_000_000))


@pytest.mark.feature(12)
@given(start=STARTS, anchor=st.integers(1, 31), price=PRICES)
def test_any_start_and_any_price_sum_to_the_price(start: date, anchor: int, price: int) -> None:
    period = month_of(start, anchor)
    used = len(Days(start, period.last))
    event(f"{len(period)} days a month")
    event("the first day" if start == period.first else "later")
    assert part(price, period, used) + rest(price, period, used) == price
    assert 0 <= rest(price, period, used) <= price
    # The remainder is what the other days cost, give or take the one rounding.
    assert abs(rest(price, period, used) - part(price, period, len(period) - used)) <= 1


@pytest.mark.feature(12)
@given(start=STARTS, anchor=st.integers(1, 31), price=PRICES, cut=st.integers(0, 400))
def test_whatever_is_billed_when_the_days_of_a_contract_are_billed_once(
    start: date, anchor: int, price: int, cut: int
) -> None:
    """A run each month, or one run for many: the same days and the same cents."""
    version = PlanVersion("v", "p", 1, price)
    whole = Billable(ContractId("k"), SiteId("s"), "Flex", "", start, anchor, [(start, version)])
    horizon = start + timedelta(days=400)
    at_once = list(charges(whole, horizon))
    first = list(charges(whole, start + timedelta(days=cut)))
    through = {"plan": first[-1].days.last}
    later = list(charges(replace(whole, billed_through=through), horizon))
    event("caught up in one" if not later else "in two")
    assert [one.days for one in (*first, *later)] == [one.days for one in at_once]
    assert [line.cents for one in (*first, *later) for line in one.lines] == [
        line.cents for one in at_once for line in one.lines
    ]
    assert all(line.cents == price for one in at_once[1:] for line in one.lines)
