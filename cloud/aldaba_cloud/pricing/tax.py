"""Tax of an invoice: per rate on the sum of its net lines, never per line (EN 16931, BR-CO-17).

Where prices include tax the payer pays exactly what was told: net is the gross
sum over one and the rate, tax the difference, which may lie a cent beside rate
times net (10.00 is 8.26 + 1.74). Each line's net is rounded alone and the spare
cents go to the largest line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from aldaba_cloud.money import WHOLE, TaxZone, VatKind, half_up, percent_of, rate_of
from aldaba_cloud.pricing.models import PriceLine


@dataclass(frozen=True, slots=True)
class RateTotal:
    """One rate of an invoice: what it is on, and how much it is."""

    vat: VatKind
    rate: int
    net_cents: int
    tax_cents: int


@dataclass(frozen=True, slots=True)
class Taxed:
    """Lines with their amounts net, and the tax by rate."""

    lines: tuple[PriceLine, ...]
    totals: tuple[RateTotal, ...]

    @property
    def net_cents(self) -> int:
        """The sum of the lines."""
        return sum(one.net_cents for one in self.totals)

    @property
    def tax_cents(self) -> int:
        """The sum of the tax."""
        return sum(one.tax_cents for one in self.totals)

    @property
    def total_cents(self) -> int:
        """What is to be paid."""
        return self.net_cents + self.tax_cents


def taxed(lines: Sequence[PriceLine], zone: TaxZone) -> Taxed:
    """Work the tax of lines out, in a tax zone; lines keep their order."""
    nets, totals = amounts(tuple((one.cents, one.vat, one.gross) for one in lines), zone)
    net = (replace(one, cents=cents, gross=False) for one, cents in zip(lines, nets, strict=True))
    return Taxed(tuple(net), totals)


@lru_cache(maxsize=4096)
def amounts(
    lines: tuple[tuple[int, VatKind, bool], ...], zone: TaxZone
) -> tuple[tuple[int, ...], tuple[RateTotal, ...]]:
    """The net of each line and the tax by rate, from (cents, kind, gross) alone.

    A month's run asks for the same few lines thousands of times.
    """
    net = [cents for cents, _, _ in lines]
    totals = []
    for vat in dict.fromkeys(kind for _, kind, _ in lines):
        rate = rate_of(zone, vat)
        mine = [at for at, (_, kind, _) in enumerate(lines) if kind is vat]
        gross = [at for at in mine if lines[at][2]]
        for at, cents in zip(gross, _nets([lines[at][0] for at in gross], rate), strict=True):
            net[at] = cents
        base = sum(net[at] for at in mine)
        inside = sum(lines[at][0] - net[at] for at in gross)
        beside = percent_of(base - sum(net[at] for at in gross), rate)
        totals.append(RateTotal(vat, rate, base, inside + beside))
    return tuple(net), tuple(totals)


def _nets(gross: Sequence[int], rate: int) -> list[int]:
    """Nets that sum to the net of the sum; the largest line takes the spare cents."""
    if not gross:
        return []
    nets = [half_up(cents * WHOLE, WHOLE + rate) for cents in gross]
    spare = half_up(sum(gross) * WHOLE, WHOLE + rate) - sum(nets)
    largest = max(range(len(gross)), key=lambda at: abs(gross[at]))
    nets[largest] += spare
    return nets
