"""Money is integer cents, in one place: rounding, parts, tax rates and how an amount is written.

Every amount is an `int` of cents in a name that ends in `_cents`; no float ever
touches one. Rounding is half up, away from zero, once (EN 16931, BR-CO-17 rounds
half up): 12.50 at 21 % is 2.63. A rest is a difference, never rounded alone, so
parts always sum.
"""

from enum import StrEnum
from typing import Final

WHOLE: Final = 10_000
"""A rate or a percentage is told in hundredths of a percent: 2100 is 21 %."""


class VatKind(StrEnum):
    """What sort of thing is sold, as far as tax goes; the rate itself follows the site's tax zone."""

    STANDARD = "standard"
    CATERING = "catering"
    EXEMPT = "exempt"
    OUTSIDE = "outside"
    """Outside the scope of tax: a deposit that is given back."""


class TaxZone(StrEnum):
    """Which indirect tax a site's sales carry."""

    IVA = "iva"
    IGIC = "igic"


RATES: Final[dict[tuple[TaxZone, VatKind], int]] = {
    (TaxZone.IVA, VatKind.STANDARD): 2100,
    (TaxZone.IVA, VatKind.CATERING): 1000,
    (TaxZone.IVA, VatKind.EXEMPT): 0,
    (TaxZone.IVA, VatKind.OUTSIDE): 0,
    (TaxZone.IGIC, VatKind.STANDARD): 700,
    (TaxZone.IGIC, VatKind.CATERING): 700,
    (TaxZone.IGIC, VatKind.EXEMPT): 0,
    (TaxZone.IGIC, VatKind.OUTSIDE): 0,
}
"""Ley 37/1992 art. 90 and 91 (IVA); Ley 4/2012 of the Canary Islands art. 51 (IGIC), as of November 2026."""


def half_up(numerator: int, denominator: int) -> int:
    """A quotient to the nearest whole, halves away from zero; the denominator is positive.

    >>> [half_up(n, 2) for n in (3, -3, 4)]
    [2, -2, 2]
    """
    whole = (2 * abs(numerator) + denominator) // (2 * denominator)
    return whole if numerator >= 0 else -whole


def share(cents: int, part: int, whole: int) -> int:
    """A part of an amount, such as 11 of 30 days, to the cent; the other part is the difference.

    >>> share(23000, 11, 30)
    8433
    """
    return half_up(cents * part, whole)


def percent_of(cents: int, rate: int) -> int:
    """A rate in hundredths of a percent of an amount, to the cent.

    >>> percent_of(1250, 2100)
    263
    """
    return half_up(cents * rate, WHOLE)


def rate_of(zone: TaxZone, kind: VatKind) -> int:
    """The rate of a kind of sale in a tax zone, in hundredths of a percent."""
    return RATES[zone, kind]


def amount(cents: int) -> str:
    """An amount as files for machines want it.

    >>> amount(-123456)
    '-1234.56'
    """
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"
