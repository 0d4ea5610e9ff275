"""Writes docs/reference/ from the code; with `--check`, says whether what is committed is what the code says."""

import sys
from collections.abc import Mapping
from pathlib import Path

from tools.reference import all_pages

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"


def outdated(folder: Path, pages: Mapping[str, str]) -> list[str]:
    """Names of pages that are missing, differ, or are described by nothing any more."""
    kept = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix in {".md", ".json"}}
    return sorted(name for name in {*kept, *pages} if kept.get(name) != pages.get(name))


def write(folder: Path, pages: Mapping[str, str]) -> None:
    """Bring the folder to what the pages are."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in outdated(folder, pages):
        if name in pages:
            (folder / name).write_text(pages[name], encoding="utf-8")
        else:
            (folder / name).unlink()


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Write or check; 1 when a check finds a page that is not what the code says."""
    pages = all_pages()
    if "--check" not in arguments:
        write(folder, pages)
        return 0
    stale = outdated(folder, pages)
    for name in stale:
        print(f"FAILED: docs/reference/{name} is not what the code says; run `make docs` and commit it")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
