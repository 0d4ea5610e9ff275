"""What one MQTT message holds: envelopes by their kind.

An envelope's kind is covered by its signature but is not in its bytes, and a
topic that is retained keeps one message only. So a payload is a map from kind to
envelope: `up` and `down` carry one entry, the retained `state` carries the head,
the modes and the key list together, `presence` carries the news. The map itself
is not signed and needs no signature: an envelope under the wrong kind does not
verify, and one left out is one delayed.
"""

from collections.abc import Mapping
from typing import Final

from aldaba_shared.messages import Kind
from aldaba_shared.wire import Malformed, decode, encode

MOST_ENVELOPES: Final = 8
KINDS: Final = {kind.value: kind for kind in Kind}


def pack(envelopes: Mapping[Kind, bytes]) -> bytes:
    """The payload that holds these envelopes."""
    return encode({kind.value: envelope for kind, envelope in envelopes.items()})


def unpack(payload: bytes) -> dict[Kind, bytes]:
    """The envelopes of a payload by kind; kinds of a later schema are left out.

    An empty payload holds none: it is how a retained message is taken back (MQTT
    3.1.1, section 3.3.1.3).

    Raises:
        Malformed: the payload is no map from names to envelopes.
    """
    if not payload:
        return {}
    found = decode(payload, dict[str, bytes])
    if len(found) > MOST_ENVELOPES:
        raise Malformed("message", f"{len(found)} envelopes are more than the {MOST_ENVELOPES} allowed")
    return {KINDS[name]: envelope for name, envelope in found.items() if name in KINDS}
