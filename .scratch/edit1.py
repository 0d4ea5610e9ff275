import re
p='shared/aldaba_shared/events.py'; s=open(p).read()
s=s.replace('''A journal is a chain: each line is the deterministic CBOR of a `Line`, and its
hash is SHA-256 over the hash before it and those bytes. Sequence numbers have no
holes within a journal.''','''A journal is a chain: each line is the JSON of a `Line`, kept and sent as it was
written (docs/decisions/0012-journal-lines-are-json.md), and its hash is SHA-256
over the hash before it and those bytes. Sequence numbers have no holes within a
journal.''')
s=s.replace('''from msgspec import Struct
''','''import msgspec
from msgspec import Struct
''')
s=s.replace("from aldaba_shared.wire import decode, encode\n","from aldaba_shared.wire import Malformed\n")
a=s.index('def write_line'); b=s.index('def chained')
s=s[:a]+'''LINE_LIMIT: Final = 64 * 1024
"""No line is longer."""

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Line)


def write_line(line: Line) -> bytes:
    """The bytes of a line: what is chained, stored, sent and stored again."""
    return _ENCODER.encode(line)


def read_line(data: bytes) -> Line:
    """Read a line's bytes.

    Raises:
        Malformed: they are no line of any schema we know.
    """
    if len(data) > LINE_LIMIT:
        raise Malformed("Line", f"{len(data)} bytes are more than the {LINE_LIMIT} allowed")
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed("Line", str(error)) from error


'''+s[b:]
open(p,'w').write(s)

p='cloud/aldaba_cloud/fleet/models.py'; s=open(p).read()
a=s.index('class Filed(NamedTuple)'); b=s.index('Columns: TypeAlias')
s=s[:a]+'''class Filed(NamedTuple):
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

    def event(self) -> dict[str, object]:
        """Everything the event says, as the line has it; nothing if nobody can read it."""
        if self.kind == UNREADABLE:
            return {}
        return dict(msgspec.json.decode(self.body)["event"])


Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=80)]
"""What fits its column."""


class _Known(msgspec.Struct):
    """One of the parts of an `access_decided`, as far as it is filed."""

    door: Text | None = None
    holder: Text | None = None
    reason: Text | None = None


class _Credential(msgspec.Struct):
    id: Text | None = None


class _Facts(msgspec.Struct):
    credential: _Credential | None = None


class _Event(msgspec.Struct):
    """What is filed of an event of any kind; the rest of it is not even looked at."""

    kind: Text
    door: Text | None = None
    holder: Text | None = None
    into: Text | None = None
    shown: _Known | None = None
    facts: _Facts | None = None
    decision: _Known | None = None


class _Line(msgspec.Struct):
    sequence: int
    at: datetime
    boot: Text
    segment: Annotated[int, msgspec.Meta(ge=0, lt=BIG)]
    event: _Event


_FILER: Final = msgspec.json.Decoder(_Line)


def file_line(sequence: int, body: bytes, digest: bytes, received_at: datetime) -> Filed:
    """File a line by what every form of it has, so that kinds of later releases are kept and not refused."""
    try:
        line = _FILER.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return _unreadable(sequence, body, digest, received_at)
    event, at = line.event, line.at
    known = _columns(event)
    if line.sequence != sequence or at.tzinfo is None or len(body) > LINE_LIMIT or known is None:
        return _unreadable(sequence, body, digest, received_at)
    if b"\\\\u0000" in body and any("\\x00" in text for text in (*known, event.kind, line.boot) if text):
        return _unreadable(sequence, body, digest, received_at)
    try:
        utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    except OverflowError:
        return _unreadable(sequence, body, digest, received_at)
    return Filed(sequence, utc, event.kind[:40], *known, line.boot, line.segment, body, digest)


'''+s[b:]
a=s.index('def _columns'); b=s.index('def _unreadable')
s=s[:a]+'''def _columns(event: _Event) -> Columns | None:
    """Door, holder, credential, reason and the zone moved to; the same rule as `events.subject` and `movement`.

    None for an answer that lacks what every answer has.
    """
    if event.kind == "access_decided":
        shown, decision, facts = event.shown, event.decision, event.facts
        if shown is None or decision is None or facts is None or shown.door is None or decision.reason is None:
            return None
        credential = facts.credential.id if facts.credential else None
        return (shown.door, decision.holder, credential, decision.reason, event.into if decision.holder else None)
    zone = event.into if event.kind == "passed" and event.holder else None
    return (event.door, event.holder, None, None, zone)


'''+s[b:]
s=s.replace('"", 0, {}, body, digest)','"", 0, body, digest)')
s=s.replace('LINE_LIMIT: Final = 64 * 1024\n','')
s=s.replace('from typing import Final, NamedTuple, TypeAlias\n','from typing import Annotated, Final, NamedTuple, TypeAlias\n\nimport msgspec\n')
s=s.replace('from aldaba_shared.events import GENESIS\n','from aldaba_shared.events import GENESIS, LINE_LIMIT\n')
s=s.replace('from aldaba_shared.wire import Malformed, loads\n','')
open(p,'w').write(s)

p='cloud/aldaba_cloud/fleet/ingest.py'; s=open(p).read()
s=s.replace('''            "facts": {name: line.event[name] for name in ("what", "why", "times", "after_ms") if name in line.event},
''','''            "facts": {name: value for name, value in line.event().items() if name in ALARM_FACTS},
''')
s=s.replace('''MAX_LINES: Final =''','''ALARM_FACTS: Final = frozenset({"what", "why", "times", "after_ms"})
MAX_LINES: Final =''')
s=s.replace('''    applied = [line.event for _, line in lines if line.kind == "rules_applied"]
    return _confirm(work, sender, applied[-1]) if applied else False
''','''    applied = [line for _, line in lines if line.kind == "rules_applied"]
    return _confirm(work, sender, applied[-1]) if applied else False
''')
a=s.index('def _confirm'); b=s.index('def _keep_aside')
s=s[:a]+'''def _confirm(work: Work, sender: Controller, line: Filed) -> bool:
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


'''+s[b:]
s=s.replace('jump = line.event.get("by_ms") if','jump = line.event().get("by_ms") if')
s=s.replace("from typing import Any, Final","from typing import Final")
s=s.replace("from aldaba_shared.wire import encode","from aldaba_shared.wire import Malformed, encode")
s=s.replace("from aldaba_shared.ids import ControllerId, HolderId","from aldaba_shared.events import RulesApplied, read_line\nfrom aldaba_shared.ids import ControllerId, HolderId")
open(p,'w').write(s)
p='cloud/aldaba_cloud/fleet/books.py'; s=open(p).read()
s=s.replace("*line[2:8], line.boot, line.segment, line.body, line.hash)","*line[2:])")
a=s.index('        rows = [\n            (\n                *head,\n                line.sequence,'); b=s.index('        work.db.exec_driver_sql(SQLITE_INSERT, rows)')
s=s[:a]+'''        moment = lru_cache(sqlite_moment)
        rows = [(*head, line.sequence, moment(at), moment(line.at), now, *line[2:]) for at, line in lines]
'''+s[b:]
s=s.replace("from datetime import UTC, datetime, timedelta\n","from datetime import UTC, datetime, timedelta\nfrom functools import lru_cache\n",1)
open(p,'w').write(s)
