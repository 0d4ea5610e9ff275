"""A release is made of fragments, and a fragment nobody could place is refused."""

from pathlib import Path

import pytest

from tools import changelog


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\nWords.\n\n## 0.1.0 (2026-11-01)\n\n- Old.\n")
    fragments = tmp_path / "changelog.d"
    fragments.mkdir()
    (fragments / "README.md").write_text("How to.\n")
    (fragments / "7.fixed.md").write_text("A door that\nstuck.\n")
    (fragments / "turnstile.added.md").write_text("Turnstiles.\n")
    return tmp_path


def test_a_release_stands_above_the_older_ones_and_uses_up_its_fragments(project: Path) -> None:
    assert changelog.main(["0.2.0", "2026-12-01"], project) == 0
    assert (project / "CHANGELOG.md").read_text() == (
        "# Changelog\n\nWords.\n\n## 0.2.0 (2026-12-01)\n\n### Added\n\n- Turnstiles.\n\n"
        "### Fixed\n\n- A door that\n  stuck.\n\n## 0.1.0 (2026-11-01)\n\n- Old.\n"
    )
    assert [path.name for path in (project / "changelog.d").iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        pytest.param(["0.2", "2026-12-01"], "1.added.md", id="half a version"),
        pytest.param(["0.2.0"], "1.added.md", id="no date"),
        pytest.param(["0.2.0", "2026-12-01"], "1.improved.md", id="a kind nobody knows"),
    ],
)
def test_what_cannot_be_released_changes_nothing(project: Path, arguments: list[str], name: str) -> None:
    (project / "changelog.d" / name).write_text("News.\n")
    before = (project / "CHANGELOG.md").read_text()
    assert changelog.main(arguments, project) == 2
    assert (project / "CHANGELOG.md").read_text() == before
    assert (project / "changelog.d" / name).exists()


def test_every_fragment_that_waits_can_be_released() -> None:
    folder = changelog.ROOT / "changelog.d"
    changelog.read_fragments({p.name: p.read_text() for p in folder.glob("*.md") if p.name != "README.md"})
