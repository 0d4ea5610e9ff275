"""Follows the cloud's rule sets: a head says which is in force, deltas and snapshots lead there."""

import secrets
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from aldaba_edge.ports import Clock, Snapshots, Timer
from aldaba_edge.rules_file import RulesRefused
from aldaba_edge.store import SqliteRules
from aldaba_edge.trust import OutOfDate, Trust
from aldaba_shared.envelope import EnvelopeRefused, seal, unseal
from aldaba_shared.messages import Delta, Head, Kind, SnapshotRequest

log = structlog.get_logger()

DELTA_SECONDS: Final = 2.0
"""How long a delta may come after its head before a whole snapshot is asked for."""
FIRST_RETRY: Final = 5.0
LONGEST_RETRY: Final = 300.0
MOST_WAITING: Final = 64


class RulesFollower:
    """Brings the rules to the generation of the newest head, one delta at a time or by a snapshot.

    `refused` is told of what and why whenever something came that must not count.
    """

    def __init__(
        self,
        rules: SqliteRules,
        trust: Trust,
        clock: Clock,
        snapshots: Snapshots,
        refused: Callable[[str, str], None],
    ) -> None:
        self.rules = rules
        self._trust = trust
        self._clock = clock
        self._snapshots = snapshots
        self._refused = refused
        self._wanted: Head | None = None
        self._waiting: deque[tuple[Delta, bytes]] = deque(maxlen=MOST_WAITING)
        self._busy = False
        self._timer: Timer | None = None
        self._retry = FIRST_RETRY
        self._asked_in_vain: tuple[int, int] | None = None
        """The newest generation known when the last snapshot that was asked for did not come."""
        self._rotated = False

    def keys_rotated(self) -> None:
        """The head kept on disk may be signed by a key that is gone: keep the next one at once."""
        self._rotated = True

    def head(self, envelope: bytes) -> None:
        """Take a head that came down.

        Raises:
            EnvelopeRefused: nobody trusted signed it for this controller.
            OutOfDate: a generation that was overtaken, or an older signature of this one.
        """
        head = self._trust.head(envelope)
        current, rules = self.rules.head, self.rules
        if head.generation < rules.floor:
            raise OutOfDate(Kind.HEAD, "below_floor", f"generation {head.generation} was overtaken")
        if current is not None and rules.verified and head.generation == current.generation:
            self._same_generation(head, current, envelope)
        elif self._wanted is None or head.generation >= self._wanted.generation:
            self._wanted = head
            self._soon(DELTA_SECONDS if rules.verified else 0)
            self._ask_anew(head)

    def _same_generation(self, head: Head, current: Head, envelope: bytes) -> None:
        if head.set_hash != current.set_hash:
            raise OutOfDate(Kind.HEAD, "hash_differs", "one generation cannot be two sets")
        if head.issued_at < current.issued_at:
            raise OutOfDate(Kind.HEAD, "replayed", "a younger signature of this generation is known")
        self.rules.refresh(head, envelope)
        if self._rotated:
            self._rotated = False
            self.rules.keep_head(envelope)

    def delta(self, envelope: bytes) -> None:
        """Take a delta that came down; it is applied when its turn comes.

        Raises:
            EnvelopeRefused: nobody trusted signed it for this controller.
            OutOfDate: it leads to a generation that was overtaken.
        """
        delta = unseal(Kind.DELTA, self._trust.controller, envelope, self._trust.ring, Delta)
        if delta.head.controller != self._trust.controller:
            raise EnvelopeRefused(Kind.DELTA, "it names another controller")
        if delta.head.generation <= self.rules.floor:
            known = self.rules.head
            if known is not None and (known.generation, known.set_hash) == (delta.head.generation, delta.head.set_hash):
                return  # brokers repeat messages
            raise OutOfDate(Kind.DELTA, "replayed", f"generation {delta.head.generation} was overtaken")
        self._waiting.append((delta, envelope))
        self._next()
        self._ask_anew(delta.head)

    def _next(self) -> None:
        """Apply the delta that follows the rules in force, if it has come."""
        if self._busy:
            return
        epoch, version = self.rules.generation
        following = [
            (delta, envelope)
            for delta, envelope in self._waiting
            if delta.head.epoch == epoch and delta.from_version == version and delta.head.version > version
        ]
        if following and self.rules.verified:
            self._busy = True
            self.rules.apply(*following[0], then=self._applied)
        elif self._waiting:
            self._soon(DELTA_SECONDS)

    def _ask_anew(self, head: Head) -> None:
        """Whatever was asked for in vain, the cloud has published since: wait no longer, it may be a revoke.

        Once for each generation that the cloud signed, so nobody can make a controller ask without end.
        """
        if self._asked_in_vain is not None and head.generation > self._asked_in_vain:
            self._asked_in_vain = None
            self._retry = FIRST_RETRY
            self._soon(0)

    def _applied(self, error: RulesRefused | None) -> None:
        self._busy = False
        if error is not None:
            self._refused("delta", error.why)
            self._waiting.clear()
            self._soon(0)
            return
        self._arrived()
        self._next()

    def _arrived(self) -> None:
        """New rules are in force: what waited for them is done or overtaken."""
        generation = self.rules.generation
        kept = [item for item in self._waiting if item[0].head.generation > generation]
        self._waiting.clear()
        self._waiting.extend(kept)
        self._retry = FIRST_RETRY
        self._asked_in_vain = None
        if not self._behind and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _behind(self) -> bool:
        wanted = self._wanted.generation if self._wanted is not None else (0, 0)
        return bool(self._waiting) or not self.rules.verified or self.rules.generation < wanted

    def _soon(self, seconds: float) -> None:
        if self._timer is not None:
            if seconds:
                return
            self._timer.cancel()
        self._timer = self._clock.call_later(seconds, self._fetch)

    def _fetch(self) -> None:
        self._timer = None
        if self._busy or not self._behind:
            return
        self._busy = True
        self.rules.incoming.mkdir(parents=True, exist_ok=True)
        epoch, version = self.rules.generation
        request = SnapshotRequest(self._trust.controller, self._clock.now(), secrets.token_bytes(16), epoch, version)
        envelope = seal(Kind.REQUEST, "cloud", request, self._trust.own)
        self._snapshots.fetch(envelope, self.rules.incoming / "rules.db", self._fetched)

    def _fetched(self, worked: bool) -> None:  # noqa: FBT001 - the shape of the `Snapshots` port
        if worked:
            self.rules.install(self._installed)
        else:
            self._failed()

    def _installed(self, error: RulesRefused | None) -> None:
        if error is not None:
            self._refused("snapshot", error.why)
            self._failed()
            return
        self._busy = False
        self._arrived()
        self._next()
        if self._behind:
            self._soon(DELTA_SECONDS)

    def _failed(self) -> None:
        self._busy = False
        known = [delta.head.generation for delta, _ in self._waiting]
        self._asked_in_vain = max([self.rules.generation, *known, *([self._wanted.generation] if self._wanted else [])])
        self._soon(self._retry)
        self._retry = min(self._retry * 2, LONGEST_RETRY)
