"""The 185 rows of docs/features.md beside the tests that prove them.

A test claims a row with `@pytest.mark.feature(N)`. This reads the claims from
the syntax trees of the tests, without running them, and fails on a row that the
document calls done without a test, on a row nobody asked for, and on a
document that lost, doubled or misspelt a row.
"""

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS = 185
STATUSES = ("done", "started", "planned")
ROW = re.compile(r"^\|\s*(\d+)\s*\|")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the seed and where we stand with it."""

    number: int
    seed_line: str
    good: str
    status: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A test that says it proves a row; `number` is None where it is not a plain number."""

    test: str
    number: int | None


def read_rows(document: str) -> tuple[list[Row], list[str]]:
    """The rows of the tables in their order, and what is wrong with lines that look like rows."""
    rows, wrong = [], []
    for number, line in enumerate(document.splitlines(), 1):
        if not ROW.match(line):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != len(Row.__slots__):
            wrong.append(f"docs/features.md:{number}: {len(cells)} cells, {len(Row.__slots__)} are a row")
            continue
        rows.append(Row(int(cells[0]), *cells[1:]))
    return rows, wrong


def _is_claim(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="feature", value=ast.Attribute(attr="mark"))):
            return True
    return False


def _claims_within(node: ast.AST, owner: str) -> Iterator[Claim]:
    for child in ast.iter_child_nodes(node):
        inner = owner
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{owner}::{child.name}"
        if isinstance(child, ast.Call) and _is_claim(child):
            for argument in child.args or [ast.Constant(None)]:
                value = argument.value if isinstance(argument, ast.Constant) else None
                yield Claim(owner, value if isinstance(value, int) else None)
        yield from _claims_within(child, inner)


def read_claims(name: str, source: str) -> list[Claim]:
    """Every claim of one test module, by the name of the test, class or module that carries it."""
    return list(_claims_within(ast.parse(source, name), name))


def problems(rows: Sequence[Row], claims: Sequence[Claim]) -> Iterator[str]:
    """Everything that makes the table untrue, one sentence each."""
    seen = Counter(row.number for row in rows)
    yield from (f"row {number} stands {count} times" for number, count in sorted(seen.items()) if count > 1)
    yield from (f"row {number} is missing" for number in range(1, ROWS + 1) if number not in seen)
    yield from (f"row {number} is not one of the seed's {ROWS}" for number in sorted(seen) if not 1 <= number <= ROWS)
    proved = {claim.number for claim in claims}
    for row in rows:
        if row.status not in STATUSES:
            yield f"row {row.number} is {row.status!r}; say {', '.join(STATUSES)}"
        if row.status == "done" and row.number not in proved:
            yield f"row {row.number} is called done and no test carries @pytest.mark.feature({row.number})"
    for claim in claims:
        if claim.number not in seen:
            yield f"{claim.test} claims row {claim.number}, which is no row; give a number of docs/features.md"


def by_row(claims: Sequence[Claim]) -> Mapping[int | None, list[str]]:
    """The tests of each row, without repeats, in the order they were found."""
    found: dict[int | None, dict[str, None]] = defaultdict(dict)
    for claim in claims:
        found[claim.number][claim.test] = None
    return {number: list(tests) for number, tests in found.items()}


def report(rows: Sequence[Row], claims: Sequence[Claim], *, brief: bool) -> Iterator[str]:
    """One line a row with its tests below it, and the sum; only the sum when brief."""
    tests = by_row(claims)
    for row in rows if not brief else ():
        yield f"{row.number:4} {row.status:8} {row.seed_line}"
        yield from (f"{'':14}{test}" for test in tests.get(row.number, []))
    count = Counter(row.status for row in rows)
    proved = sum(1 for row in rows if row.number in tests)
    yield f"{len(rows)} rows: {', '.join(f'{count[name]} {name}' for name in STATUSES)}; {proved} have tests"


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Print the rows with their tests; 1 when the table and the tests disagree."""
    rows, wrong = read_rows((root / "docs" / "features.md").read_text(encoding="utf-8"))
    files = sorted((root / "tests").rglob("test_*.py"))
    claims = [c for f in files for c in read_claims(f.relative_to(root).as_posix(), f.read_text(encoding="utf-8"))]
    for line in report(rows, claims, brief="--brief" in arguments):
        print(line)
    wrong.extend(problems(rows, claims))
    for line in wrong:
        print(f"FAILED: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
