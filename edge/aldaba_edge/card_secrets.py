"""What a controller knows that no one else may: the site's card keys, and the key under which it digests.

Both come with the rules in force, sealed for this controller alone, and change
with them, also back when rules fall back. Readers ask from threads of their own,
so everything here is read whole or not at all.
"""

from collections.abc import Callable
from typing import Final

import structlog

from aldaba_shared.card_keys import NO_SECRETS, DoorSecrets, KeySet, open_secrets
from aldaba_shared.ids import ControllerId, CredentialKey
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.wire import Malformed

log: Final = structlog.get_logger()


class CardSecrets:
    """The secrets of the rules in force, opened once for each row that comes."""

    def __init__(self, controller: ControllerId, controller_key: bytes) -> None:
        self._controller = controller
        self._controller_key = controller_key
        self._body: Callable[[], bytes | None] = lambda: None
        self._opened: tuple[bytes | None, DoorSecrets] = (None, NO_SECRETS)

    def follow(self, body: Callable[[], bytes | None]) -> None:
        """Look here from now on for the sealed row; None while the rules have none."""
        self._body = body

    @property
    def now(self) -> DoorSecrets:
        """What is in force; nothing when the row was sealed for somebody else."""
        body, (known, opened) = self._body(), self._opened
        if body == known:
            return opened
        opened = self._open(body)
        self._opened = (body, opened)
        return opened

    def key_sets(self) -> tuple[KeySet, ...]:
        """The versions of the site's card keys that doors accept now."""
        return self.now.key_sets

    def digest(self, kind: CredentialKind, canonical: bytes) -> CredentialKey:
        """The key by which the rules in force know a credential."""
        return credential_key(self.now.digest_key or self._controller_key, kind, canonical)

    def _open(self, body: bytes | None) -> DoorSecrets:
        if body is None:
            return NO_SECRETS
        try:
            return open_secrets(body, self._controller, self._controller_key)
        except Malformed as error:
            log.error("secrets_unreadable", why=error.why)  # noqa: TRY400 - the traceback would tell nothing more
            return NO_SECRETS
