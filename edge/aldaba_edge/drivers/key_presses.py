"""Keys of a keypad to readings: a click for every key, and the digest of what was completed."""

from collections.abc import Iterator

from aldaba_edge.codecs.keypad import PinEntry
from aldaba_edge.ports import Digest, KeyPressed, PinTyped, Reading
from aldaba_shared.keys import CredentialKind


def readings_of(key: int, at: float, entry: PinEntry, digest: Digest) -> Iterator[Reading]:
    """What one key leads to; the digits themselves go no further than this."""
    yield KeyPressed()
    typed = entry.press(key, at)
    if typed is not None:
        yield PinTyped(digest(CredentialKind.PIN, typed))
