"""Taking over from the product used before: nothing is billed twice, no number comes again."""

from collections.abc import Iterator
from datetime import date

import pytest

from aldaba_cloud.billing.month_run import invoice_month
from aldaba_cloud.billing.numbering import continue_series
from aldaba_cloud.billing.takeover import ColumnsMissing, read_rows, take_rows
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.members.terms import Extra, ExtraKind
from aldaba_shared.ids import ContractId
from tests.cloud.billed_space import BilledSpace
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK

DECEMBER = date(2026, 12, 1)
FILE = "kind;name;value\ncontract;k-ana;2026-11-30\nseries;BCN-2026;411\n"


@pytest.fixture
def space(database: Database) -> Iterator[BilledSpace]:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build()
        locker = Extra("x1", ContractId(""), ExtraKind.LOCKER, "locker 12", 1000, date(2026, 3, 1))
        space.join("ana", starts_on=date(2026, 3, 1), extras=[locker])
        yield space


def results(space: BilledSpace, text: str) -> list[str]:
    return [one.result for one in take_rows(space.work, BARCELONA, read_rows(text))]


@pytest.mark.feature(41)
def test_nothing_that_was_billed_before_is_billed_again_and_the_series_goes_on(space: BilledSpace) -> None:
    assert results(space, FILE) == ["taken", "taken"]
    assert results(space, FILE) == ["known", "known"]
    run = invoice_month(space.work, BARCELONA, DECEMBER, DECEMBER)
    assert [(one.number, one.net_cents) for one in run.proposed] == [("BCN-2026-000412", 24000)]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        pytest.param("contract;k-nobody;2026-11-30", "no contract 'k-nobody'", id="nobody's contract"),
        pytest.param("contract;k-ana;30/11/2026", "is no day", id="a day in another form"),
        pytest.param("contract;k-ana;2026-02-01", "begins on 2026-03-01", id="before it began"),
        pytest.param("series;BCN-2026;BCN-411", "is no number", id="a printed number"),
        pytest.param("series;;4", "which series", id="no series"),
        pytest.param("invoice;1;2", "no kind 'invoice'", id="another kind"),
    ],
)
def test_a_row_that_is_wrong_is_named_with_its_line(space: BilledSpace, row: str, why: str) -> None:
    good, bad = take_rows(space.work, BARCELONA, read_rows(f"kind;name;value\nseries;BCN-2026;9\n{row}\n"))
    assert (good.result, good.wrong) == ("taken", False)
    assert (bad.line, bad.wrong) == (3, True)
    assert why in bad.result


def test_what_has_begun_here_is_not_taken_over(space: BilledSpace) -> None:
    continue_series(space.work, BARCELONA, "BCN-2026", 10)
    invoice_month(space.work, BARCELONA, date(2026, 3, 1), DECEMBER)
    told = results(space, FILE)
    assert "later" in told[0]
    assert "only before its first document" in told[1]


def test_a_file_without_the_columns_is_told_which() -> None:
    with pytest.raises(ColumnsMissing, match="kind, name, value"):
        read_rows("a;b\n1;2\n")
