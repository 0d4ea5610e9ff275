import json
from pathlib import Path

import pytest

from bench.harness import ROUNDS, Case, Samples, measure, p99, table, write


def always(seconds: float) -> Samples:
    return [seconds] * 10


def test_a_figure_is_the_median_beside_floor_and_peer() -> None:
    figure, missed = measure(
        Case("decide", lambda: [1e-6, 2e-6, 90e-6], lambda: always(1e-6), lambda: always(8e-6), reach=2.0)
    )
    assert (figure.ours, figure.floor, figure.peer) == (2.0, 1.0, 8.0)
    assert (figure.ratio_to_floor, figure.ratio_to_peer) == (2.0, 0.25)
    assert (figure.p99, figure.n) == (90.0, 3 * ROUNDS)
    assert missed == []


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case("c", lambda: always(3.0), lambda: always(1.0), reach=2.0), id="too slow for its floor"),
        pytest.param(
            Case("c", lambda: [1.0] * 9 + [5.0], lambda: always(1.0), reach=2.0, reach_p99=2.0), id="a tail too long"
        ),
        pytest.param(Case("c", lambda: always(0.3), at_most=0.25), id="over its bound"),
        pytest.param(Case("c", lambda: [0.1] * 9 + [3.0], at_most=0.25, p99_at_most=1.0), id="a tail over its bound"),
        pytest.param(Case("c", lambda: always(70e6), at_most=60e6, unit="MB"), id="too many bytes"),
    ],
)
def test_a_gate_can_fail_and_names_its_path(case: Case) -> None:
    _, missed = measure(case)
    assert len(missed) == 1
    assert missed[0].startswith("c: ")


def test_a_gate_allows_what_two_runs_of_the_same_code_differ_by() -> None:
    _, missed = measure(Case("c", lambda: always(2.2), lambda: always(1.0), reach=2.0))
    assert missed == []


def test_the_sides_take_turns_and_none_is_always_first() -> None:
    order: list[str] = []

    def side(name: str) -> Samples:
        order.append(name)
        return [1.0]

    measure(Case("c", lambda: side("ours"), lambda: side("floor")))
    assert len(order) == 2 * ROUNDS
    assert {tuple(order[turn : turn + 2]) for turn in range(0, 2 * ROUNDS, 2)} == {
        ("ours", "floor"),
        ("floor", "ours"),
    }


def test_the_table_and_the_file_say_the_same(tmp_path: Path) -> None:
    figure, _ = measure(Case("tap to relay", lambda: always(1e-3), unit="ms"))
    write([figure], tmp_path / "results.json")
    (kept,) = json.loads((tmp_path / "results.json").read_text())
    assert kept["name"] == "tap to relay"
    assert "tap to relay" in table([figure])
    assert p99([1.0, 2.0]) == 2.0
