"""Money is integer cents, in one place, rounded half to even where a share does not divide."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class Euros:
    """An amount in cents; there is no other way to hold one.

    >>> str(Euros(123456))
    '1,234.56 €'
    """

    cents: int

    def __add__(self, other: Self) -> Self:
        """Add exactly."""
        return type(self)(self.cents + other.cents)

    def __sub__(self, other: Self) -> Self:
        """Subtract exactly."""
        return type(self)(self.cents - other.cents)

    def __str__(self) -> str:
        return f"{self.cents / 100:,.2f} €"

    def share(self, part: int, whole: int) -> Self:
        """A part of a whole, such as 12 of 31 days, to the cent.

        >>> Euros(10000).share(1, 3)
        Euros(cents=3333)
        """
        exact = Decimal(self.cents) * part / whole
        return type(self)(int(exact.quantize(Decimal(1), ROUND_HALF_EVEN)))
