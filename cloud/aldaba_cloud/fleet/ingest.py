"""Taking what controllers send: each line once, in order, whatever the way did to it.

The caller owns the transaction, and sends the answer only after the commit:
a controller may forget what was acknowledged. Presence is folded in the same
transaction by whoever keeps it, given as `Presence`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeAlias

from aldaba_cloud.db import Work
from aldaba_cloud.fleet import alarms as alarm_books
from aldaba_cloud.fleet import books, store
from aldaba_cloud.fleet.filing import PASSED, Filed, file_lines, zones_of
from aldaba_cloud.fleet.models import (
    BIG,
    MAX_LINES,
    OFFSET_THAT_MATTERS,
    UNREADABLE,
    BatchRefused,
    Beyond,
    Controller,
    Duplicate,
    Forked,
    Fresh,
    Run,
    Watermark,
    chain,
    effective,
    place,
    plain,
    runs,
)
from aldaba_shared.events import RulesApplied, read_line
from aldaba_shared.ids import ControllerId, HolderId, SiteId, ZoneId
from aldaba_shared.messages import Ack, Batch, Hello, Resend
from aldaba_shared.presence import Order, unnamed
from aldaba_shared.wire import Malformed, encode

Move: TypeAlias = tuple[HolderId, ZoneId, Order]
Segments: TypeAlias = dict[tuple[str, int], timedelta]
MICROSECOND: Final = timedelta(microseconds=1)
CONTACT_EVERY: Final = timedelta(seconds=5)
ALARMING: Final = frozenset(
    {
        "door_forced",
        "door_held",
        "lock_stuck",
        "power_failing",
        "battery_low",
        "fire_reported",
        "tampered",
        "device_lost",
        "message_refused",
        "unrecorded",
        "clock_doubted",
        "disk_short",
        "emergency_code_used",
        UNREADABLE,
    }
)
RULES_APPLIED: Final = "rules_applied"
CLOCK_SET: Final = "clock_set"
DURESS: Final = "duress"
"""An alarm that no event of its own tells of: at the door it is a grant like any other."""
ALARM_FACTS: Final = frozenset({"what", "device", "why", "times", "after_ms"})
JUMP_LIMIT_MS: Final = 1 << 43
"""Some 278 years."""


class Presence(Protocol):
    """Who keeps presence: told of movements inside the transaction that keeps their lines."""

    def fold(self, work: Work, site: SiteId, moves: Sequence[Move]) -> None:
        """Take movements in any order."""
        ...

    def refold(self, work: Work, site: SiteId, holders: Iterable[HolderId]) -> None:
        """Start again from all their events, because the times of some have changed."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: the answer to send after the commit, and the lines that were new."""

    answer: Ack | Resend | None
    lines: tuple[tuple[datetime, Filed], ...] = ()
    confirmed: bool = False
    forked: bool = False


def take_batch(work: Work, sender: Controller, batch: Batch, presence: Presence) -> Taken:
    """Keep the lines of a batch that are new.

    Raises:
        BatchRefused: it names another controller, or no sensible lines.
    """
    check(sender, batch)
    (run,) = runs([batch])
    return take_run(work, sender, run, presence)


def take_run(work: Work, sender: Controller, run: Run, presence: Presence) -> Taken:
    """Keep the lines that are new of batches that were checked and follow each other."""
    batch, sent = run
    mark = books.lock_watermark(work, sender, batch.journal)
    known = None
    if batch.lines and sent.last < mark.sequence:
        known = books.hash_of(work, sender.id, batch.journal, sent.last)
    match place(sent, mark, known):
        case Fresh() as fresh:
            return _keep(work, sender, run, (mark, fresh, presence))
        case Duplicate():
            _heard(work, sender)
            return Taken(_ack(work, batch, mark.sequence))
        case Beyond():
            _heard(work, sender)
            return Taken(Resend(sender.id, batch.journal, mark.sequence + 1, batch.nonce, work.now))
        case Forked():
            return _keep_aside(work, sender, run)


def take_hello(work: Work, sender: Controller, hello: Hello, presence: Presence) -> Ack | Resend | None:
    """Note what a controller says on connecting, and tell it where its journal stands; a repeat is no news.

    A nonce of an earlier connection is a replay: it is alarmed and not answered.
    """
    if hello.controller != sender.id:
        raise BatchRefused(sender.id, "its hello names another controller")
    if (
        not (plain(hello.journal) and plain(hello.boot))
        or not 0 <= hello.last_sequence < BIG
        or "\x00" in hello.software
    ):
        raise BatchRefused(sender.id, "its hello has no sensible journal, boot or sequence")
    if (
        hello.clock.tzinfo is None
        or not 0 <= hello.epoch < BIG
        or not 0 <= hello.version < BIG
        or not 0 <= hello.modes_counter < BIG
        or not 0 <= hello.segment < BIG
    ):
        raise BatchRefused(sender.id, "its hello has no sensible clock or rule set")
    again = sender.hello is not None and sender.hello.nonce == hello.nonce
    if not again:
        if not store.spend_nonce(work, sender, hello.nonce):
            alarm(work, sender, "message_refused", what="hello", why="replayed")
            return None
        store.save_hello(work, hello)
        store.save_confirmed(work, sender.id, (hello.epoch, hello.version), hello.set_hash)
        known, _ = books.find_segments(work, sender.id, hello.boot).get(hello.segment, (None, None))
        _learn(work, sender, (hello.boot, hello.segment, work.now - hello.clock), known, presence)
    mark = books.find_watermark(work, sender.id, hello.journal)
    if hello.last_sequence > mark.sequence:
        return Resend(sender.id, hello.journal, mark.sequence + 1, hello.nonce, work.now)
    return Ack(sender.id, hello.journal, mark.sequence, hello.nonce, work.now)


def alarm(work: Work, sender: Controller, kind: str, **facts: object) -> None:
    """Raise an alarm that no line tells of."""
    row = {
        "at": work.now,
        "kind": kind,
        "controller_id": sender.id,
        "door_id": None,
        "journal": "",
        "sequence": 0,
        "facts": facts,
    }
    alarm_books.add(work, sender.site, [row])


def check(sender: Controller, batch: Batch) -> None:
    """Look at a batch before anything is written.

    Raises:
        BatchRefused: it names another controller, or no sensible lines.
    """
    if batch.controller != sender.id:
        raise BatchRefused(sender.id, "its batch names another controller")
    if not 0 < batch.first_sequence < BIG or len(batch.lines) > MAX_LINES or not plain(batch.journal):
        raise BatchRefused(sender.id, "its batch has no sensible beginning, journal or number of lines")
    if len(batch.previous) != 32:  # noqa: PLR2004 - SHA-256
        raise BatchRefused(sender.id, "the hash before its first line is no SHA-256")


def _keep(work: Work, sender: Controller, run: Run, found: tuple[Watermark, Fresh, Presence]) -> Taken:
    batch, sent = run
    mark, fresh, presence = found
    if fresh.hole:
        books.add_hole(work, sender, batch.journal, fresh.hole)
        alarm(work, sender, "journal_hole", journal=batch.journal, first=fresh.hole.first, last=fresh.hole.last)
    mark = Watermark(sent.last, sent.hashes[-1])
    first = sent.first + fresh.skip
    filed = file_lines(first, batch.lines[fresh.skip :], sent.hashes[fresh.skip :], work.now)
    kinds = {line.kind for line in filed}
    offsets = _offsets(work, sender, filed, kinds, presence)
    lines = tuple([(_effective(line, offsets) if offsets else line.at, line) for line in filed])
    books.add_lines(work, sender, batch.journal, lines)
    books.move_watermark(work, sender.id, batch.journal, mark)
    _fold(work, sender, batch.journal, lines, presence)
    confirmed = _note_what_lines_say(work, sender, batch.journal, lines, kinds)
    _heard(work, sender)
    return Taken(_ack(work, batch, mark.sequence), lines, confirmed)


def _heard(work: Work, sender: Controller) -> None:
    """Note that a controller was heard, unless that was noted a moment ago: nobody asks for it by the second."""
    if sender.last_contact_at is None or not timedelta() <= work.now - sender.last_contact_at < CONTACT_EVERY:
        store.save_contact(work, sender.id)


def _effective(line: Filed, offsets: Segments) -> datetime:
    offset = offsets.get((line.boot, line.segment))
    return line.at if offset is None else effective(line.at, offset)


def _fold(
    work: Work, sender: Controller, journal: str, lines: Sequence[tuple[datetime, Filed]], presence: Presence
) -> None:
    """Tell of each holder's latest movement, and of whoever passed without a card.

    Lines of one journal compare by time, then by sequence.
    """
    moves: list[Move] = []
    latest: dict[str, tuple[datetime, Filed]] = {}
    for move in lines:
        at, line = move
        holder = line.holder
        if holder and line.zone:
            known = latest.get(holder)
            if known is None or known[0] <= at:
                latest[holder] = move
        elif line.kind == PASSED and not holder:
            moves += _without_a_card(line, Order(at, sender.id, journal, line.sequence))
    moves += [
        (HolderId(holder), ZoneId(line.zone or ""), Order(at, sender.id, journal, line.sequence))
        for holder, (at, line) in latest.items()
    ]
    if moves:
        presence.fold(work, sender.site, moves)


def _without_a_card(line: Filed, order: Order) -> Iterable[Move]:
    zones = zones_of(line.body)
    if zones is not None:
        yield from ((name, stay.zone, order) for name, stay in unnamed(*zones, order).items())


def _note_what_lines_say(
    work: Work, sender: Controller, journal: str, lines: Sequence[tuple[datetime, Filed]], kinds: set[str]
) -> bool:
    alarming = [
        {
            "at": at,
            "kind": DURESS if line.duress else line.kind,
            "controller_id": sender.id,
            "door_id": line.door,
            "journal": journal,
            "sequence": line.sequence,
            "facts": {name: value for name, value in line.event().items() if name in ALARM_FACTS},
        }
        for at, line in lines
        if line.duress or line.kind in ALARMING
    ]
    alarm_books.add(work, sender.site, alarming)
    if RULES_APPLIED not in kinds:
        return False
    return _confirm(work, sender, [line for _, line in lines if line.kind == RULES_APPLIED][-1])


def _confirm(work: Work, sender: Controller, line: Filed) -> bool:
    try:
        event = read_line(line.body).event
    except Malformed:
        return False
    if not isinstance(event, RulesApplied) or not 0 <= event.epoch < BIG or not 0 <= event.version < BIG:
        return False
    if (event.epoch, event.version) < sender.confirmed:
        return False
    store.save_confirmed(work, sender.id, (event.epoch, event.version), event.set_hash)
    return True


def _keep_aside(work: Work, sender: Controller, run: Run) -> Taken:
    batch, sent = run
    branch = books.Branch(batch.journal, sent.first, sent.hashes[-1], encode(batch.lines))
    if books.keep_fork(work, sender, branch):
        alarm(work, sender, "journal_forked", journal=batch.journal, first=sent.first, last=sent.last)
    return Taken(None, forked=True)


def _ack(work: Work, batch: Batch, watermark: int) -> Ack:
    return Ack(batch.controller, batch.journal, watermark, batch.nonce, work.now)


def _offsets(work: Work, sender: Controller, filed: Sequence[Filed], kinds: set[str], presence: Presence) -> Segments:
    """What to add to the clock of each segment in a batch, learning on the way what the batch tells of clocks."""
    if CLOCK_SET in kinds:
        _jump(work, sender, filed, presence)
    found: Segments = {}
    for boot in {line.boot for line in filed}:
        known = books.find_segments(work, sender.id, boot)
        if boot == filed[-1].boot and _bound(work, sender, filed[-1], known, presence):
            known = books.find_segments(work, sender.id, boot)
        for segment, (offset, _) in known.items():
            if offset and abs(offset * MICROSECOND) > OFFSET_THAT_MATTERS:
                found[boot, segment] = offset * MICROSECOND
    return found


def _jump(work: Work, sender: Controller, filed: Sequence[Filed], presence: Presence) -> None:
    for line in filed:
        jump = line.event().get("by_ms") if line.kind == CLOCK_SET else None
        if isinstance(jump, int) and abs(jump) < JUMP_LIMIT_MS:
            books.save_segment(work, sender, line.boot, line.segment, jump_us=jump * 1000)
            _spread(work, sender, line.boot, presence)


def _learn(
    work: Work, sender: Controller, seen: tuple[str, int, timedelta], known: int | None, presence: Presence
) -> bool:
    """Take the offset of a segment, unless the one known (in microseconds) is as good.

    A message can be late and never early, so of two measurements the smaller is
    the truer: who delays a hello cannot turn a clock that was measured before.
    """
    boot, segment, offset = seen
    if known is not None and offset + OFFSET_THAT_MATTERS >= known * MICROSECOND:
        return False
    books.save_segment(work, sender, boot, segment, offset_us=offset // MICROSECOND)
    _retime(work, sender, (boot, segment), offset, presence)
    _spread(work, sender, boot, presence)
    return True


def _bound(work: Work, sender: Controller, line: Filed, segments: books.Clocks, presence: Presence) -> bool:
    """Learn from a line's age: it was written before it came, so the clock's offset is no larger than that.

    A hello that the network held for twenty seconds teaches an offset of twenty
    seconds; the next line that comes in time takes it back. Where nothing is known
    only a line that is not late says something, for a backlog is old by itself.
    """
    age = work.now - line.at
    known, _ = segments.get(line.segment, (None, None))
    if known is None and age > OFFSET_THAT_MATTERS:
        return False
    return _learn(work, sender, (line.boot, line.segment, age), known, presence)


def _spread(work: Work, sender: Controller, boot: str, presence: Presence) -> None:
    """Carry a known offset over the clock's jumps to the segments on both sides, where it is not known."""
    known = books.find_segments(work, sender.id, boot)
    learned = True
    while learned:
        learned = False
        for segment, (offset, jump) in sorted(known.items()):
            before = known.get(segment - 1, (None, None))
            if jump is None:
                continue
            if offset is not None and before[0] is None:
                at, value = segment - 1, offset + jump
            elif offset is None and before[0] is not None:
                at, value = segment, before[0] - jump
            else:
                continue
            books.save_segment(work, sender, boot, at, offset_us=value)
            known[at] = (value, known.get(at, (None, None))[1])
            _retime(work, sender, (boot, at), value * MICROSECOND, presence)
            learned = True


def _retime(work: Work, sender: Controller, segment: tuple[str, int], offset: timedelta, presence: Presence) -> None:
    if abs(offset) <= OFFSET_THAT_MATTERS:
        offset = timedelta()
    holders = books.retime(work, sender.id, *segment, offset)
    if holders:
        presence.refold(work, sender.site, holders)


def verify_chain(work: Work, controller: ControllerId, journal: str) -> int | None:
    """The first line of a journal whose bytes are not what its hash says; None if the chain holds."""
    previous, expected = None, None
    for row in books.journal_lines(work, controller, journal):
        if expected == row.sequence and previous is not None and chain(previous, [row.body])[0] != row.hash:
            return int(row.sequence)
        previous, expected = row.hash, row.sequence + 1
    return None
