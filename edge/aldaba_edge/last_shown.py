"""The numbers of the last few cards, in memory for a moment: what a door seals when it finds one unknown.

Drivers digest a number and forget it, and only after the lookup is it known that
nobody has the card. So this stands between: it digests as before, remembers the
last few numbers by their digests, and gives one away sealed for the cloud or not
at all. Nothing of it is ever written, and a PIN is never kept.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

from aldaba_edge.ports import Digest
from aldaba_shared.ids import ControllerId, CredentialKey
from aldaba_shared.keys import CLONEABLE, MADE, CredentialKind
from aldaba_shared.sealed_number import seal_number

KEPT: Final = 8
"""A controller has few readers, and a card is looked up within a millisecond of being read."""
CARDS: Final = CLONEABLE | MADE | {CredentialKind.PKOC}
"""What can be given to somebody; nobody gives away a PIN, a pass or a phone."""


class LastShown:
    """Digests like the digest it was given, and can seal what it has digested a moment ago."""

    def __init__(self, controller: ControllerId, digest: Digest, public_key: Callable[[], bytes | None]) -> None:
        self._controller = controller
        self._digest = digest
        self._public_key = public_key
        self._shown: OrderedDict[CredentialKey, tuple[CredentialKind, bytes]] = OrderedDict()
        self._lock = Lock()  # readers on a bus digest on a thread of their own

    def digest(self, kind: CredentialKind, canonical: bytes) -> CredentialKey:
        """The key by which the rules in force know a credential."""
        key = self._digest(kind, canonical)
        if kind in CARDS:
            with self._lock:
                self._shown[key] = (kind, canonical)
                self._shown.move_to_end(key)
                if len(self._shown) > KEPT:
                    self._shown.popitem(last=False)
        return key

    def sealed(self, key: CredentialKey) -> bytes | None:
        """The number behind a digest, sealed for the cloud; None when it is gone or the rules name no key to seal with.

        It is forgotten by being asked for.
        """
        with self._lock:
            shown = self._shown.pop(key, None)
        public = self._public_key()
        if shown is None or public is None:
            return None
        kind, canonical = shown
        return seal_number(public, self._controller, kind, canonical)
