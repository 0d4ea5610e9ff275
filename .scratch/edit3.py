p='cloud/aldaba_cloud/fleet/models.py'; s=open(p).read()
a=s.index('class _Known(msgspec.Struct)'); b=s.index('def file_line')
s=s[:a]+'''class _Shown(msgspec.Struct):
    door: Text


class _Credential(msgspec.Struct):
    id: Text


class _Facts(msgspec.Struct):
    credential: _Credential | None = None


class _Decision(msgspec.Struct):
    reason: Text
    holder: Text | None = None


class _Answer(msgspec.Struct):
    """What is filed of an answer to a credential; the rest of it is not even looked at."""

    kind: Literal["access_decided"]
    shown: _Shown
    facts: _Facts
    decision: _Decision
    into: Text | None = None


class _Other(msgspec.Struct):
    """What is filed of any other event, of whatever release."""

    kind: Text
    door: Text | None = None
    holder: Text | None = None
    into: Text | None = None


class _Line(msgspec.Struct):
    sequence: int
    at: datetime
    boot: Text
    segment: Annotated[int, msgspec.Meta(ge=0, lt=BIG)]


class _AnswerLine(_Line):
    event: _Answer


class _OtherLine(_Line):
    event: _Other


_ANSWERS: Final = msgspec.json.Decoder(_AnswerLine)
_OTHERS: Final = msgspec.json.Decoder(_OtherLine)


'''+s[b:]
a=s.index('def file_line'); b=s.index('def effective')
s=s[:a]+'''def file_line(sequence: int, body: bytes, digest: bytes, received_at: datetime) -> Filed:
    """File a line by what every form of it has, so that kinds of later releases are kept and not refused."""
    line, known = _read(body)
    if line is None or line.sequence != sequence or line.at.tzinfo is None or len(body) > LINE_LIMIT:
        return _unreadable(sequence, body, digest, received_at)
    if b"\\\\u0000" in body and any("\\x00" in text for text in (*known, line.boot) if text):
        return _unreadable(sequence, body, digest, received_at)
    try:
        utc = line.at if line.at.tzinfo is UTC else line.at.astimezone(UTC)
    except OverflowError:
        return _unreadable(sequence, body, digest, received_at)
    return Filed(sequence, utc, *known, line.boot, line.segment, body, digest)


Columns: TypeAlias = tuple[str, str | None, str | None, str | None, str | None, str | None]
"""Kind, door, holder, credential, reason and the zone moved to; the same rule as `events.subject` and `movement`."""


def _read(body: bytes) -> tuple[_Line | None, Columns]:
    """Nearly every line is an answer, so that is tried first; a line that is neither form has no columns."""
    try:
        return _of_answer(_ANSWERS.decode(body))
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return _of_other(_OTHERS.decode(body))
    except (msgspec.DecodeError, RecursionError):
        return None, NO_COLUMNS


def _of_answer(line: _AnswerLine) -> tuple[_Line, Columns]:
    event, decision, credential = line.event, line.event.decision, line.event.facts.credential
    zone = event.into if decision.holder else None
    known = (event.kind, event.shown.door, decision.holder, credential.id if credential else None, decision.reason)
    return line, (*known, zone)


def _of_other(line: _OtherLine) -> tuple[_Line | None, Columns]:
    event = line.event
    if event.kind == "access_decided":
        return None, NO_COLUMNS
    zone = event.into if event.kind == "passed" and event.holder else None
    return line, (event.kind[:40], event.door, event.holder, None, None, zone)


'''+s[b:]
a=s.index('def _columns'); b=s.index('def _unreadable')
s=s[:a]+s[b:]
s=s.replace('''UNREADABLE, None, None, None, None, None, "", 0, body''','''*NO_COLUMNS, "", 0, body''')
s=s.replace('''class Filed(NamedTuple)''','''NO_COLUMNS: Final = (UNREADABLE, None, None, None, None, None)


class Filed(NamedTuple)''')
s=s.replace("import Annotated, Final, NamedTuple","import Annotated, Final, Literal, NamedTuple")
open(p,'w').write(s)
