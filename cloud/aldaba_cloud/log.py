"""Logging: structlog on the console or as JSON lines; the request log never says who or with what."""

import sys
import time
from typing import Final, Literal

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("aldaba_cloud")

QUIET_PATHS: Final = frozenset({"/healthz"})


def set_up_logging(form: Literal["console", "json"]) -> None:
    """Choose the form of the log lines, once, at the start of the program."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class RequestLog:
    """One line per answered request: method, path without its query, status, milliseconds."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and write the line when the answer starts."""
        if scope["type"] != "http" or scope["path"] in QUIET_PATHS:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = round((time.perf_counter() - started) * 1000, 1)
                fields = {
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": int(message["status"]),
                    "ms": took,
                }
                log.info("request_answered", **fields)
            await send(message)

        await self._app(scope, receive, noting)
