import ast
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import aldaba_sim.oracle
from aldaba_sim.building import BARCELONA
from aldaba_sim.oracle import ALWAYS, Carrier, Hours, Judge, Offer, Paid, Truth

MADRID = ZoneInfo("Europe/Madrid")
NOON = datetime(2026, 11, 23, 12, tzinfo=MADRID)
HEARD = NOON - timedelta(minutes=1)
JUDGE = Judge(BARCELONA, "Europe/Madrid")
ANA = Carrier("ana", "hot_desk", Paid(date(2026, 11, 30), 5))
EVA = Carrier("eva", "staff", essential=True)
TRUTH = Truth(
    {"ana": ANA, "eva": EVA},
    {"hot_desk": Offer(("floor", "room-1"), "working"), "staff": Offer(("floor", "offices"), "always")},
    {"working": Hours({0: (8, 20)}), "always": ALWAYS},
)


def may(holder: str = "ana", door: str = "lane", at: datetime = NOON, truth: Truth = TRUTH) -> bool:
    return JUDGE.may_enter(truth, holder, door, at, at - timedelta(minutes=1))


def changed(**facts: object) -> Truth:
    return replace(TRUTH, carriers={"ana": replace(ANA, **facts)})  # type: ignore[arg-type] # facts of a Carrier


def test_who_has_paid_may_enter_every_door_on_the_way() -> None:
    assert may(door="street")
    assert may(door="lane")
    assert may(door="room-1")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        pytest.param({"holder": "bob"}, "nobody knows bob", id="a stranger"),
        pytest.param({"door": "offices"}, "not in the plan", id="a place that was not bought"),
        pytest.param({"at": NOON.replace(hour=20)}, "closing time is outside", id="at closing time"),
        pytest.param({"at": NOON + timedelta(days=1)}, "a Tuesday has no hours here", id="on a closed weekday"),
        pytest.param({"at": datetime(2026, 12, 6, 0, tzinfo=MADRID) + timedelta(days=1, hours=9)}, "paid", id="unpaid"),
        pytest.param({"truth": changed(card_taken_back=True)}, "the card was taken back", id="revoked"),
        pytest.param({"truth": changed(card_until=NOON)}, "the card ends at noon", id="card out of date"),
        pytest.param({"truth": replace(TRUTH, holidays=frozenset({NOON.date()}))}, "a holiday", id="on a holiday"),
    ],
)
def test_the_judge_refuses(asked: dict[str, object], why: str) -> None:
    assert not may(**asked), why  # type: ignore[arg-type] # a table of keyword arguments


def test_a_contract_is_good_until_its_last_day_of_patience_has_gone() -> None:
    last_day = datetime(2026, 12, 5, 12, tzinfo=MADRID)
    everyday = replace(TRUTH, hours={"working": ALWAYS, "always": ALWAYS})
    assert may(at=last_day, truth=everyday)
    assert not may(at=last_day + timedelta(hours=12), truth=everyday)


def test_a_door_that_heard_nothing_for_a_week_lets_only_the_essential_in() -> None:
    week_later = HEARD + timedelta(hours=168)
    assert not JUDGE.may_enter(TRUTH, "ana", "lane", week_later, HEARD)
    assert JUDGE.may_enter(TRUTH, "eva", "lane", week_later, HEARD)
    assert JUDGE.may_enter(TRUTH, "ana", "lane", week_later - timedelta(seconds=1), HEARD)


def test_the_judge_imports_nothing_of_what_it_judges() -> None:
    tree = ast.parse(Path(aldaba_sim.oracle.__file__).read_text())
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name for name in names if name.startswith("aldaba")} == {"aldaba_sim.building"}
