"""The journal's file: opened, put aside when it is broken, read back and verified."""

import secrets
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from msgspec import Struct

from aldaba_edge.durable import born_whole
from aldaba_edge.writer import JournalRow
from aldaba_shared.envelope import EnvelopeRefused, KeyRing, unseal
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import GENESIS, Line, chained, read_line
from aldaba_shared.messages import Kind
from aldaba_shared.wire import Malformed

FORMAT: Final = 1
END: Final = 1 << 62
"""Beyond the last line there will ever be."""
TAIL_LINES: Final = 100
"""How far back the chain is checked at every start; the whole of it is checked in a child process."""


class JournalBroken(AldabaError):
    """A journal whose file cannot be read or whose chain does not hold."""

    code = "journal_broken"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The journal {path} is broken: {why}. The daemon puts such a file aside and opens a new one; "
            "keep the old one, it may be evidence."
        )
        self.why = why


class Tail(Struct, frozen=True):
    """The last line known of a journal."""

    journal: str
    sequence: int
    hash: bytes


class Checkpoint(Struct, frozen=True):
    """Where verification starts after pruning: the last line that is gone, and how many of each kind went."""

    controller: str
    journal: str
    sequence: int
    hash: bytes
    counts: dict[str, int]


class Prunable(Struct, frozen=True):
    """The last line of those that may go, its hash, and how many of each kind go."""

    sequence: int
    hash: bytes
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Opened:
    """A journal's file as it was found: its id, its last line, and the clock segment to go on with."""

    path: Path
    tail: Tail
    segment: int
    fresh: bool
    put_aside: Path | None = None
    previous: Tail | None = None


def open_file(path: Path, boot: str, known: Tail | None, at: datetime) -> Opened:
    """Open the journal, or begin one; a broken one is put aside under the moment's name.

    `known` is the last line that `state.db` remembers: what a new journal names
    when the old file cannot say it itself.
    """
    if path.exists():
        try:
            if suspect_mark(path).exists():
                raise JournalBroken(path, "a line in it was found broken while it was in use")  # noqa: TRY301 - one way out for all that is broken
            return _not_shorter(_inspected(path, boot), known)
        except (sqlite3.Error, JournalBroken, Malformed, UnicodeDecodeError):
            previous = _later(_salvaged(path), known)
            return _begun(path, previous, put_aside=_put_aside(path, at))
    return _begun(path, known, put_aside=None)


def _begun(path: Path, previous: Tail | None, put_aside: Path | None) -> Opened:
    journal = secrets.token_hex(16)
    born_whole(path, lambda new: _create(new, journal))
    return Opened(path, Tail(journal, 0, GENESIS), 0, fresh=True, put_aside=put_aside, previous=previous)


def _create(path: Path, journal: str) -> None:
    from sqlite_utils import Database  # noqa: PLC0415 - a fifth of a second that only the first start pays

    connection = sqlite3.connect(path, isolation_level=None)
    database = Database(connection)
    database.enable_wal()
    columns = {"sequence": int, "hash": bytes, "body": bytes}
    database.table("lines").create(columns, pk="sequence", not_null={"hash", "body"})
    database.table("meta").create({"name": str, "value": bytes}, pk="name", not_null={"value"})
    database.table("meta").insert({"name": "id", "value": journal.encode()})
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.close()


def _inspected(path: Path, boot: str) -> Opened:
    with reading(path) as file:
        # A cut while old lines were dropped may have left some below the checkpoint.
        rows = [row for row in file.lines_before(TAIL_LINES + 1) if row[0] > file.start.sequence]
        if not rows:
            tail = Tail(file.id, file.start.sequence, file.start.hash)
            return Opened(path, tail, 0, fresh=tail.sequence == 0)
        before = rows[0][1] if len(rows) > TAIL_LINES else file.start.hash
        checked = rows[1:] if len(rows) > TAIL_LINES else rows
        for row in checked:
            _check(path, row, before)
            before = row[1]
        last = read_line(rows[-1][2])
        segment = last.segment + 1 if last.boot == boot else 0
        return Opened(path, Tail(file.id, rows[-1][0], rows[-1][1]), segment, fresh=False)


def _not_shorter(opened: Opened, known: Tail | None) -> Opened:
    """Refuse a file that lacks lines it once had: their numbers, given out again, would look like a forged journal."""
    if known is not None and known.journal == opened.tail.journal and known.sequence > opened.tail.sequence:
        raise JournalBroken(opened.path, f"it ends with line {opened.tail.sequence}, and once had {known.sequence}")
    return opened


def _check(path: Path, row: tuple[int, bytes, bytes], before: bytes) -> None:
    sequence, known, body = row
    if not isinstance(body, bytes) or chained(before, body) != known:
        raise JournalBroken(path, f"line {sequence} does not follow from the line before it")


def _salvaged(path: Path) -> Tail | None:
    try:
        with reading(path) as file:
            sequence, known, _ = file.lines_before(1)[0]
            return Tail(file.id, sequence, known)
    except (sqlite3.Error, IndexError, JournalBroken, UnicodeDecodeError):
        return None


def _later(found: Tail | None, known: Tail | None) -> Tail | None:
    """The better knowledge of a journal's end: what is in it, unless more was once."""
    if found is None or known is None:
        return found or known
    return known if known.journal == found.journal and known.sequence > found.sequence else found


def _put_aside(path: Path, at: datetime) -> Path:
    name = f"{path.stem}.broken-{at:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    for suffix in ("-wal", "-shm", ".suspect", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(path.with_name(f"{name}.db{suffix}"))
    return path.with_name(f"{name}.db")


def suspect_mark(path: Path) -> Path:
    """The empty file that says that the journal beside it must be put aside at the next start."""
    return path.with_name(path.name + ".suspect")


class JournalFile:
    """A journal opened to read, beside the one writer: short reads, no lock held between them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=5.0)
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version != FORMAT:
            self._connection.close()
            raise JournalBroken(path, f"it is of format {version}, and this software reads format {FORMAT}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    @property
    def id(self) -> str:
        """The random id made with the file."""
        row = self._meta("id")
        if row is None:
            raise JournalBroken(self.path, "it has no id")
        return row.decode()

    @property
    def checkpoint(self) -> bytes | None:
        """The signed checkpoint that pruning left, in its envelope."""
        return self._meta("checkpoint")

    @property
    def start(self) -> Tail:
        """The line before the first one kept, as pruning noted it; not yet verified."""
        sequence, known = self._meta("pruned_sequence"), self._meta("pruned_hash")
        if sequence is None or known is None:
            return Tail(self.id, 0, GENESIS)
        return Tail(self.id, int.from_bytes(sequence, "big"), known)

    def lines(self, first: int, count: int) -> list[tuple[int, bytes, bytes]]:
        """Up to `count` rows from a sequence on."""
        query = "SELECT sequence, hash, body FROM lines WHERE sequence >= ? ORDER BY sequence LIMIT ?"
        return self._connection.execute(query, (first, count)).fetchall()

    def lines_before(self, count: int) -> list[tuple[int, bytes, bytes]]:
        """The last rows, oldest first."""
        query = "SELECT sequence, hash, body FROM lines ORDER BY sequence DESC LIMIT ?"
        return self._connection.execute(query, (count,)).fetchall()[::-1]

    def salvaged(self) -> tuple[list[bytes], int]:
        """Every line's bytes that can be read, in order, and how many sequences between them cannot.

        Raises:
            JournalBroken: not even one.
        """
        known: dict[int, bytes] = {}
        for direction in ("ASC", "DESC"):
            query = f"SELECT sequence, body FROM lines ORDER BY sequence {direction}"  # noqa: S608 - one of two words
            with suppress(sqlite3.Error):
                known.update(
                    (number, body) for number, body in self._connection.execute(query) if _is_line(number, body)
                )
        if not known:
            raise JournalBroken(self.path, "no line of it can be read")
        return [known[number] for number in sorted(known)], max(known) - min(known) + 1 - len(known)

    def events(self, first: int = 1) -> Iterator[Line]:
        """Every line from a sequence on, read."""
        while rows := self.lines(first, 500):
            yield from (read_line(body) for _, _, body in rows)
            first = rows[-1][0] + 1

    def verify(self, ring: KeyRing, audience: str) -> Counter[str]:
        """Check the chain from the start or the signed checkpoint, and count the lines by kind.

        Raises:
            JournalBroken: the first line that does not follow, or a checkpoint nobody signed.
        """
        start, counts = self._trusted_start(ring, audience)
        counts.update(kind_of(body) for _, _, body in self._following(start))
        return counts

    def check_chain(self) -> int:
        """Check the chain from where pruning left off, in one view of the file, and answer how many lines hold.

        Raises:
            JournalBroken: the first line that does not follow, or bytes that are no database.
        """
        try:
            self._connection.execute("BEGIN")
            return sum(1 for _ in self._following(self.start))
        except sqlite3.DatabaseError as error:
            raise JournalBroken(self.path, str(error)) from error

    def prunable(self, acked: int, before: datetime, most: int) -> Prunable | None:
        """The lines from the first on that were acked and are older than a moment, up to so many.

        Raises:
            JournalBroken: a line among them does not follow.
        """
        last: tuple[int, bytes, bytes] | None = None
        counts: Counter[str] = Counter()
        for row in self._following(self.start, acked, most):
            line = read_line(row[2])
            if line.at > before:
                break
            last = row
            counts[str(line.event.__struct_config__.tag)] += 1
        return None if last is None else Prunable(last[0], last[1], dict(counts))

    def _following(self, start: Tail, until: int | None = None, most: int | None = None) -> Iterator[JournalRow]:
        """Every line after one, each found to follow from the line before it."""
        sequence, before = start.sequence, start.hash
        last = min(until if until is not None else END, sequence + (most if most is not None else END))
        while rows := self.lines(sequence + 1, max(0, min(500, last - sequence))):
            for row in rows:
                if row[0] != sequence + 1:
                    raise JournalBroken(self.path, f"line {sequence + 1} is missing")
                _check(self.path, row, before)
                sequence, before = row[0], row[1]
                yield row
            if sequence >= last:
                return

    def _trusted_start(self, ring: KeyRing, audience: str) -> tuple[Tail, Counter[str]]:
        envelope = self.checkpoint
        if envelope is None:
            return Tail(self.id, 0, GENESIS), Counter()
        try:
            point = unseal(Kind.CHECKPOINT, audience, envelope, ring, Checkpoint)
        except (EnvelopeRefused, Malformed) as error:
            raise JournalBroken(self.path, f"its checkpoint is not signed as it must be ({error.code})") from error
        if point.journal != self.id:
            raise JournalBroken(self.path, "its checkpoint is another journal's")
        return Tail(point.journal, point.sequence, point.hash), Counter(point.counts)

    def _meta(self, name: str) -> bytes | None:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if row is not None and not isinstance(row[0], bytes):
            raise JournalBroken(self.path, f"its {name} is of another type")
        return None if row is None else row[0]


def _is_line(number: object, body: object) -> bool:
    return isinstance(number, int) and isinstance(body, bytes)


def reading(path: Path) -> JournalFile:
    """Open a journal's file to read."""
    return JournalFile(path)


def kind_of(body: bytes) -> str:
    """The tag of the event a line holds."""
    return str(read_line(body).event.__struct_config__.tag)
