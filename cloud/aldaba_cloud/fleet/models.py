"""Controllers and what they sent, without a database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

from msgspec import structs

from aldaba_shared.card_keys import NO_SECRETS, DoorSecrets, KeySet, seal_secrets
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import GENESIS
from aldaba_shared.ids import ControllerId, DoorId, NetworkId, SiteId
from aldaba_shared.messages import Batch

OFFSET_THAT_MATTERS: Final = timedelta(seconds=2)
"""Smaller clock errors are within what a message's way may take, and are left alone."""

BIG: Final = 1 << 62
"""Numbers beyond are nobody's count, and no database keeps them."""

MAX_LINES: Final = 10_000
"""More in one batch is no controller's."""

UNREADABLE: Final = "unreadable_line"
"""The kind of a line that was signed and chained but is no line of any form we know."""


@dataclass(frozen=True, slots=True)
class HelloKept:
    """What a controller last said on connecting, and when we heard it."""

    at: datetime
    boot: str
    journal: str
    last_sequence: int
    nonce: bytes
    offset: timedelta
    """Our clock minus the controller's, at most: the message's way is in it."""


@dataclass(frozen=True, slots=True)
class Controller:
    """One controller: its key, the rules it has confirmed and when it was last heard."""

    id: ControllerId
    network: NetworkId
    site: SiteId
    name: str
    kid: bytes
    public_key: bytes
    sealed_controller_key: bytes
    software: str
    epoch: int
    version: int
    set_hash: bytes
    confirmed_at: datetime | None
    paired_at: datetime
    last_contact_at: datetime | None
    retired_at: datetime | None
    hello: HelloKept | None
    modes_counter: int
    modes_confirmed: int
    canary: bool = False
    """Whether it takes updates before the others."""
    software_since: datetime | None = None
    """When it first connected with the software it has."""

    @property
    def confirmed(self) -> tuple[int, int]:
        """The newest rule set the controller said is in force."""
        return (self.epoch, self.version)


class Watermark(NamedTuple):
    """The last line of a journal that is committed, and its hash."""

    sequence: int = 0
    hash: bytes = GENESIS


class Hole(NamedTuple):
    """Lines the controller no longer has, both ends included."""

    first: int
    last: int


class Fresh(NamedTuple):
    """Where in a batch the new lines begin, and the lines that are lost before them."""

    skip: int
    hole: Hole | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Everything in the batch is known."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """The batch begins after lines we do not have."""


@dataclass(frozen=True, slots=True)
class Forked:
    """The journal went on differently from a line we have: two writers, or a card put back from a copy."""


Placing: TypeAlias = Fresh | Duplicate | Beyond | Forked


class Sent(NamedTuple):
    """A batch as placing it wants to see it: where it begins, its chain, and what the controller says is lost."""

    first: int
    previous: bytes
    hashes: Sequence[bytes]
    lost_before: int | None = None

    @property
    def last(self) -> int:
        """The sequence of the last line."""
        return self.first + len(self.hashes) - 1

    def hash_at(self, sequence: int) -> bytes | None:
        """The hash after a line, if the batch says."""
        place = sequence - self.first
        if place == -1:
            return self.previous
        return self.hashes[place] if 0 <= place < len(self.hashes) else None


def place(sent: Sent, mark: Watermark, known_last: bytes | None) -> Placing:
    """Where a batch belongs. `known_last` is our hash of its last line, when that is at or below the watermark."""
    if not sent.hashes:
        return Duplicate()
    if sent.first > mark.sequence + 1:
        if sent.lost_before == sent.first:
            return Fresh(0, Hole(mark.sequence + 1, sent.first - 1))
        return Beyond()
    if sent.last < mark.sequence:
        return Duplicate() if known_last == sent.hashes[-1] else Forked()
    if sent.hash_at(mark.sequence) != mark.hash:
        return Forked()
    return Duplicate() if sent.last == mark.sequence else Fresh(mark.sequence + 1 - sent.first)


def chain(previous: bytes, lines: Sequence[bytes]) -> list[bytes]:
    """The hash after each line."""
    digest_of = sha256
    return [previous := digest_of(previous + line).digest() for line in lines]


class Run(NamedTuple):
    """Batches of one journal that follow each other, as one; its nonce is the last one's, whose ack answers all."""

    batch: Batch
    sent: Sent


def runs(batches: Iterable[Batch]) -> list[Run]:
    """Batches of one controller in their order, as few and as long as their chains show them to be.

    What waits after an outage comes in messages that follow each other: taken as
    one, everything that is done once a batch is done once for all of them.
    """
    found: list[Run] = []
    for batch in batches:
        sent = Sent(batch.first_sequence, batch.previous, chain(batch.previous, batch.lines), batch.lost_before)
        if found and _follows(found[-1], batch):
            found[-1] = _longer(found[-1], batch, sent)
        else:
            found.append(Run(batch, sent))
    return found


def _follows(run: Run, batch: Batch) -> bool:
    before = run.sent
    return (
        bool(before.hashes and batch.lines)
        and batch.lost_before is None
        and (batch.controller, batch.journal) == (run.batch.controller, run.batch.journal)
        and batch.first_sequence == before.last + 1
        and batch.previous == before.hashes[-1]
        and len(before.hashes) + len(batch.lines) <= MAX_LINES
    )


def _longer(run: Run, batch: Batch, sent: Sent) -> Run:
    lines = structs.replace(run.batch, lines=run.batch.lines + batch.lines, nonce=batch.nonce)
    return Run(lines, run.sent._replace(hashes=[*run.sent.hashes, *sent.hashes]))


def effective(at: datetime, offset: timedelta) -> datetime:
    """A controller's time on our clock; a sum beyond the calendar leaves it as it was."""
    try:
        return at + offset
    except OverflowError:
        return at


def plain(name: str) -> bool:
    """Whether a name fits its column and has nothing in it that a database refuses."""
    return 0 < len(name) <= 80 and "\x00" not in name  # noqa: PLR2004 - the width of the columns


class Alarm(NamedTuple):
    """Something that somebody on duty has to see."""

    id: int
    site: SiteId
    at: datetime
    kind: str
    controller: ControllerId
    door: DoorId | None
    journal: str
    sequence: int
    facts: dict[str, object]
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class BatchRefused(AldabaError):
    """A controller's message makes no sense although its signature holds."""

    code = "batch_refused"

    def __init__(self, controller: ControllerId, why: str) -> None:
        super().__init__(f"A message of the controller {controller} was refused: {why}. It was not acknowledged.")
        self.why = why


@dataclass(frozen=True, slots=True)
class ControllerKeys:
    """What compiling needs to know of a controller's keys.

    `paired` seals what only this controller may read. `digests` are the keys under
    which it may look a credential up now, the newest first.
    """

    controller: ControllerId
    paired: bytes = field(repr=False)
    digests: tuple[bytes, ...] = field(repr=False)
    sets: tuple[KeySet, ...] = ()
    number_key: bytes = b""
    """The public key under which it seals the numbers of unknown cards; empty: it tells none."""

    @property
    def sealed_secrets(self) -> bytes | None:
        """The row of secrets for this controller; None while it has none."""
        changed = self.digests[0] if self.digests[0] != self.paired else None
        known = DoorSecrets(self.sets, changed)
        return None if known == NO_SECRETS else seal_secrets(known, self.controller, self.paired)
