"""How a figure is made: interleaved rounds, medians, and a gate that is a ratio.

Absolute times move by a factor of two between two machines of the same kind, and
between two minutes on one of them. So ours, the floor and the peer take turns
within each round, and what is held is the ratio of the medians. Everything is a
time per operation: lower is better in every row.
"""

import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

Samples: TypeAlias = list[float]
"""Seconds per operation, one for each operation that was timed."""

Run: TypeAlias = Callable[[], Samples]
"""One round of one side, with its own correctness check inside."""

ROUNDS = 5
TOLERANCE = 1.15
"""Two runs of the same code differ by up to this on shared cores."""


@dataclass(frozen=True)
class Case:
    """A figure: what is done, by whom, and the ratio to the floor that must hold."""

    name: str
    ours: Run
    floor: Run | None = None
    peer: Run | None = None
    peer_name: str = ""
    reach: float | None = None
    """Ours over floor, medians; None where no floor stands."""
    reach_p99: float | None = None
    at_most: float | None = None
    """An absolute bound on the median, in seconds or bytes."""
    p99_at_most: float | None = None
    """The same on the 99th percentile."""
    unit: str = "us"
    rounds: int = ROUNDS


UNITS = {"us": 1e6, "ms": 1e3, "s": 1.0, "MB": 1e-6, "B": 1.0}
"""Samples are seconds, or bytes where the unit is MB or B."""


@dataclass(frozen=True)
class Figure:
    """What a case measured, in the unit it names."""

    name: str
    ours: float
    floor: float | None
    peer: float | None
    unit: str
    ratio_to_floor: float | None
    ratio_to_peer: float | None
    p99: float
    n: int


def timed(operation: Callable[[], object], times: int) -> Samples:
    """Time an operation that many times, each on its own."""
    samples = []
    for _ in range(times):
        start = perf_counter()
        operation()
        samples.append(perf_counter() - start)
    return samples


def p99(samples: Samples) -> float:
    """The 99th percentile; the greatest where there are too few to have one."""
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * 0.99))]


def measure(case: Case) -> tuple[Figure, list[str]]:
    """Run a case and say which of its gates did not hold."""
    sides: dict[str, Run] = {"ours": case.ours}
    sides |= {"floor": case.floor} if case.floor else {}
    sides |= {"peer": case.peer} if case.peer else {}
    samples: dict[str, Samples] = {name: [] for name in sides}
    names = list(sides)
    for turn in range(case.rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            samples[name] += sides[name]()
    return _figure(case, samples), list(_missed(case, samples))


def _figure(case: Case, samples: dict[str, Samples]) -> Figure:
    scale = UNITS[case.unit]
    medians = {name: statistics.median(values) for name, values in samples.items()}
    ours, floor, peer = medians["ours"], medians.get("floor"), medians.get("peer")
    return Figure(
        case.name,
        round(ours * scale, 2),
        round(floor * scale, 2) if floor else None,
        round(peer * scale, 2) if peer else None,
        case.unit,
        round(ours / floor, 2) if floor else None,
        round(ours / peer, 3) if peer else None,
        round(p99(samples["ours"]) * scale, 2),
        len(samples["ours"]),
    )


def _missed(case: Case, samples: dict[str, Samples]) -> Iterable[str]:
    ours, scale = statistics.median(samples["ours"]), UNITS[case.unit]
    if case.at_most is not None and ours > case.at_most * TOLERANCE:
        yield f"{case.name}: {ours * scale:.1f} {case.unit}, {case.at_most * scale:g} wanted"
    worst = p99(samples["ours"])
    if case.p99_at_most is not None and worst > case.p99_at_most * TOLERANCE:
        yield f"{case.name}: p99 {worst * scale:.1f} {case.unit}, {case.p99_at_most * scale:g} wanted"
    if "floor" not in samples:
        return
    ratio = ours / statistics.median(samples["floor"])
    if case.reach is not None and ratio > case.reach * TOLERANCE:
        yield f"{case.name}: {ratio:.2f} x the floor, {case.reach} x wanted"
    tail = worst / p99(samples["floor"])
    if case.reach_p99 is not None and tail > case.reach_p99 * TOLERANCE:
        yield f"{case.name}: its p99 is {tail:.2f} x the floor's, {case.reach_p99} x wanted"


def table(figures: Iterable[Figure]) -> str:
    """The figures for a person."""
    lines = [f"{'path':<34}{'ours':>10}{'floor':>10}{'peer':>10}  unit{'/floor':>8}{'/peer':>8}{'p99':>10}{'n':>8}"]
    for figure in figures:
        cells = (figure.ours, figure.floor, figure.peer)
        numbers = "".join(f"{'-' if cell is None else cell:>10}" for cell in cells)
        ratios = "".join(f"{'-' if r is None else r:>8}" for r in (figure.ratio_to_floor, figure.ratio_to_peer))
        lines.append(f"{figure.name:<34}{numbers}  {figure.unit:<4}{ratios}{figure.p99:>10}{figure.n:>8}")
    return "\n".join(lines)


def write(figures: Iterable[Figure], path: Path) -> None:
    """The figures for a program."""
    path.write_text(json.dumps([vars(figure) for figure in figures], indent=1) + "\n")
