"""Diagnostics: names of events with fields, to a terminal or to journald; who it was stands in the journal alone."""

import logging
import sys
from typing import Final, Literal

import structlog

PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""sd-daemon(3): a line that begins with `<N>` is filed under that priority."""


def start_log(where: Literal["console", "journal"]) -> None:
    """Send diagnostics to standard error: coloured for a person, or as journald wants them."""
    rendering = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())] if where == "console" else _for_journald()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            *([structlog.processors.TimeStamper(fmt="iso", utc=True)] if where == "console" else []),
            structlog.processors.StackInfoRenderer(),
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _for_journald() -> list[structlog.typing.Processor]:
    return [structlog.processors.format_exc_info, _journald_lines]


_logfmt: Final = structlog.processors.LogfmtRenderer(key_order=["event", "level"], drop_missing=True)


def _journald_lines(logger: object, method: str, event: structlog.typing.EventDict) -> str:
    """One record, its priority before every line of it: a traceback has many."""
    trace = str(event.pop("exception", ""))
    mark = f"<{PRIORITIES.get(method, 6)}>"
    return "\n".join(mark + line for line in [_logfmt(logger, method, event), *trace.splitlines()])
