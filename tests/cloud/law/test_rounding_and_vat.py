"""Rounding and VAT: per rate, half up, and gross prices paid to the cent."""

from dataclasses import replace

import pytest

from aldaba_cloud.billing import service, store
from aldaba_cloud.billing.models import InvoiceKind
from aldaba_cloud.members.terms import Address, BillTo, TaxIdKind
from aldaba_cloud.money import TaxZone, VatKind, percent_of
from aldaba_cloud.pricing.models import PriceLine, Reduction, by_time, reduced
from aldaba_cloud.pricing.tax import taxed
from aldaba_shared.ids import SiteId
from tests.cloud.billed_space import ISSUER, BilledSpace
from tests.cloud.conftest import BARCELONA, GIRONA

STANDARD, CATERING = VatKind.STANDARD, VatKind.CATERING


@pytest.mark.feature(10)
@pytest.mark.parametrize(
    ("lines", "zone", "net", "tax"),
    [
        pytest.param([(35, STANDARD, False)] * 3, TaxZone.IVA, 105, 22, id="3 x 0.35 at 21 % is 0.22, not 3 x 0.07"),
        pytest.param([(1250, STANDARD, False)], TaxZone.IVA, 1250, 263, id="12.50 at 21 % is 2.63"),
        pytest.param([(1000, STANDARD, True)], TaxZone.IVA, 826, 174, id="10.00 with tax in it is 8.26 + 1.74"),
        pytest.param([(2500, STANDARD, True)] * 7, TaxZone.IVA, 14463, 3037, id="seven day passes at 25.00"),
        pytest.param([(10000, STANDARD, False)], TaxZone.IGIC, 10000, 700, id="the Canaries: IGIC 7 %"),
        pytest.param([(10000, CATERING, False)], TaxZone.IVA, 10000, 1000, id="catering: 10 %"),
        pytest.param([(10000, STANDARD, False), (1000, CATERING, False)], TaxZone.IVA, 11000, 2200, id="two rates"),
        pytest.param([(10000, VatKind.OUTSIDE, False)], TaxZone.IVA, 10000, 0, id="a deposit is outside the tax"),
    ],
)
def test_tax_to_the_cent(lines: list[tuple[int, VatKind, bool]], zone: TaxZone, net: int, tax: int) -> None:
    bill = taxed([PriceLine("", "", cents, vat, gross=gross) for cents, vat, gross in lines], zone)
    assert (bill.net_cents, bill.tax_cents) == (net, tax)
    assert sum(one.cents for one in bill.lines) == net


def test_the_spare_cent_goes_to_the_largest_line() -> None:
    bill = taxed([PriceLine("", "", cents, gross=True) for cents in (1000, 1000, 2500)], TaxZone.IVA)
    alone = [826, 826, 2066]
    assert [one.cents for one in bill.lines][:2] == alone[:2]
    assert bill.net_cents == 3719
    assert bill.lines[2].cents == 3719 - 2 * 826


@pytest.mark.feature(44)
def test_the_order_of_discounts_is_percentage_then_amounts() -> None:
    off = reduced(
        PriceLine("year", "12 x 230.00", 12 * 23000), [Reduction("referral", 0, 2000), Reduction("year", 1000)]
    )
    assert [one.cents for one in off] == [-27600, -2000]
    assert 12 * 23000 + sum(one.cents for one in off) == 246400
    assert [one.rule for one in off] == ["-10 %", "-20.00"]


@pytest.mark.parametrize(("cents", "rate", "tax"), [(1250, 2100, 263), (-1250, 2100, -263), (50, 100, 1), (49, 100, 0)])
def test_halves_go_up_away_from_nothing(cents: int, rate: int, tax: int) -> None:
    assert percent_of(cents, rate) == tax


def test_half_an_hour_of_credit_left_makes_an_hour_at_25_cost_15_13() -> None:
    used, cents = by_time(60, 2500, credit_minutes=30)
    bill = taxed([PriceLine("", "", cents)], TaxZone.IVA)
    assert (used, bill.net_cents, bill.tax_cents, bill.total_cents) == (30, 1250, 263, 1513)


@pytest.mark.parametrize(
    ("kind", "number", "country"),
    [
        pytest.param(TaxIdKind.EU_VAT, "DE136695976", "DE", id="a German business: no reverse charge"),
        pytest.param(TaxIdKind.PASSPORT, "X123", "US", id="somebody from overseas"),
        pytest.param(TaxIdKind.CIF, "B12345674", "ES", id="a Spanish company: nothing is withheld"),
    ],
)
def test_space_on_spanish_ground_carries_iva_for_everybody(
    space: BilledSpace, kind: TaxIdKind, number: str, country: str
) -> None:
    buyer = BillTo("h", "Buyer", kind, number, Address("Street 1", "10115", "Town", country))
    made = service.draft(space.work, BARCELONA, buyer, [PriceLine("Desk", "", 10000)])
    assert (made.head.net_cents, made.head.tax_cents, made.head.total_cents) == (10000, 2100, 12100)


@pytest.mark.parametrize(("site", "zone", "tax", "series"), [
    (BARCELONA, TaxZone.IVA, 2100, "BCN-2026-000001"),
    (GIRONA, TaxZone.IGIC, 700, "LPA-2026-000001"),
])  # fmt: skip
def test_tax_zone_and_series_follow_the_site(
    space: BilledSpace, site: SiteId, zone: TaxZone, tax: int, series: str
) -> None:
    canary = replace(ISSUER, id="iss_lpa", site=GIRONA, prefix="LPA", tax_zone=TaxZone.IGIC)
    store.add_issuer(space.work, canary)
    buyer = BillTo("h", "Ana", TaxIdKind.NIF, "12345678Z", site=site)
    made = service.draft(space.work, site, buyer, [PriceLine("Desk", "", 10000)])
    assert (made.issuer.tax_zone, made.head.tax_cents) == (zone, tax)
    assert service.finalise(space.work, made.head.id).number == series
    assert made.head.kind is InvoiceKind.INVOICE
