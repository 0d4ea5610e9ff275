"""Documents that say what is proved, held to the tests they name.

A document names a test by a link whose text is the test's own name,
`[test_a_sentence](../tests/edge/test_door.py)`. In a table with a column
`standing`, a row called `done` names at least one, and a row called `partly` or
`not` says what is lacking. As with `tools.features`, the tests are read and not
run: the suite says whether they pass.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

STANDINGS = ("done", "partly", "not")
NAMED = re.compile(r"\[(test_\w+)\]\(([^)\s]+\.py)\)")
RULE = re.compile(r"^\|[\s|:-]+\|$")


@cache
def tests_in(module: Path) -> frozenset[str]:
    """The names of the test functions of a module, those inside classes too; none where there is no such file."""
    if not module.is_file():
        return frozenset()
    tree = ast.parse(module.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_"))


def cells(line: str) -> list[str]:
    """The cells of a line of a table, none for any other line."""
    found = line.strip()
    return [cell.strip() for cell in found.strip("|").split("|")] if found.startswith("|") else []


def unproved(row: dict[str, str]) -> str | None:
    """What is wrong with one row of a table that says where things stand, if anything."""
    *_, proof = row.values()
    match row["standing"]:
        case "done":
            return None if NAMED.search(proof) else "is called done and names no test"
        case "partly" | "not":
            return None if NAMED.sub("", proof).strip(" ,.") else "does not say what is lacking"
        case other:
            return f"is {other!r}; say {', '.join(STANDINGS)}"


def problems(page: Path) -> Iterator[str]:
    """Everything in one document that the tests do not bear out, one sentence each."""
    head: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        at = f"{page.name}:{number}"
        for name, target in NAMED.findall(line):
            if name not in tests_in((page.parent / target).resolve()):
                yield f"{at}: {target} has no test {name}"
        found = cells(line)
        if not found or not head:
            head = found
            continue
        if RULE.match(line.strip()) or "standing" not in head:
            continue
        if len(found) != len(head):
            yield f"{at}: {len(found)} cells, {len(head)} are a row"
        elif wrong := unproved(dict(zip(head, found, strict=True))):
            yield f"{at}: {found[0]!r} {wrong}"
