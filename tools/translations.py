"""Bring the catalogues up to date with the messages in templates and code, and say what is untranslated.

uv run python -m tools.translations          # report; exit 1 if anything is missing
uv run python -m tools.translations --write  # merge new messages into the .po files first
"""

import sys
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).resolve().parent.parent
CLOUD: Final = ROOT / "cloud" / "aldaba_cloud"
PAGES: Final = CLOUD / "pages"
TEMPLATES: Final = ("pages/templates/**.html", "letters/templates/**.txt")
METHODS: Final = [("**.py", "python"), *((where, "jinja2") for where in TEMPLATES)]
OPTIONS: Final = {
    where: {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"} for where in TEMPLATES
}
KEYWORDS: Final = {"_": None, "gettext": None, "ngettext": (1, 2), "mark": None}
TRANSLATED: Final = ("es", "ca")


def extracted() -> Catalog:
    """Every message that a page or a letter can show."""
    found = Catalog(project="Aldaba", charset="utf-8")
    for _file, _line, message, _comments, _context in extract_from_dir(CLOUD, METHODS, OPTIONS, KEYWORDS):
        found.add(message)
    return found


def catalogue_path(language: str) -> Path:
    """Where a language's messages stand."""
    return PAGES / "translations" / f"{language}.po"


def load(language: str) -> Catalog:
    """A language's catalogue as it is on disk."""
    with catalogue_path(language).open("rb") as file:
        return read_po(file, locale=language)


def untranslated(language: str, wanted: Catalog) -> list[str]:
    """The messages a reader of this language would see in English."""
    have = load(language)
    missing = []
    for message in wanted:
        if not message.id:
            continue
        known = have.get(message.id)
        strings = known.string if known and not known.fuzzy else ""
        if not all(strings if isinstance(strings, (tuple, list)) else [strings]):
            missing.append(str(message.id))
    return missing


def write(language: str, wanted: Catalog) -> None:
    """Merge new messages in and drop those that nothing shows any more."""
    have = load(language)
    have.update(wanted, no_fuzzy_matching=True)
    have.obsolete.clear()
    with catalogue_path(language).open("wb") as file:
        write_po(file, have, width=0, omit_header=False, sort_output=True, include_previous=False, no_location=True)


def main() -> int:
    """Report, after merging if asked to."""
    wanted = extracted()
    missing = 0
    for language in TRANSLATED:
        if "--write" in sys.argv:
            write(language, wanted)
        for message in untranslated(language, wanted):
            print(f"{language}: {message}")
            missing += 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
