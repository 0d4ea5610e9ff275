"""Jobs that repeat, each run by one process at a time under a lease in the database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from socket import gethostname
from uuid import uuid4

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Column, Connection, String, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from aldaba_cloud.db import ALL_SITES, Database, UtcDateTime, scoped_table
from aldaba_cloud.log import log

leases = scoped_table(
    "leases",
    Column("name", String(60), primary_key=True),
    Column("holder", String(80), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)
"""Rows belong to no network (`*`): a job serves them all."""

LEASE = timedelta(minutes=10)
SHORT_LEASE = timedelta(seconds=15)


def take_lease(db: Connection, name: str, holder: str, now: datetime, lasts: timedelta = LEASE) -> bool:
    """Take or renew a lease; False while another process has it."""
    mine = {"holder": holder, "until": now + lasts}
    if db.execute(select(leases.c.name).where(leases.c.name == name)).first() is None:
        try:
            with db.begin_nested():
                db.execute(insert(leases), mine | {"name": name, "network_id": "*", "site_id": ALL_SITES})
        except IntegrityError:  # another process was quicker
            return False
        return True
    free = (leases.c.name == name) & or_(leases.c.holder == holder, leases.c.until <= now)
    return db.execute(update(leases).where(free).values(mine)).rowcount > 0


def holder_name() -> str:
    """Who holds a lease: this machine and this run."""
    return f"{gethostname()}:{uuid4().hex[:8]}"


class Lease:
    """A lease that is kept for as long as somebody asks for it, and soon free when its process has died."""

    def __init__(self, database: Database, name: str, now: Callable[[], datetime]) -> None:
        self._database, self._name, self._now = database, name, now
        self._holder = holder_name()
        self._asked_at: datetime | None = None
        self._held = False

    def held(self) -> bool:
        """Whether it is ours; asks the database a few times in each term."""
        now = self._now()
        if self._asked_at is None or not timedelta() <= now - self._asked_at < SHORT_LEASE / 3:
            with self._database.write() as db:
                self._held = take_lease(db, self._name, self._holder, now, SHORT_LEASE)
            self._asked_at = now
        return self._held

    def give_back(self) -> None:
        """Let another process have it at once."""
        if self._held:
            with self._database.write() as db:
                take_lease(db, self._name, self._holder, self._now(), timedelta())
        self._held = False


class Jobs:
    """APScheduler, and the lease around every run. A job must bear being run twice."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._holder = holder_name()
        self._known: dict[str, Callable[[], object]] = {}
        self._scheduler = BackgroundScheduler(timezone="UTC")

    def every(self, name: str, seconds: int, job: Callable[[], object]) -> None:
        """Have a job run again and again."""
        self._known[name] = job
        self._scheduler.add_job(
            lambda: self.run(name, job), "interval", seconds=seconds, id=name, coalesce=True, max_instances=1
        )

    def run(self, name: str, job: Callable[[], object]) -> bool:
        """Run a job now if nobody else holds its lease; errors are logged and the next run tries again."""
        with self._database.write() as db:
            if not take_lease(db, name, self._holder, self._now()):
                return False
        try:
            job()
        except Exception:  # noqa: BLE001 -- whatever a job raises, the scheduler must live
            log.exception("job_failed", job=name)
        return True

    def run_all(self) -> None:
        """Run every known job now, in the order in which they were added."""
        for name, job in self._known.items():
            self.run(name, job)

    def start(self) -> None:
        """Begin running; every job runs once now, since nobody knows for how long the service was down."""
        self._scheduler.start()
        for name in self._known:
            self._scheduler.modify_job(name, next_run_time=datetime.now(UTC))

    def stop(self) -> None:
        """Let running jobs finish and stop."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
