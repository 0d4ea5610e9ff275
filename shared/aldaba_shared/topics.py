"""Topics of the wire: `aldaba/1/{site}/{controller}/{channel}`; MQTT 3.1.1 is all they need."""

from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from aldaba_shared.ids import ControllerId, SiteId
from aldaba_shared.wire import Malformed

PREFIX: Final = "aldaba/1"
FORBIDDEN: Final = frozenset("/+#\x00")


class Channel(StrEnum):
    """What a topic carries."""

    UP = "up"
    """Controller to cloud: hello, journal batches."""
    DOWN = "down"
    """Cloud to controller: deltas, acks, commands."""
    STATE = "state"
    """Cloud to controller, retained: the head, the modes and the key list, in one payload (`parcel`)."""
    PRESENCE = "presence"
    """Controller to its peers and the cloud, retained: who it last saw where."""


class Address(NamedTuple):
    """Where a topic points."""

    site: SiteId
    controller: ControllerId
    channel: Channel


def topic(site: SiteId, controller: ControllerId, channel: Channel) -> str:
    """The topic of one channel of one controller.

    Raises:
        Malformed: an id that MQTT would read as a wildcard or a level.
    """
    for name in (site, controller):
        if not name or FORBIDDEN & set(name):
            raise Malformed("topic", f"the id {name!r} is empty or has one of / + #")
    return f"{PREFIX}/{site}/{controller}/{channel}"


@lru_cache(maxsize=4096)
def address(name: str) -> Address:
    """Where a topic points.

    Raises:
        Malformed: it is none of ours.
    """
    parts = name.split("/")
    ours = len(parts) == 5 and "/".join(parts[:2]) == PREFIX  # noqa: PLR2004 - the five levels of the module's first line
    if not ours or parts[4] not in set(Channel):
        raise Malformed("topic", f"{name[:80]!r} is not {PREFIX}/site/controller/channel")
    return Address(SiteId(parts[2]), ControllerId(parts[3]), Channel(parts[4]))
