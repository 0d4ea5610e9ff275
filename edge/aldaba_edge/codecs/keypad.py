"""Digits typed at a keypad, collected to a PIN; what was typed is forgotten as soon as it is told."""

from dataclasses import dataclass, field
from typing import Final

LONGEST_PIN: Final = 12
CLEAR: Final = 10
ENTER: Final = 11


@dataclass(slots=True)
class PinEntry:
    """One person's typing: digits until # tells them, * or a long pause forgets them.

    A PIN is told by # alone and never by its length, so every digit looks and
    sounds alike and the door does not show how long its PINs are.
    """

    forget_seconds: float = 10.0
    _digits: list[str] = field(default_factory=list)
    _last: float = 0.0

    def press(self, key: int, at: float) -> bytes | None:
        """The PIN as ASCII digits when this key completed one; at most 12 digits, more are no PIN."""
        if at - self._last > self.forget_seconds or key == CLEAR:
            self._digits = []
        self._last = at
        if key == ENTER:
            return self._told()
        if key < CLEAR and len(self._digits) <= LONGEST_PIN:
            self._digits.append(str(key))
        return None

    def _told(self) -> bytes | None:
        digits, self._digits = self._digits, []
        return "".join(digits).encode("ascii") if 0 < len(digits) <= LONGEST_PIN else None
