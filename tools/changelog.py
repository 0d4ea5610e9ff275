"""Moves the fragments of changelog.d/ under a release's heading in CHANGELOG.md.

Fragments keep two people from editing the same lines; a release makes one text
of them. Run as `python -m tools.changelog VERSION DATE`.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("added", "changed", "fixed", "removed", "security")
VERSION = re.compile(r"\d+\.\d+\.\d+")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
FIRST_RELEASE = "\n## "


class ChangelogError(Exception):
    """A fragment or an argument that cannot be used; the message says which and what to write instead."""


class NotAFragment(ChangelogError):
    """A file of changelog.d/ that fits no heading."""

    def __init__(self, name: str) -> None:
        kinds = ", ".join(KINDS)
        super().__init__(
            f"changelog.d/{name} is no fragment: call it NAME.KIND.md with a KIND of {kinds}, and write into it."
        )


class NotARelease(ChangelogError):
    """Arguments that name no release."""

    def __init__(self, version: str, date: str) -> None:
        super().__init__(f"Say a version and a date, as in 0.2.0 2026-12-01, instead of {version} {date}.")


@dataclass(frozen=True, slots=True)
class Fragment:
    """What one change tells the people who run Aldaba."""

    kind: str
    text: str


def read_fragments(files: Mapping[str, str]) -> list[Fragment]:
    """Fragments from file names and their texts, in the order of the names."""
    fragments = []
    for name, text in sorted(files.items()):
        kind = name.removesuffix(".md").rpartition(".")[2]
        if kind not in KINDS or not text.strip():
            raise NotAFragment(name)
        fragments.append(Fragment(kind, text.strip()))
    return fragments


def release(version: str, date: str, fragments: Sequence[Fragment]) -> str:
    """The section of one release, kinds in their fixed order."""
    if not VERSION.fullmatch(version) or not DATE.fullmatch(date):
        raise NotARelease(version, date)
    if not fragments:
        raise ChangelogError("changelog.d/ holds no fragment, so there is nothing to release.")
    parts = [f"## {version} ({date})"]
    for kind in KINDS:
        lines = [f"- {one.text.replace(chr(10), chr(10) + '  ')}" for one in fragments if one.kind == kind]
        if lines:
            parts += [f"### {kind.capitalize()}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def with_release(changelog: str, section: str) -> str:
    """The changelog with a section above those it has."""
    head, mark, older = changelog.partition(FIRST_RELEASE)
    return f"{head.rstrip()}\n\n{section}{mark}{older}"


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the release and remove its fragments; 2 when that cannot be done."""
    paths = {path.name: path for path in (root / "changelog.d").glob("*.md") if path.name != "README.md"}
    try:
        version, date = arguments if len(arguments) == 2 else ("?", "?")  # noqa: PLR2004 - a version and a date
        section = release(version, date, read_fragments({name: path.read_text() for name, path in paths.items()}))
    except ChangelogError as error:
        print(error, file=sys.stderr)
        return 2
    changelog = root / "CHANGELOG.md"
    changelog.write_text(with_release(changelog.read_text(), section))
    for path in paths.values():
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
