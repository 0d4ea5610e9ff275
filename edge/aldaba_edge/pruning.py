"""Which old lines may go: those the cloud has acked, that are older than the retention, and whose chain holds.

Finding them reads and hashes every one, so a running controller does it in a
child process (`journal_child`); what goes is then dropped by the one writer, a
signed checkpoint first and the rows in slices after it, so that no tap waits for
long. A cut in between leaves rows below the checkpoint, which nobody reads and
the next pruning drops.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

import structlog
from msgspec import Struct

from aldaba_edge.journal import KEPT, SqliteJournal
from aldaba_edge.journal_file import JournalFile, Prunable
from aldaba_edge.ports import Clock
from aldaba_edge.runner import Runner
from aldaba_shared.envelope import SigningKey
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import read_line

log = structlog.get_logger()

MOST: Final = 20_000
"""Lines found in one go; a door that writes more than that a minute is not one."""
FEW: Final = 200
"""Fewer lines are left for another time, for at most a day: starting a child costs more than they do."""
A_DAY: Final = timedelta(days=1)


class Wanted(Struct, frozen=True):
    """What a search is about: the watermark of the cloud's acks, and the moment before which lines are old."""

    acked: int
    before: datetime
    most: int = MOST


Find: TypeAlias = Callable[[Path, Wanted], Prunable | None]


def find(path: Path, wanted: Wanted) -> Prunable | None:
    """The last line that may go and how many of each kind go with it; None when none may.

    Raises:
        JournalBroken: a line among them does not follow from the one before.
    """
    with JournalFile(path) as file:
        return file.prunable(wanted.acked, wanted.before, wanted.most)


class Pruner:
    """Looks for old lines now and then and has them dropped."""

    def __init__(
        self, journal: SqliteJournal, clock: Clock, runner: Runner, find: Find, *, key: SigningKey, controller: str
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._runner = runner
        self._find = find
        self._key = key
        self._controller = controller
        self._busy = False

    def look(self, acked: int) -> None:
        """Have old lines found away from the loop and dropped, if there are enough of them to be worth it."""
        before = self._clock.now() - KEPT
        if self._busy or not self._worth_it(acked, before):
            return
        self._busy = True
        path, wanted = self._journal.file.path, Wanted(acked, before)
        self._runner.run(lambda: self._find(path, wanted), self._found)

    def _worth_it(self, acked: int, before: datetime) -> bool:
        start = self._journal.file.start.sequence
        first = self._journal.file.lines(start + 1, 1)
        if not first or first[0][0] > acked:
            return False
        if read_line(first[0][2]).at <= before - A_DAY:
            return True
        many = self._journal.file.lines(start + FEW, 1)
        return bool(many) and many[0][0] <= acked and read_line(many[0][2]).at <= before

    def _found(self, found: Prunable | AldabaError | None) -> None:
        self._busy = False
        if isinstance(found, AldabaError):
            self._journal.suspect(str(found))
        elif found is not None:
            self._journal.drop(found, self._key, self._controller)
            log.info("journal_pruned", up_to=found.sequence, lines=sum(found.counts.values()))
