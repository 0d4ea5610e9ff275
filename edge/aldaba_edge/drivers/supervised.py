"""A reader's thread that outlives its device: lost is said once, tried again with backoff, back is said once."""

import threading
from collections.abc import Callable

import structlog

from aldaba_edge.backoff import Backoff
from aldaba_edge.ports import ReaderBack, ReaderLost, Reading
from aldaba_shared.errors import AldabaError

log = structlog.get_logger()


class DeviceLost(AldabaError):
    """A device stopped answering, or answers something its manual does not know."""

    code = "device_lost"

    def __init__(self, device: str, why: str) -> None:
        super().__init__(
            f"{device} does not answer as it should ({why}). Check its power and cable; it is tried again."
        )
        self.why = why


class Session:
    """What one attempt to serve a device may use: `post`, whether to stop, and the news that the device answers."""

    def __init__(self, post: Callable[[Reading], None], stopping: threading.Event) -> None:
        self.stopping = stopping
        self._post = post
        self._lost = False
        self.failures = 0

    def post(self, reading: Reading) -> None:
        """Hand a reading to the door, unless the reader is being closed."""
        if not self.stopping.is_set():
            self._post(reading)

    def ready(self) -> None:
        """The device answered; says `ReaderBack` if it had been lost."""
        self.failures = 0
        if self._lost:
            self._lost = False
            self.post(ReaderBack())

    def failed(self, why: str) -> None:
        """The attempt ended; says `ReaderLost` the first time."""
        self.failures += 1
        if not self._lost:
            self._lost = True
            self.post(ReaderLost(why))


class Supervised:
    """Runs `serve` on a thread of its own, again after every failure, until stopped.

    `serve` returns only when the session is stopping, and raises OSError or
    `DeviceLost` when the device is gone. Any other exception is a bug: it is
    logged with its traceback, and the device is tried again all the same,
    because a dead reader keeps people out.
    """

    def __init__(self, name: str, serve: Callable[[Session], None], backoff: Backoff) -> None:
        self._name = name
        self._serve = serve
        self._backoff = backoff
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, post: Callable[[Reading], None]) -> None:
        """Start the thread; once only."""
        session = Session(post, self._stopping)
        self._thread = threading.Thread(target=self._run, args=(session,), name=f"reader {self._name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end and join it; idempotent."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self, session: Session) -> None:
        while not self._stopping.is_set():
            try:
                self._serve(session)
            except DeviceLost as error:
                session.failed(error.why)
            except OSError:
                session.failed("device_gone")
            except Exception:  # a bug must not leave a door without its reader; it is logged with its traceback
                log.exception("driver_failed", reader=self._name)
                session.failed("driver_failed")
            self._stopping.wait(self._backoff.after(session.failures) if session.failures else 0.0)
