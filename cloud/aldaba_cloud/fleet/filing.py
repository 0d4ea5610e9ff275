"""Reading lines for the columns they are filed under, a whole batch at once.

A line is read by what every form of it has, so that kinds of later releases are
kept and not refused, and nothing is decoded that no column shows. One form fits
nearly every line; a batch in which it does not fit one is read line by line.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec

from aldaba_cloud.fleet.models import BIG, UNREADABLE
from aldaba_shared.events import LINE_LIMIT
from aldaba_shared.ids import ZoneId

ANSWER: Final = "access_decided"
NO_DURESS: Final = False
NUL_ESCAPED: Final = b"\\u0000"


class Filed(NamedTuple):
    """A line and the columns it is filed under, those from `kind` on in the books' order.

    `at` is the controller's own time. `duress` says that whoever was answered typed their PIN of duress.
    """

    sequence: int
    at: datetime
    duress: bool
    kind: str
    door: str | None
    holder: str | None
    credential: str | None
    reason: str | None
    zone: str | None
    boot: str
    segment: int
    body: bytes
    hash: bytes

    def event(self) -> dict[str, object]:
        """Everything the event says, as the line has it; nothing if nobody can read it."""
        if self.kind == UNREADABLE:
            return {}
        return dict(msgspec.json.decode(self.body)["event"])


Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=80)]
"""What fits its column."""


class _Shown(msgspec.Struct, gc=False):
    door: Text


class _Credential(msgspec.Struct, gc=False):
    id: Text
    duress: bool = False


class _Facts(msgspec.Struct, gc=False):
    credential: _Credential | None = None


class _Decision(msgspec.Struct, gc=False):
    reason: Text
    holder: Text | None = None


class _DoorNow(msgspec.Struct, gc=False):
    """How a door was when it answered: in an answer it stands where other events name their door."""


class _Other(msgspec.Struct, gc=False):
    """What is filed of any event, of whatever release."""

    kind: Text
    door: Text | None = None
    holder: Text | None = None
    into: Text | None = None


class _Usual(msgspec.Struct, gc=False):
    """The same, and what an answer to a credential has besides."""

    kind: Text
    door: Text | _DoorNow | None = None
    holder: Text | None = None
    into: Text | None = None
    shown: _Shown | None = None
    facts: _Facts | None = None
    decision: _Decision | None = None


class _Line(msgspec.Struct, gc=False):
    sequence: int
    at: datetime
    boot: Text
    segment: Annotated[int, msgspec.Meta(ge=0, lt=BIG)]


class _UsualLine(_Line, gc=False):
    event: _Usual


class _OtherLine(_Line, gc=False):
    event: _Other


MOVING: Final = frozenset({"passed", "entered_together", "shadow_compared"})
"""Kinds besides answers that move a holder."""

PASSED: Final = "passed"


class _Way(msgspec.Struct, gc=False):
    into: Text | None = None
    left: Text | None = None


class _WayLine(msgspec.Struct, gc=False):
    event: _Way


def zones_of(body: bytes) -> tuple[ZoneId, ZoneId | None] | None:
    """Where the passage of a line led and where it began; None if the line does not say."""
    try:
        way = msgspec.json.decode(body, type=_WayLine).event
    except (msgspec.DecodeError, RecursionError):
        return None
    return (ZoneId(way.into), ZoneId(way.left) if way.left else None) if way.into else None


_USUAL: Final = msgspec.json.Decoder(_UsualLine).decode
_OTHER: Final = msgspec.json.Decoder(_OtherLine).decode


def file_lines(first: int, bodies: Sequence[bytes], hashes: Sequence[bytes], received_at: datetime) -> list[Filed]:
    """File lines that follow each other from `first` on; what nobody can read is kept, and marked so."""
    try:
        read: list[_UsualLine | _OtherLine | None] = list(map(_USUAL, bodies))
    except (msgspec.DecodeError, RecursionError):
        read = list(map(_read, bodies))
    # Looked for once in all of them: a text with a NUL in it is refused by PostgreSQL.
    doubtful = NUL_ESCAPED in b"".join(bodies)
    filed = []
    for sequence, (line, body, digest) in enumerate(zip(read, bodies, hashes, strict=True), first):
        known = _file(sequence, line, body, digest)
        if known is None or (doubtful and _has_nul(known)):
            known = _unreadable(sequence, body, digest, received_at)
        filed.append(known)
    return filed


def _read(body: bytes) -> _UsualLine | _OtherLine | None:
    """A line by itself; one that fits no form has no columns."""
    for decode in (_USUAL, _OTHER):
        try:
            return decode(body)
        except (msgspec.DecodeError, RecursionError):
            continue
    return None


def _file(sequence: int, line: _UsualLine | _OtherLine | None, body: bytes, digest: bytes) -> Filed | None:
    """A line under its columns; None if it is not what its place in the journal, or a column, wants.

    Door, holder, credential, reason and zone go by the same rule as `events.subject` and `movements.movement`.
    """
    if line is None or line.sequence != sequence or len(body) > LINE_LIMIT:
        return None
    at, event = line.at, line.event
    if at.tzinfo is not UTC:
        known = _in_utc(at)
        if known is None:
            return None
        at = known
    boot, segment = line.boot, line.segment
    if event.kind != ANSWER:
        door, holder, kind = event.door, event.holder, event.kind
        if isinstance(door, _DoorNow):
            return None
        zone = event.into if holder and kind in MOVING else None
        return Filed(sequence, at, NO_DURESS, kind[:40], door, holder, None, None, zone, boot, segment, body, digest)
    if not isinstance(event, _Usual) or event.decision is None or event.shown is None or event.facts is None:
        return None
    shown, decision, card = event.shown, event.decision, event.facts.credential
    holder = decision.holder
    credential, duress = (card.id, card.duress) if card else (None, NO_DURESS)
    zone = event.into if holder else None
    return Filed(
        sequence, at, duress, ANSWER, shown.door, holder, credential, decision.reason, zone, boot, segment, body, digest
    )


def _in_utc(at: datetime) -> datetime | None:
    """A time that names another zone; None if it names none, or lies outside the calendar."""
    if at.tzinfo is None:
        return None
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return None


def _has_nul(line: Filed) -> bool:
    texts = (line.kind, line.door, line.holder, line.credential, line.reason, line.zone, line.boot)
    return any("\x00" in text for text in texts if text)


def _unreadable(sequence: int, body: bytes, digest: bytes, received_at: datetime) -> Filed:
    return Filed(sequence, received_at, NO_DURESS, UNREADABLE, None, None, None, None, None, "", 0, body, digest)
