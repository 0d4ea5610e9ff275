"""What the documents call done has a test, or the build says so."""

from dataclasses import replace
from pathlib import Path

import pytest

from tools import features
from tools.features import Claim, Row

DOCUMENT = (features.ROOT / "docs" / "features.md").read_text(encoding="utf-8")
ROWS = [Row(number, f"line {number}", "good", "planned") for number in range(1, features.ROWS + 1)]

MODULE = """
import pytest
pytestmark = [pytest.mark.feature(4)]

@pytest.mark.feature(36)
@pytest.mark.feature(37, 35)
async def test_two_claims(): ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.feature(9))])
def test_a_case_claims(x): ...

class TestDoor:
    @pytest.mark.feature(NUMBER)
    def test_no_number(self): ...
"""


def test_the_document_has_every_row_of_the_seed_once_and_in_order() -> None:
    rows, wrong = features.read_rows(DOCUMENT)
    assert wrong == []
    assert [row.number for row in rows] == list(range(1, 186))
    assert all(row.seed_line and row.good for row in rows)


def test_claims_are_read_without_running_the_tests() -> None:
    assert features.read_claims("tests/t.py", MODULE) == [
        Claim("tests/t.py", 4),
        Claim("tests/t.py::test_two_claims", 36),
        Claim("tests/t.py::test_two_claims", 37),
        Claim("tests/t.py::test_two_claims", 35),
        Claim("tests/t.py::test_a_case_claims", 9),
        Claim("tests/t.py::TestDoor::test_no_number", None),
    ]


@pytest.mark.parametrize(
    ("rows", "claims", "complaint"),
    [
        pytest.param(
            [replace(ROWS[0], status="done"), *ROWS[1:]],
            [Claim("t", 2)],
            "row 1 is called done and no test carries @pytest.mark.feature(1)",
            id="done without a test",
        ),
        pytest.param(
            ROWS,
            [Claim("t", 186)],
            "t claims row 186, which is no row; give a number of docs/features.md",
            id="a row nobody asked for",
        ),
        pytest.param(
            ROWS,
            [Claim("t", None)],
            "t claims row None, which is no row; give a number of docs/features.md",
            id="not a number",
        ),
        pytest.param([*ROWS, ROWS[6]], [], "row 7 stands 2 times", id="doubled"),
        pytest.param(ROWS[:-1], [], "row 185 is missing", id="lost"),
        pytest.param(
            [*ROWS, replace(ROWS[0], number=186)], [], "row 186 is not one of the seed's 185", id="one too many"
        ),
        pytest.param(
            [replace(ROWS[0], status="soon"), *ROWS[1:]],
            [],
            "row 1 is 'soon'; say done, started, planned",
            id="an unknown word",
        ),
    ],
)
def test_what_makes_the_table_untrue_is_said(rows: list[Row], claims: list[Claim], complaint: str) -> None:
    assert list(features.problems(rows, claims)) == [complaint]


def test_a_true_table_has_nothing_said_against_it() -> None:
    assert list(features.problems([replace(ROWS[0], status="done"), *ROWS[1:]], [Claim("t", 1)])) == []


def test_a_row_with_a_cell_too_many_is_not_read_as_something_else() -> None:
    assert features.read_rows("| 3 | a | b | c | done |\n") == ([], ["docs/features.md:1: 5 cells, 4 are a row"])


def test_every_row_is_printed_with_its_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "features.md").write_text(DOCUMENT, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_b.py").write_text("@pytest.mark.feature(40)\ndef test_b(): ...\n")
    features.main([], tmp_path)
    lines = capsys.readouterr().out.splitlines()
    row = next(at for at, line in enumerate(lines) if line.startswith("  40 "))
    assert lines[row + 1].strip() == "tests/test_b.py::test_b"
    assert sum(line[:4].strip().isdigit() and not line.startswith("185 rows") for line in lines) == 185
