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

ANSWER: Final = "access_decided"
DURESS_MARK: Final = b'"duress":true'
"""Stands in a line whose PIN called for help, and in hardly any other: looked for before the line is read."""
NUL_ESCAPED: Final = b"\\u0000"


class Filed(NamedTuple):
    """A line and the columns it is filed under. `at` is the controller's own time."""

    sequence: int
    at: datetime
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

    @property
    def duress(self) -> bool:
        """Whether whoever was answered typed their PIN of duress."""
        if self.kind != ANSWER or DURESS_MARK not in self.body:
            return False
        return msgspec.json.decode(self.body, type=_DuressLine).event.facts.credential.duress

    def event(self) -> dict[str, object]:
        """Everything the event says, as the line has it; nothing if nobody can read it."""
        if self.kind == UNREADABLE:
            return {}
        return dict(msgspec.json.decode(self.body)["event"])


Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=80)]
"""What fits its column."""


class _Shown(msgspec.Struct):
    door: Text


class _Credential(msgspec.Struct):
    id: Text


class _Facts(msgspec.Struct):
    credential: _Credential | None = None


class _Duress(msgspec.Struct):
    duress: bool = False


class _DuressFacts(msgspec.Struct):
    credential: _Duress = msgspec.field(default_factory=_Duress)


class _DuressEvent(msgspec.Struct):
    facts: _DuressFacts = msgspec.field(default_factory=_DuressFacts)


class _DuressLine(msgspec.Struct):
    event: _DuressEvent


class _Decision(msgspec.Struct):
    reason: Text
    holder: Text | None = None


class _DoorNow(msgspec.Struct):
    """How a door was when it answered: in an answer it stands where other events name their door."""


class _Other(msgspec.Struct):
    """What is filed of any event, of whatever release."""

    kind: Text
    door: Text | None = None
    holder: Text | None = None
    into: Text | None = None


class _Usual(msgspec.Struct):
    """The same, and what an answer to a credential has besides."""

    kind: Text
    door: Text | _DoorNow | None = None
    holder: Text | None = None
    into: Text | None = None
    shown: _Shown | None = None
    facts: _Facts | None = None
    decision: _Decision | None = None


class _Line(msgspec.Struct):
    sequence: int
    at: datetime
    boot: Text
    segment: Annotated[int, msgspec.Meta(ge=0, lt=BIG)]


class _UsualLine(_Line):
    event: _Usual


class _OtherLine(_Line):
    event: _Other


MOVING: Final = frozenset({"passed", "entered_together", "shadow_compared"})
"""Kinds besides answers that move a holder."""

_USUAL: Final = msgspec.json.Decoder(_UsualLine).decode
_OTHER: Final = msgspec.json.Decoder(_OtherLine).decode

Columns: TypeAlias = tuple[str, str | None, str | None, str | None, str | None, str | None]
"""Kind, door, holder, credential, reason and the zone moved to; the same rule as `events.subject` and `movement`."""


def file_lines(first: int, bodies: Sequence[bytes], hashes: Sequence[bytes], received_at: datetime) -> list[Filed]:
    """File lines that follow each other from `first` on; what nobody can read is kept, and marked so."""
    try:
        read: list[_UsualLine | _OtherLine | None] = list(map(_USUAL, bodies))
    except (msgspec.DecodeError, RecursionError):
        read = list(map(_read, bodies))
    lines = enumerate(zip(read, bodies, hashes, strict=True), start=first)
    return [
        _file(sequence, line, body, digest) or _unreadable(sequence, body, digest, received_at)
        for sequence, (line, body, digest) in lines
    ]


def _read(body: bytes) -> _UsualLine | _OtherLine | None:
    """A line by itself; one that fits no form has no columns."""
    for decode in (_USUAL, _OTHER):
        try:
            return decode(body)
        except (msgspec.DecodeError, RecursionError):
            continue
    return None


def _file(sequence: int, line: _UsualLine | _OtherLine | None, body: bytes, digest: bytes) -> Filed | None:
    """A line under its columns; None if it is not what its place in the journal, or a column, wants."""
    if line is None or line.sequence != sequence or len(body) > LINE_LIMIT:
        return None
    at, known = line.at, _columns(line.event)
    if at.tzinfo is not UTC:
        if at.tzinfo is None:
            return None
        try:
            at = at.astimezone(UTC)
        except OverflowError:
            return None
    if known is None or (NUL_ESCAPED in body and any("\x00" in text for text in (*known, line.boot) if text)):
        return None
    return Filed(sequence, at, *known, line.boot, line.segment, body, digest)


def _columns(event: _Usual | _Other) -> Columns | None:
    """What an event is filed under; None for one that lacks what every event of its kind has."""
    if event.kind != ANSWER:
        if isinstance(event.door, _DoorNow):
            return None
        zone = event.into if event.kind in MOVING and event.holder else None
        return (event.kind[:40], event.door, event.holder, None, None, zone)
    if not isinstance(event, _Usual) or event.decision is None or event.shown is None or event.facts is None:
        return None
    holder, credential = event.decision.holder, event.facts.credential
    zone = event.into if holder else None
    return (ANSWER, event.shown.door, holder, credential.id if credential else None, event.decision.reason, zone)


def _unreadable(sequence: int, body: bytes, digest: bytes, received_at: datetime) -> Filed:
    return Filed(sequence, received_at, UNREADABLE, None, None, None, None, None, "", 0, body, digest)
