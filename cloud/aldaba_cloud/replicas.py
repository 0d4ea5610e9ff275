"""What one process says to the others of the same service, through PostgreSQL's LISTEN and NOTIFY.

Only that a site has changed is said, never what: whoever hears it reads again
what it shows, so a notification that is lost with its connection costs nothing
but a moment. SQLite serves one process and needs none of this.
"""

import queue
import secrets
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import psycopg
from sqlalchemy import Engine, make_url, text

from aldaba_cloud.db import Database
from aldaba_cloud.live import Live
from aldaba_cloud.log import log
from aldaba_shared.ids import SiteId

CHANNEL: Final = "aldaba_live"
EVERY_SITE: Final = "*"
LISTEN_SECONDS: Final = 1.0
"""How soon a stop is noticed while nobody says anything."""
AGAIN_SECONDS: Final = 2.0


class Replicas:
    """Passes what is told to this process's `Live` on to the others, and theirs to it; `start` once, `stop` once."""

    def __init__(self, database: Database, live: Live) -> None:
        self._engine: Engine = database.engine
        self._live = live
        self._origin = secrets.token_hex(4)
        self._told: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=f"aldaba-{name}", daemon=True)
            for name, work in (("tell", self._tell), ("listen", self._listen))
        ]

    def start(self) -> None:
        """Begin to tell and to listen, where the engine can."""
        if self._engine.dialect.name != "postgresql":
            return
        self._live.pass_on = self._tell_later
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Say what waits and end."""
        self._stopping.set()
        self._told.put(self._origin)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)

    def _tell_later(self, site: SiteId | None) -> None:
        self._told.put(site or EVERY_SITE)

    def _tell(self) -> None:
        while not self._stopping.is_set():
            sites = {self._told.get()}
            with suppress(queue.Empty):
                while True:
                    sites.add(self._told.get_nowait())
            sites.discard(self._origin)
            if sites:
                self._notify({EVERY_SITE} if EVERY_SITE in sites else sites)

    def _notify(self, sites: Iterable[str]) -> None:
        """One transaction; a database that is away loses only news that everybody reads again on return."""
        try:
            with self._engine.begin() as db:
                for site in sorted(sites):
                    db.execute(text("SELECT pg_notify(:to, :said)"), {"to": CHANNEL, "said": f"{self._origin} {site}"})
        except Exception:  # noqa: BLE001 - whatever it was, the next news is not to blame
            log.warning("replicas_not_told", exc_info=True)

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen_once()
            except psycopg.Error as error:
                log.warning("replicas_unheard", why=str(error))
                self._stopping.wait(AGAIN_SECONDS)

    def _listen_once(self) -> None:
        """Hear the others on a connection of our own; what was missed before it is made up for by reading all again."""
        url = make_url(self._engine.url).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as db:
            db.execute(f"LISTEN {CHANNEL}")
            self._live.wake_all()
            while not self._stopping.is_set():
                for heard in db.notifies(timeout=LISTEN_SECONDS):
                    self._hear(heard.payload)

    def _hear(self, payload: str) -> None:
        origin, _, site = payload.partition(" ")
        if origin == self._origin:
            return
        if site == EVERY_SITE:
            self._live.wake_all()
        else:
            self._live.wake(SiteId(site))
