"""The documents say every reason, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

from aldaba_shared.reasons import Reason

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "changelog.d").glob("*.md")),
]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_to_our_own_files_leads_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_in_the_glossary(reason: Reason) -> None:
    assert re.search(rf"\b{reason.name}\b", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert {path.name for path in folder.glob("[0-9]*.md")} - listed == set()
