"""What a controller tidies by itself: old lines, old uses, write-ahead logs, the floor under its clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aldaba_edge.books import Books
from aldaba_edge.core import Core
from aldaba_edge.journal_file import Tail
from aldaba_edge.ports import Clock
from aldaba_edge.state import Slot

MINUTE: Final = 60.0
HOUR: Final = 3600.0
FLOOR_EVERY: Final = timedelta(minutes=10)
"""How often the floor under the clock is raised: each time costs the card two pages."""


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """The chores, each short enough for the loop; whoever has the time calls them."""

    books: Books
    core: Core
    clock: Clock
    time_known: Callable[[], bool] = lambda: True
    look_at_certificate: Callable[[], None] = lambda: None

    def minutely(self) -> None:
        """Drop some old lines that the cloud has; keep the latest moment and the last line known."""
        books = self.books
        if self.time_known():
            # By an unsure clock young lines may look old.
            self.core.pruner.look(self.core.sync.uplink.watermark)
        books.disk.look()
        now = self.clock.now()
        # An unsure clock raises no floor, or one bad start would rule the next.
        if self.time_known() and now >= books.state.time_floor() + FLOOR_EVERY:
            books.state.put(Slot.TIME_FLOOR, now)
        durable = books.journal.durable
        if books.state.get(Slot.TAIL, Tail) != durable:
            books.state.put(Slot.TAIL, durable)

    def hourly(self) -> None:
        """Keep presence, forget what has expired, shorten the logs, set the reserve aside, renew the certificate."""
        self.core.presences.checkpoint()
        self.books.uses.forget_expired()
        self.core.rules.tidy()
        self.books.queue.tidy()
        self.look_at_certificate()


def by_clock(housekeeping: Housekeeping, clock: Clock) -> None:
    """Have the chores done by the clock itself: for a hand-turned one."""

    def repeat(seconds: float, chore: Callable[[], None]) -> None:
        def again() -> None:
            chore()
            clock.call_later(seconds, again)

        clock.call_later(seconds, again)

    repeat(MINUTE, housekeeping.minutely)
    repeat(HOUR, housekeeping.hourly)


def by_scheduler(housekeeping: Housekeeping, post: Callable[[Callable[[], None]], None]) -> Callable[[], None]:
    """Have the chores done on the loop at APScheduler's word; answers what stops it."""
    from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415 - a tenth of a second a start can do without

    scheduler = BackgroundScheduler(timezone="UTC")
    for name, seconds, chore in (
        ("minutely", MINUTE, housekeeping.minutely),
        ("hourly", HOUR, housekeeping.hourly),
    ):
        scheduler.add_job(post, "interval", (chore,), seconds=seconds, id=name, coalesce=True, max_instances=1)
    scheduler.start()
    return lambda: scheduler.shutdown(wait=False)
