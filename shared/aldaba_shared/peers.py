"""The peers of a controller: whose presence it believes, told by its signed rule set.

The root's private half is kept offline, so it cannot vouch for every controller
that is paired. The rule set is signed by the cloud's working key and reaches a
connected door within a second: a controller that is retired leaves the rules of
its peers with the next version. A peer's key may sign presence and nothing
else, whatever its row says.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from aldaba_shared.envelope import KeyRing
from aldaba_shared.messages import Kind, WorkingKey
from aldaba_shared.wire import decode, encode

SETTING: Final = "peers"
"""The name of the `setting` row."""


def peers_body(keys: Iterable[WorkingKey]) -> bytes:
    """The body of the row, in an order that depends on the keys alone."""
    return encode(sorted(keys, key=lambda key: key.kid))


def read_peers(body: bytes) -> KeyRing:
    """The ring of the peers' keys, each for presence alone.

    Raises:
        Malformed: the row holds something else.
        ValueError: a key in it is none.
    """
    return KeyRing(replace(key, signs=(Kind.PRESENCE,)) for key in decode(body, tuple[WorkingKey, ...]))
