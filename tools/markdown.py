"""The little Markdown that the reference is written in."""

from collections.abc import Iterable, Sequence

GENERATED = "<!-- Written by `make docs` from the code; edit the code instead. -->\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell would end it and is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def page(title: str, *parts: str) -> str:
    """A page under its title, with the note that nobody edits it."""
    return "\n".join([f"# {title}\n", GENERATED, *parts])
