"""What a door does by itself: the mode it was told, and when that mode ends."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from aldaba_edge.devices import Alarmed
from aldaba_edge.ports import Clock
from aldaba_shared.decide import DoorMode
from aldaba_shared.door import FREE_MODES

CHECK_SECONDS: Final = 60.0


class ModeKeeper:
    """Keeps one door's mode; `changed` is told of every change, `unsafe` says when no door may stay unlocked."""

    def __init__(
        self,
        clock: Clock,
        *,
        changed: Callable[[DoorMode, datetime | None], None],
        unsafe: Callable[[datetime], bool],
    ) -> None:
        self._clock = clock
        self._changed = changed
        self._unsafe = unsafe
        self._until: datetime | None = None
        self._timer = Alarmed(clock)
        self.mode = DoorMode.LOCKED

    def set(self, mode: DoorMode, until: datetime | None = None) -> None:
        """Do something else by itself, until a moment or until told otherwise; saying it twice changes nothing."""
        if until is not None and until <= self._clock.now():
            mode, until = DoorMode.LOCKED, None
        if (mode, until) == (self.mode, self._until):
            return
        self.mode, self._until = mode, until
        self._changed(mode, until)
        self._watch()

    def stop(self) -> None:
        """Watch no more."""
        self._timer.stop()

    def _watch(self) -> None:
        """A mode ends at its moment; an unlocked door also locks when rules are too old or the time is unsure."""
        self._timer.stop()
        now = self._clock.now()
        if self._until is not None and now >= self._until:
            return self.set(DoorMode.LOCKED)
        if self.mode is DoorMode.UNLOCKED and self._unsafe(now):
            return self.set(DoorMode.LOCKED)
        left = (self._until - now).total_seconds() if self._until is not None else CHECK_SECONDS
        if self._until is not None or self.mode in FREE_MODES:
            self._timer.start(min(left, CHECK_SECONDS), self._watch)
        return None
