"""What is committed as reference is what the code says."""

from pathlib import Path

import pytest

from aldaba_shared.reasons import SENTENCES, Reason
from tools import docs, reference


def test_a_page_that_differs_is_missing_or_forgotten_is_found_and_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert docs.main([], tmp_path) == 0
    assert docs.main(["--check"], tmp_path) == 0
    (tmp_path / "reasons.md").write_text("Old.\n")
    (tmp_path / "gone.md").write_text("A command that no longer exists.\n")
    assert docs.main(["--check"], tmp_path) == 1
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [
        "docs/reference/gone.md",
        "docs/reference/reasons.md",
    ]
    docs.main([], tmp_path)
    assert docs.main(["--check"], tmp_path) == 0


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_documented_with_its_sentences(reason: Reason) -> None:
    row = next(line for line in reference.reasons().splitlines() if line.startswith(f"| `{reason}` |"))
    assert all(sentence in row for sentence in SENTENCES[reason].values())


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert reference.table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"
