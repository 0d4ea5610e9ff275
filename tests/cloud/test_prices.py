"""Prices to the cent: parts of periods, upgrades, refunds, discounts and tax (rules of money and law)."""

from datetime import date, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_cloud.money import TaxZone, VatKind, half_up
from aldaba_cloud.pricing.models import Days, PriceLine, Reduction, by_time, reduced
from aldaba_cloud.pricing.prorate import (
    anchor_in,
    billed_days,
    later_end,
    month_of,
    months_from,
    part,
    refund,
    rest,
    upgrade,
    year_of,
)
from aldaba_cloud.pricing.tax import taxed

NOVEMBER = Days(date(2026, 11, 1), date(2026, 11, 30))
DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31))
PRICES = st.integers(1, 10_000_000)


@pytest.mark.feature(43)
def test_who_joins_on_20_november_pays_eleven_thirtieths() -> None:
    owed = part(23000, NOVEMBER, billed_days(NOVEMBER, Days(date(2026, 11, 20), date.max)))
    bill = taxed([PriceLine("Flex", "11/30", owed)], TaxZone.IVA)
    assert (bill.net_cents, bill.tax_cents, bill.total_cents) == (8433, 1771, 10204)


def test_the_other_half_of_an_odd_price_is_the_difference() -> None:
    assert (part(22999, NOVEMBER, 15), rest(22999, NOVEMBER, 15)) == (11500, 11499)


def test_an_anchor_on_the_31st_clamps_and_comes_back() -> None:
    told = [(str(one.first), str(one.last)) for one in islice(months_from(date(2027, 1, 31), 31), 3)]
    assert told == [("2027-01-31", "2027-02-27"), ("2027-02-28", "2027-03-30"), ("2027-03-31", "2027-04-29")]


def test_an_annual_price_refunds_its_unused_days() -> None:
    year = year_of(date(2027, 6, 1), date(2027, 3, 1))
    assert (len(year), str(year.last)) == (366, "2028-02-29")
    assert refund(240000, year, year.last - timedelta(days=182)) == 119344


@pytest.mark.feature(13)
def test_an_upgrade_on_the_16th_bills_the_day_once_at_the_new_price() -> None:
    change = upgrade(18000, 30000, NOVEMBER, date(2026, 11, 16))
    assert (change.credit_cents, change.charge_cents, change.net_cents) == (9000, 15000, 6000)


@pytest.mark.feature(73)
def test_a_pause_bills_nothing_and_moves_the_commitment() -> None:
    january = Days(date(2027, 1, 1), date(2027, 1, 31))
    assert billed_days(january, Days(date(2026, 1, 1), date.max), [january]) == 0
    assert later_end(date(2027, 6, 30), january) == date(2027, 7, 31)


@pytest.mark.feature(44)
def test_rates_come_off_before_amounts() -> None:
    year = PriceLine("12 months", "12 x 230.00", 12 * 23000)
    off = reduced(year, [Reduction("referral", amount_cents=2000), Reduction("a year at once", rate=1000)])
    assert sum(one.cents for one in [year, *off]) == 246400


def test_a_discount_never_pays_the_member() -> None:
    line = PriceLine("day", "", 1000)
    assert sum(one.cents for one in [line, *reduced(line, [Reduction("gift", amount_cents=2000)])]) == 0


@pytest.mark.feature(5)
def test_ninety_minutes_at_thirty_an_hour_cost_54_45_with_tax() -> None:
    _, cents = by_time(90, 3000)
    bill = taxed([PriceLine("Room", "30.00 an hour", cents)], TaxZone.IVA)
    assert (bill.net_cents, bill.tax_cents, bill.total_cents) == (4500, 945, 5445)


def test_half_an_hour_of_credit_halves_the_price_of_an_hour() -> None:
    used, cents = by_time(60, 2500, credit_minutes=30)
    bill = taxed([PriceLine("Room", "25.00 an hour", cents)], TaxZone.IVA)
    assert (used, bill.net_cents, bill.tax_cents, bill.total_cents) == (30, 1250, 263, 1513)


@pytest.mark.parametrize(
    ("cents", "zone", "vat", "tax"),
    [
        pytest.param([35, 35, 35], TaxZone.IVA, VatKind.STANDARD, 22, id="per rate, not per line"),
        pytest.param([1250], TaxZone.IVA, VatKind.STANDARD, 263, id="half a cent goes up"),
        pytest.param([10000], TaxZone.IGIC, VatKind.STANDARD, 700, id="the Canaries have 7 %"),
        pytest.param([10000], TaxZone.IVA, VatKind.CATERING, 1000, id="catering has 10 %"),
        pytest.param([10000], TaxZone.IVA, VatKind.OUTSIDE, 0, id="a deposit carries no tax"),
        pytest.param([-1250], TaxZone.IVA, VatKind.STANDARD, -263, id="a credit mirrors its invoice"),
    ],
)
def test_tax_is_on_the_sum_of_a_rate(cents: list[int], zone: TaxZone, vat: VatKind, tax: int) -> None:
    assert taxed([PriceLine("", "", one, vat) for one in cents], zone).tax_cents == tax


@pytest.mark.parametrize(("gross", "net", "tax"), [([1000], 826, 174), ([2500] * 7, 14463, 3037)])
@pytest.mark.feature(4)
def test_a_price_with_tax_in_it_is_paid_to_the_cent(gross: list[int], net: int, tax: int) -> None:
    bill = taxed([PriceLine("Day pass", "", one, gross=True) for one in gross], TaxZone.IVA)
    assert (bill.net_cents, bill.tax_cents, sum(one.cents for one in bill.lines)) == (net, tax, net)


@pytest.mark.feature(12)
@given(day=DAYS, anchor=st.integers(1, 31), price=PRICES)
def test_what_is_before_a_day_and_from_it_on_make_the_price(day: date, anchor: int, price: int) -> None:
    period = month_of(day, anchor)
    event(f"{len(period)} days")
    left = len(Days(day, period.last))
    first = part(price, period, left)
    assert first + rest(price, period, left) == price
    assert abs(first * len(period) - price * left) * 2 <= len(period)
    change = upgrade(price, price, period, day)
    assert abs(change.net_cents) <= 1


@given(day=DAYS, anchor=st.integers(1, 31))
def test_periods_follow_each_other_without_gap_twelve_a_year(day: date, anchor: int) -> None:
    thirteen = list(islice(months_from(day, anchor), 13))
    assert day in thirteen[0]
    assert all(one.last + timedelta(days=1) == two.first for one, two in pairwise(thirteen))
    assert thirteen[12].first == anchor_in(thirteen[0].first.year + 1, thirteen[0].first.month, anchor)


@given(gross=st.lists(st.integers(1, 1_000_000), min_size=1, max_size=30), zone=st.sampled_from(TaxZone))
def test_prices_with_tax_lose_no_cent(gross: list[int], zone: TaxZone) -> None:
    bill = taxed([PriceLine("", "", one, gross=True) for one in gross], zone)
    event("one line" if len(gross) == 1 else "lines")
    assert bill.total_cents == sum(gross)
    assert sum(one.cents for one in bill.lines) == bill.net_cents
    assert abs(bill.tax_cents - half_up(bill.net_cents * bill.totals[0].rate, 10000)) <= 1


@given(top=st.integers(-(10**12), 10**12), whole=st.integers(1, 10**6))
def test_rounding_is_within_half_and_mirrors(top: int, whole: int) -> None:
    assert half_up(-top, whole) == -half_up(top, whole)
    assert abs(2 * (half_up(top, whole) * whole - top)) <= whole
