"""`python -m bench [NAME ...]`: measure, print the table, write results.json, fail where a gate does not hold."""

import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from bench import (
    big_journal,
    compile_rules,
    decision,
    drain,
    http_read,
    ingest,
    journal,
    load,
    month_run,
    phone,
    revoke,
    screen,
    start,
    tap,
    theft,
    world,
)
from bench.harness import Case, Figure, measure, table, write

SUITES: dict[str, Callable[[Path], Iterator[Case]]] = {
    "journal": journal.cases,
    "big-journal": big_journal.cases,
    "ingest": ingest.cases,
    "drain": drain.cases,
    "load": load.cases,
    "revoke": revoke.cases,
    "theft": theft.cases,
    "screen": screen.cases,
    "http": http_read.cases,
    "compile": compile_rules.cases,
    "tap": tap.cases,
    "decision": decision.cases,
    "phone": phone.cases,
    "start": start.cases,
    "month-run": month_run.cases,
    "world": world.cases,
}


def main(wanted: list[str]) -> int:
    """Measure the suites that were asked for, or all; 1 when a gate was missed, 2 for an unknown suite."""
    unknown = set(wanted) - SUITES.keys()
    if unknown:
        print(f"No suite is called {', '.join(sorted(unknown))}. Use some of: {', '.join(SUITES)}.", file=sys.stderr)
        return 2
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    figures: list[Figure] = []
    missed: list[str] = []
    for name in wanted or SUITES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="aldaba-bench-") as room:
            for case in SUITES[name](Path(room)):
                figure, gates = measure(case)
                figures.append(figure)
                missed += gates
                if not wanted:
                    write(figures, Path(__file__).with_name("results.json"))
    print(table(figures))
    for gate in missed:
        print(f"missed: {gate}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
