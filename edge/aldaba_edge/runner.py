"""Where slow work happens: a thread of its own on a Pi, the caller's in tests; the answer comes back on the loop."""

import queue
import threading
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from aldaba_shared.errors import AldabaError

T = TypeVar("T")
PATIENCE_SECONDS: Final = 2.0


class Runner(Protocol):
    """Runs jobs one after another, away from the loop."""

    def run(self, job: Callable[[], T], then: Callable[[T | AldabaError], None]) -> None:
        """Run the job; `then` is called on the loop with its result or with the error a person can mend."""

    def close(self) -> None:
        """Finish the job under way and stop; idempotent."""


def outcome(job: Callable[[], T]) -> T | AldabaError:
    """The job's result, or the error it ended with."""
    try:
        return job()
    except AldabaError as error:
        return error


class InlineRunner:
    """Runs the job when the loop comes round, in the loop's own thread."""

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post

    def run(self, job: Callable[[], T], then: Callable[[T | AldabaError], None]) -> None:
        """Run the job soon."""
        self._post(lambda: then(outcome(job)))

    def close(self) -> None:
        """Nothing to stop."""


class ThreadRunner:
    """One thread; jobs that are heavy start a child process from it and wait there."""

    def __init__(self, post: Callable[[Callable[[], None]], None], name: str = "runner") -> None:
        self._post = post
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, job: Callable[[], T], then: Callable[[T | AldabaError], None]) -> None:
        """Hand the job to the thread."""

        def task() -> None:
            result = outcome(job)
            self._post(lambda: then(result))

        self._queue.put(task)

    def close(self) -> None:
        """Let the thread end after what it was given, if that is soon; a child that still works dies with us.

        What a job leaves half done is what a power cut would leave. The books wait for this, and systemd for them.
        """
        self._queue.put(None)
        self._thread.join(timeout=PATIENCE_SECONDS)

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            task()
