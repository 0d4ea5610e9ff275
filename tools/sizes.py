"""Sizes a reader can hold in mind, checked on the syntax tree of every module.

What is over the wanted size is printed as a note; what is over the hard size,
has too many positional parameters, or hides behind a name that says nothing,
fails. The numbers stand in docs/architecture.md.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("shared", "firmware_profiles", "edge", "cloud", "hardware_sim", "tests", "bench", "tools")
SKIPPED = ("migrations/versions/", "node_modules/", "/build/")

MODULE_WANTED, MODULE_HARD = 300, 500
FUNCTION_WANTED, FUNCTION_HARD = 40, 60
POSITIONAL_HARD = 5
BANNED_NAMES = frozenset({"utils", "helpers", "common", "misc", "manager"})

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Finding:
    """Something too large or badly named; a hard one fails the build."""

    where: str
    what: str
    hard: bool


def functions(tree: ast.Module) -> Iterator[tuple[Function, bool]]:
    """Every function with whether it is a method, outermost first."""
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                yield child, isinstance(node, ast.ClassDef)


def positional(function: Function, *, method: bool) -> int:
    """How many arguments a caller may pass by position; `self` and `cls` are not the caller's."""
    static = any(isinstance(name, ast.Name) and name.id == "staticmethod" for name in function.decorator_list)
    count = len(function.args.posonlyargs) + len(function.args.args)
    return count - 1 if method and not static else count


def _over(length: int, wanted: int, hard: int) -> str:
    return f"{length} lines, {hard} are the limit" if length > hard else f"{length} lines, {wanted} are wanted"


def inspect(name: str, source: str) -> Iterator[Finding]:
    """Findings of one module, given its path within the project and its text."""
    if Path(name).stem in BANNED_NAMES:
        yield Finding(name, "a name that says nothing; name what is inside", hard=True)
    length = source.count("\n")
    if length > MODULE_WANTED:
        yield Finding(name, _over(length, MODULE_WANTED, MODULE_HARD), hard=length > MODULE_HARD)
    for function, method in functions(ast.parse(source, name)):
        where = f"{name}:{function.lineno} {function.name}"
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > FUNCTION_WANTED:
            yield Finding(where, _over(length, FUNCTION_WANTED, FUNCTION_HARD), hard=length > FUNCTION_HARD)
        count = positional(function, method=method)
        if count > POSITIONAL_HARD:
            yield Finding(where, f"{count} positional parameters, {POSITIONAL_HARD} are the limit", hard=True)


def modules(root: Path) -> Iterator[Path]:
    """Every Python file of the project that people write by hand."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            if not any(part in path.as_posix() for part in SKIPPED):
                yield path


def main(root: Path = ROOT) -> int:
    """Print notes and failures; 1 when anything is over a hard limit."""
    seen = list(modules(root))
    findings = [found for path in seen for found in inspect(path.relative_to(root).as_posix(), path.read_text())]
    for found in sorted(findings, key=lambda found: found.hard):
        print(f"{'FAILED' if found.hard else 'note'}: {found.where}: {found.what}")
    if not seen:
        print("FAILED: no module was found, so nothing was checked")
    return 1 if not seen or any(found.hard for found in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
