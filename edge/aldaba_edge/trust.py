"""Whom this controller believes: the pinned root, the working keys the root signed, and itself."""

from contextlib import suppress

import structlog

from aldaba_edge.keyfile import Identity
from aldaba_edge.state import Slot, State
from aldaba_shared.envelope import EnvelopeRefused, KeyRing, kid_of, unseal
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ControllerId, SiteId
from aldaba_shared.messages import Delta, Head, KeyList, Kind, WorkingKey
from aldaba_shared.wire import Malformed

log = structlog.get_logger()
EVERYONE = "*"


class OutOfDate(AldabaError):
    """A signed message that was true once: replayed, or overtaken."""

    code = "out_of_date"

    def __init__(self, kind: Kind, why: str, told: str) -> None:
        super().__init__(f"A {kind} was refused: {told}. It changed nothing; look at who can write to the broker.")
        self.kind = kind
        self.why = why


class Trust:
    """The key ring of one controller; the key list is kept in `state.db` and only a newer one replaces it."""

    def __init__(self, identity: Identity, state: State) -> None:
        answer = identity.answer
        self.site = SiteId(answer.site)
        self.controller: ControllerId = answer.controller
        self.own = identity.signing_key()
        self._state = state
        self._root_key = answer.root_key
        self.serial = -1
        self.ring = KeyRing()
        self._before = KeyRing()
        for envelope in (answer.keys, state.get(Slot.KEYS, bytes)):
            if envelope:
                self._adopt(self._read(envelope))
        before = state.get(Slot.KEYS_BEFORE, bytes)
        if before:
            self._before = KeyRing(self._read(before).keys)
        self._envelope = state.get(Slot.KEYS, bytes) or answer.keys

    def _read(self, envelope: bytes) -> KeyList:
        """The key list of an envelope that the pinned root signed; the root may sign nothing else."""
        # Only the root's key is tried, whatever `kid` the envelope names for it.
        root = KeyRing([WorkingKey(kid_of(Kind.KEYS, envelope), self._root_key, (Kind.KEYS,))])
        return unseal(Kind.KEYS, EVERYONE, envelope, root, KeyList)

    def _adopt(self, keys: KeyList) -> None:
        if keys.serial > self.serial:
            self.serial = keys.serial
            self.ring = KeyRing(keys.keys)

    def accept_keys(self, envelope: bytes) -> bool:
        """Follow the root to a newer key list; False when it is the one already known.

        Raises:
            EnvelopeRefused: the pinned root did not sign it.
            OutOfDate: an older list than the one known.
        """
        if envelope == self._envelope:
            return False
        keys = self._read(envelope)
        if keys.serial == self.serial:
            return False
        if keys.serial < self.serial:
            raise OutOfDate(Kind.KEYS, "replayed", f"serial {keys.serial} is older than {self.serial}")
        self._state.put(Slot.KEYS_BEFORE, self._envelope)
        self._state.put(Slot.KEYS, envelope)
        self._before, self._envelope = self.ring, envelope
        self._adopt(keys)
        log.info("keys_rotated", serial=keys.serial)
        return True

    def head(self, envelope: bytes) -> Head:
        """A head that a working key signed for this controller.

        Raises:
            EnvelopeRefused: it is not.
        """
        return self._for_me(unseal(Kind.HEAD, self.controller, envelope, self.ring, Head))

    def stored_head(self, envelope: bytes) -> Head:
        """A head found on disk: in its own envelope or in that of the delta that brought it.

        The keys before the last rotation may have signed it.

        Raises:
            EnvelopeRefused: nobody we ever believed did.
        """
        for ring in (self.ring, self._before):
            with suppress(EnvelopeRefused, Malformed):
                return self._for_me(unseal(Kind.HEAD, self.controller, envelope, ring, Head))
            with suppress(EnvelopeRefused, Malformed):
                return self._for_me(unseal(Kind.DELTA, self.controller, envelope, ring, Delta).head)
        raise EnvelopeRefused(Kind.HEAD, "no key this side ever believed signed it")

    def _for_me(self, head: Head) -> Head:
        if head.controller != self.controller:
            raise EnvelopeRefused(Kind.HEAD, "it names another controller")
        return head
