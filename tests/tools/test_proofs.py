"""What a document says is proved names a test that is there."""

from pathlib import Path

import pytest

from tools import proofs

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
HEAD = "| what | standing | proof |\n|---|---|---|\n"
LINK = "[test_a_door](test_door.py)"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_test_a_document_names_is_there(page: Path) -> None:
    assert list(proofs.problems(page)) == []


@pytest.mark.parametrize("name", ["door-in-full.md", "en-60839-11-1.md"])
def test_the_pages_that_prove_have_rows(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8").count("| done |") > 5


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("[test_no_door](test_door.py)", "page.md:1: test_door.py has no test test_no_door", id="renamed"),
        pytest.param("[test_a_door](test_gone.py)", "page.md:1: test_gone.py has no test test_a_door", id="moved"),
        pytest.param(
            f"{HEAD}| doors | done | surely |", "page.md:3: 'doors' is called done and names no test", id="no test"
        ),
        pytest.param(
            f"{HEAD}| doors | partly | {LINK} |", "page.md:3: 'doors' does not say what is lacking", id="no words"
        ),
        pytest.param(
            f"{HEAD}| doors | soon | {LINK} |", "page.md:3: 'doors' is 'soon'; say done, partly, not", id="other word"
        ),
        pytest.param(f"{HEAD}| doors | done |", "page.md:3: 2 cells, 3 are a row", id="a cell too few"),
    ],
)
def test_what_the_tests_do_not_bear_out_is_said(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "test_door.py").write_text("def test_a_door(): ...\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    assert list(proofs.problems(page)) == [complaint]


def test_a_true_page_has_nothing_said_against_it(tmp_path: Path) -> None:
    (tmp_path / "test_door.py").write_text("class TestDoor:\n    async def test_a_door(self): ...\n", encoding="utf-8")
    page = tmp_path / "page.md"
    rows = f"| doors | done | {LINK} |\n| bells | partly | no bell rings; {LINK} |\n| gates | not | none |\n"
    page.write_text(f"{HEAD}{rows}\n| a | b |\n|---|---|\n| 1 | 2 |\n", encoding="utf-8")
    assert list(proofs.problems(page)) == []
