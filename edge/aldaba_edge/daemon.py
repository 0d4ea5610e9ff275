"""The running controller: one event loop, from the first secured lock to the last."""

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog

from aldaba_edge.books import Books
from aldaba_edge.bootstrap import Edge
from aldaba_edge.clock import AsyncioClock
from aldaba_edge.config import Config
from aldaba_edge.disk_watch import written_bytes
from aldaba_edge.local import LocalSocket
from aldaba_edge.shown import shown_line

log: Final = structlog.get_logger()

SWITCH_SECONDS: Final = 0.000_5
"""How long a thread may keep the interpreter from one that wants it; Python says 5 ms, three times in a tap."""


class Daemon:
    """A controller from its start to the signal that ends it."""

    def __init__(self, config: Config, path: Path) -> None:
        self._config = config
        self._path = path
        self._ended: asyncio.Event
        self._broken: Exception | None = None
        self._started_at = time.monotonic()

    async def run(self) -> int:
        """Decide until told to end; 0 after a signal, 2 when a file broke and a fresh start has to put it aside."""
        loop = asyncio.get_running_loop()
        switch_often()
        self._ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        clock = AsyncioClock(loop)
        edge = Edge(self._config, clock, lambda error: clock.post(lambda: self._break(error)))
        local = LocalSocket(
            self._config.socket, edge.doors, lambda: self._status(edge), _Shown(edge), switch=edge.switch_shadow
        )
        try:
            edge.start()
            await local.open()
            self._have_kept(edge)
            _settle_memory()
            await self._ended.wait()
        finally:
            await local.close()
            edge.close()
        return 2 if self._broken is not None else 0

    def _have_kept(self, edge: Edge) -> None:
        """Have the cloud keep what this controller is told on the spot; one that has no cloud keeps it alone."""
        identity = edge.identity
        if not identity.cloud_url:
            return
        from aldaba_edge.certificate import Asker  # noqa: PLC0415 - X.509 costs a start its time
        from aldaba_edge.configuration_sent import ConfigurationSender  # noqa: PLC0415 - as above

        asker = Asker(identity.answer.controller, identity.signing_key(), identity.cloud_url)
        ConfigurationSender(self._path, asker, edge.core.ways.runner, edge.clock).start()

    def _break(self, error: Exception) -> None:
        log.critical("books_broken", error=type(error).__name__)
        self._broken = error
        self._ended.set()

    def _status(self, edge: Edge) -> dict[str, Any]:
        head = edge.core.rules.head
        return {
            "controller": edge.identity.answer.controller,
            "program": Path(sys.prefix).name,
            "watchdog_fed": edge.health.fed,
            "up_seconds": round(time.monotonic() - self._started_at, 1),
            "cpu_seconds": round(time.process_time(), 3),
            "rules_verified": edge.core.rules.verified,
            "rules_version": list(edge.core.rules.generation),
            "rules_issued_at": head.issued_at.isoformat() if head is not None else None,
            "clock_trusted": edge.standing.clock_trusted,
            "clock": edge.time.status(),
            "journal": edge.books.journal.id,
            "last_sequence": edge.books.journal.last,
            "durable_sequence": edge.books.journal.durable.sequence,
            "disk": _disk(edge.books, edge.first_sequence),
            "unrecorded": edge.books.journal.unrecorded,
            "connected": edge.connected,
            "doors": [
                {
                    "id": loop.id,
                    "state": loop.mechanics.state,
                    "mode": loop.mode.value,
                    "lost_readers": sorted(side.value for side in loop.lost_readers),
                    "lost_devices": sorted(loop.lost_devices),
                }
                for loop in edge.doors
            ],
        }


def switch_often() -> None:
    """Have a busy thread make way for reader, loop and writer: a tap goes through all three (ADR 44)."""
    sys.setswitchinterval(SWITCH_SECONDS)


def _disk(books: Books, first: int) -> dict[str, Any]:
    """Room and wear: bytes written since the start, and how many that is for each line of the books."""
    written, lines = written_bytes(), books.journal.durable.sequence - first
    return {
        "free_bytes": books.disk.free,
        "short": books.disk.short,
        "reserve_held": books.reserve.held,
        "written_bytes": written,
        "written_bytes_per_line": round(written / lines) if written is not None and lines > 0 else None,
    }


class _Shown:
    """The durable lines of the books, as people are shown them."""

    def __init__(self, edge: Edge) -> None:
        self._journal = edge.books.journal

    def watch(self, callback: Callable[[], None]) -> None:
        """Call back whenever lines became durable."""
        self._journal.watch(callback)

    def since(self, sequence: int) -> tuple[int, list[dict[str, Any]]]:
        """What became durable after a line; from -1, nothing and where the books stand."""
        if sequence < 0:
            return self._journal.durable.sequence, []
        rows = self._journal.file.lines(sequence + 1, 1000)
        return (rows[-1][0] if rows else sequence), [shown_line(body) for _, _, body in rows]


def _settle_memory() -> None:
    """What was built at start stays: the collector need not look at it in the middle of a tap."""
    gc.collect()
    gc.freeze()


def run(config: Config, path: Path) -> int:
    """Run the daemon of this configuration, read from this file, until a signal ends it; the exit code."""
    return asyncio.run(Daemon(config, path).run())
