"""What may be used once, or so often: counters, moments and uses, committed with their tap and told to the site.

One table for everything a replay is caught by. A name stands for a thing that
every controller of the site calls the same: a credential's id, or a pass and the
zone it leads into. Each controller writes down what it accepted itself under the
name `""` and what each peer told under the peer's. Two questions are asked of
it: the greatest value anywhere (a counter that only rises, the moment of a
phone's code) and the sum of all (uses of a pass). Values only rise, so news may
come late, twice or in any order, and a lost piece is made good by the next.

A peer that lies can have things refused that are good, and nothing accepted
that is not.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import structlog

from aldaba_edge.ports import Clock, Use
from aldaba_edge.writer import Statement, WriteQueue
from aldaba_shared.ids import ControllerId
from aldaba_shared.messages import Used

log: Final = structlog.get_logger()

COLUMNS: Final = {"name": str, "controller": str, "value": int, "used_at": int, "expires": int, "sum": int}
KEEP: Final = (
    "INSERT INTO used (name, controller, value, used_at, expires, sum) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (name, controller) DO UPDATE SET value = excluded.value, used_at = excluded.used_at, "
    "expires = excluded.expires, sum = excluded.sum WHERE excluded.value > value"
)
OWN: Final = ""
LATE_SECONDS: Final = 86_400
"""Kept for so long after its end, in case the clock was wrong."""
MOST_OF_A_PEER: Final = 50_000
LONGEST_NAME: Final = 200
TOLD_SECONDS: Final = 36 * 3600
"""Older uses were told for long enough: whoever heard them keeps them, and news stays short."""


@dataclass(frozen=True, slots=True)
class _Kept:
    value: int
    used_at: int
    expires: int


def row_sum(*values: object) -> int:
    """The CRC-32 that stands beside a row, so that a bit that flipped on the card is seen when it is read."""
    return crc32(repr(values).encode("utf-8", "surrogatepass"))


def sound(connection: sqlite3.Connection) -> bool:
    """Whether every row is as it was written."""
    rows = connection.execute("SELECT name, controller, value, used_at, expires, sum FROM used")
    return all(row_sum(*row) == known for *row, known in rows)


class Uses:
    """Satisfies the `Uses` port; every change goes through the one writer."""

    def __init__(self, connection: sqlite3.Connection, queue: WriteQueue, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._changed: Callable[[], None] = lambda: None
        self._kept: dict[str, dict[str, _Kept]] = {}
        self._names: Counter[str] = Counter()
        for name, controller, *rest in connection.execute("SELECT name, controller, value, used_at, expires FROM used"):
            self._kept.setdefault(name, {})[controller] = _Kept(*rest)
            self._names[controller] += 1

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back whenever something was used here, so that the peers hear of it."""
        self._changed = callback

    def latest(self, name: str) -> int:
        """The greatest value accepted here or told by a peer; 0 when there is none."""
        return max((kept.value for kept in self._kept.get(name, {}).values()), default=0)

    def total(self, name: str) -> int:
        """The sum of what was accepted here and at each peer."""
        return sum(kept.value for kept in self._kept.get(name, {}).values())

    def own(self, name: str) -> int:
        """What was accepted here, committed or on its way to the disk."""
        kept = self._kept.get(name, {}).get(OWN)
        return kept.value if kept is not None else 0

    def spend(self, use: Use) -> Statement:
        """Note a use and answer the statement that keeps it, to be written before its tap."""
        statement = self._keep(OWN, use.name, _Kept(use.value, self._now(), int(use.until.timestamp())))
        self._changed()
        return statement

    def hear(self, peer: ControllerId, told: Iterable[Used]) -> None:
        """Take over what a peer accepted; what is known already, or is less, changes nothing.

        What one peer may have us keep is bounded: a stolen one must not fill the disk.
        """
        refused = 0
        for one in told:
            known = self._kept.get(one.name, {}).get(peer)
            if known is None and (self._names[peer] >= MOST_OF_A_PEER or len(one.name) > LONGEST_NAME):
                refused += 1
            elif known is None or one.value > known.value:
                self._queue.add(state=self._keep(peer, one.name, _Kept(one.value, one.used_at, one.expires)))
        if refused:
            log.warning("uses_too_many", peer=peer, refused=refused)

    def told(self) -> tuple[Used, ...]:
        """What the peers should know: everything used here lately that has not expired."""
        now = self._now()
        return tuple(
            Used(name, kept.value, kept.used_at, kept.expires)
            for name, kept in self._kept_here()
            if kept.expires > now and kept.used_at > now - TOLD_SECONDS
        )

    def forget_expired(self) -> None:
        """Drop what ended more than a day ago: nobody can show it any more."""
        before = self._now() - LATE_SECONDS
        gone = [(name, who) for name, all_ in self._kept.items() for who, kept in all_.items() if kept.expires < before]
        for name, who in gone:
            del self._kept[name][who]
            self._names[who] -= 1
            if not self._kept[name]:
                del self._kept[name]
        if gone:
            self._queue.add(state=("DELETE FROM used WHERE expires < ?", (before,)))

    def _keep(self, controller: str, name: str, kept: _Kept) -> Statement:
        by_controller = self._kept.setdefault(name, {})
        self._names[controller] += controller not in by_controller
        by_controller[controller] = kept
        row = (name, controller, kept.value, kept.used_at, kept.expires)
        return (KEEP, (*row, row_sum(*row)))

    def _kept_here(self) -> Iterator[tuple[str, _Kept]]:
        return ((name, by_controller[OWN]) for name, by_controller in self._kept.items() if OWN in by_controller)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())
