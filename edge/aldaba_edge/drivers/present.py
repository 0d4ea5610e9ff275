"""Who is in a reader's field: each card is told once, however often the chip finds it."""

from aldaba_edge.drivers.supervised import Session
from aldaba_edge.ports import Unreadable

RANDOM_UID_BYTES = 4
RANDOM_UID_FIRST = 0x08
"""ISO 14443-3: a four-byte UID that begins so is made up anew at every activation, as phones do."""


class Presence:
    """The card in the field: told, torn away in the middle, or none."""

    def __init__(self) -> None:
        self._uid: bytes | None = None
        self._torn = False

    @property
    def somebody(self) -> bool:
        """Whether a card was there a moment ago."""
        return self._uid is not None

    def is_told(self, uid: bytes) -> bool:
        """Whether this very card was told; a phone that has not left is the same one under another UID."""
        if self._uid is None or self._torn:
            return False
        return uid == self._uid or (_made_up(uid) and _made_up(self._uid))

    def told(self, uid: bytes) -> None:
        """The door heard of this card."""
        self._uid, self._torn = uid, False

    def torn(self, uid: bytes) -> None:
        """The card was lost before it had said who it is."""
        self._uid, self._torn = uid, True

    def left(self, session: Session) -> None:
        """The field is empty. A card that never said who it is, is said once: its holder went too early."""
        if self._torn:
            session.post(Unreadable("card_taken_away"))
        self._uid, self._torn = None, False


def _made_up(uid: bytes) -> bool:
    return len(uid) == RANDOM_UID_BYTES and uid[0] == RANDOM_UID_FIRST
