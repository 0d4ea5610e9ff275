"""A line of the books as people and programs are shown it: ids and reasons, never a name."""

from typing import Any

import msgspec

from aldaba_shared.events import AccessDecided, Line, read_line, subject


def shown_line(body: bytes) -> dict[str, Any]:
    """The JSON form of a line."""
    return shown(read_line(body))


def shown(line: Line) -> dict[str, Any]:
    """What stands in a line, flat enough to read."""
    about = subject(line.event)
    told: dict[str, Any] = {
        "sequence": line.sequence,
        "at": line.at.isoformat(),
        "event": line.event.__struct_config__.tag,
        "door": about.door,
        "reason": about.reason,
        "holder": about.holder,
    }
    told = {key: value for key, value in told.items() if value is not None}
    if isinstance(line.event, AccessDecided):
        return {**told, "side": line.event.shown.side.value, "released": line.event.released}
    rest = msgspec.to_builtins(line.event)
    return {**told, **{key: value for key, value in rest.items() if key != "kind" and not isinstance(value, bytes)}}
