"""Opens everything a controller keeps on its disk, in the order in which it can be trusted."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aldaba_edge.disk_watch import DiskWatch
from aldaba_edge.journal import SqliteJournal
from aldaba_edge.journal_file import Tail, open_file
from aldaba_edge.ports import Clock
from aldaba_edge.reserve import RESERVE_BYTES, Reserve
from aldaba_edge.state import Slot, State, open_state, peek
from aldaba_edge.uses import Uses
from aldaba_edge.writer import Disk, InlineWriter, WriteQueue, Writer, WriterThread
from aldaba_shared.events import MessageRefused


@dataclass(frozen=True, slots=True)
class Books:
    """The journal, the state and the one writer behind both."""

    journal: SqliteJournal
    state: State
    uses: Uses
    queue: WriteQueue
    writer: Writer
    reserve: Reserve
    disk: DiskWatch
    clean: bool
    """Whether the run before ended in order."""

    def close(self) -> None:
        """End in order: the last line is remembered and the run is called clean. Idempotent."""
        if self.queue.closed:
            return
        self.state.flush()
        self.state.put(Slot.TAIL, Tail(self.journal.id, self.journal.last, self.journal.last_hash))
        self.state.put(Slot.CLEAN, value=True)
        self.queue.close()
        self.journal.close()


def open_books(
    folder: Path,
    clock: Clock,
    make_writer: Callable[[Disk], Writer],
    *,
    boot: str,
    on_broken: Callable[[Exception], None],
    synchronous: str = "FULL",
    reserve_bytes: int = RESERVE_BYTES,
    log_bytes: int = 0,
) -> Books:
    """Open `state.db` and `journal.db` under a folder, putting aside what is broken.

    `make_writer` is `inline(clock)` or `threaded(post)`; `on_broken` must end the
    process, whose next start then puts the broken file aside. A state that is lost
    takes modes, pass uses and counters along: the journal says so, as an alarm. `synchronous` is
    FULL wherever a power cut is real, and `log_bytes` of the logs are laid out where somebody waits at a door.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    reserve = Reserve(folder / "reserve", reserve_bytes)
    state_path, journal_path = folder / "state.db", folder / "journal.db"
    sound = open_state(state_path)
    opened = open_file(journal_path, boot, peek(state_path, Slot.TAIL, Tail), clock.now())
    disk = Disk(journal_path, state_path, reserve, synchronous=synchronous, log_bytes=log_bytes)
    writer = make_writer(disk)
    queue = WriteQueue(writer, clock, on_broken)
    state = State(disk.state, queue, clock)
    uses = Uses(disk.state, queue, clock)
    clean = state.get(Slot.CLEAN, bool) or False
    journal = SqliteJournal(opened, queue, clock, boot=boot, spend=uses.spend)
    state.put(Slot.CLEAN, value=False)
    if not sound:
        # Nobody knows any more what was used up here: wait until the cloud has heard of it.
        state.put(Slot.USES_LOST, journal.record(MessageRefused("state", "damaged")))
    reserve.hold()
    watch = DiskWatch(folder, reserve, queue, journal.record)
    return Books(journal, state, uses, queue, writer, reserve, watch, clean)


def inline(clock: Clock, delay: Callable[[], float] = lambda: 0.0) -> Callable[[Disk], Writer]:
    """The writer of tests and the simulated world."""
    return lambda disk: InlineWriter(disk, clock, delay)


def threaded(post: Callable[[Callable[[], None]], None]) -> Callable[[Disk], Writer]:
    """The writer of a running daemon."""
    return lambda disk: WriterThread(disk, post)
