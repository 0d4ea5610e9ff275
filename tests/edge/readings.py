"""What drivers' tests share: a post box to wait on, and a digest whose keys can be recognised."""

import queue
from collections.abc import Iterator

from aldaba_edge.ports import CardSeen, Reading
from aldaba_shared.ids import CredentialKey
from aldaba_shared.keys import CredentialKind

PATIENCE_SECONDS = 5.0


def plain_digest(kind: CredentialKind, canonical: bytes) -> CredentialKey:
    return CredentialKey(kind.encode() + b":" + canonical)


def seen(kind: CredentialKind, canonical: bytes) -> CardSeen:
    return CardSeen(kind, plain_digest(kind, canonical))


class PostBox:
    """Collects what a driver posts from its thread; `next` waits for it, `rest` is what has come already."""

    def __init__(self) -> None:
        self._readings: queue.Queue[Reading] = queue.Queue()

    def __call__(self, reading: Reading) -> None:
        self._readings.put(reading)

    def next(self, seconds: float = PATIENCE_SECONDS) -> Reading:
        return self._readings.get(timeout=seconds)

    def rest(self) -> Iterator[Reading]:
        while not self._readings.empty():
            yield self._readings.get()
