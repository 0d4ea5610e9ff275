"""The rules in force: generations on disk, one of them current, swapped as a whole.

`rules/{epoch}-{version}/rules.db` is one generation; the link `current` is
swapped by rename and the directory synced, because a file renamed over a live
SQLite database would inherit its write-ahead log. The generation before stays,
to fall back on when the one in force turns out to be damaged.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from aldaba_edge.durable import sync
from aldaba_edge.rules_file import RulesFile, RulesRefused, apply_delta, bring_home, head_of, make_ready
from aldaba_edge.runner import Runner
from aldaba_edge.snapshot_child import Verify
from aldaba_edge.state import Slot, State
from aldaba_edge.trust import Trust
from aldaba_shared.door_rules import NOTHING_SAID, DoorRules
from aldaba_shared.envelope import EnvelopeRefused, KeyRing
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import AnyEvent, MessageRefused, RulesApplied
from aldaba_shared.ids import CredentialKey, DoorId, ScheduleId
from aldaba_shared.messages import Delta, Head
from aldaba_shared.presence import PresenceRules
from aldaba_shared.rules import NOTHING_KNOWN, Facts
from aldaba_shared.schedule import Schedule
from aldaba_shared.wire import Malformed

log = structlog.get_logger()
NO_RULES: Final = PresenceRules({}, "UTC")
NOBODY: Final = KeyRing()
HEAD_KEPT_SECONDS: Final = 600
"""How often a head that only grew younger is kept; after a restart rules look at most this much older."""


class SqliteRules:
    """Satisfies `RulesInForce`. `tell` records an event; slow work goes through `runner`.

    Nothing is loaded: at start the head's signature and the state are checked and
    decisions begin; `check_in_background` then recomputes the set hash.
    """

    def __init__(
        self,
        folder: Path,
        state: State,
        trust: Trust,
        *,
        runner: Runner,
        verify: Verify,
        tell: Callable[[AnyEvent], object],
    ) -> None:
        self.on_applied: Callable[[], None] = lambda: None
        self.folder = folder
        self._state = state
        self._trust = trust
        self._runner = runner
        self._verify = verify
        self._tell = tell
        self._file: RulesFile | None = None
        self._head: Head | None = None
        self._kept_head: Head | None = None
        self.verified = False
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.rmtree(self.incoming, ignore_errors=True)
        self._open_current()

    # What a decision asks

    def facts(self, door: DoorId, key: CredentialKey) -> Facts:
        """Everything about this credential at this door; nothing when the file cannot be read."""
        if self._file is None:
            return NOTHING_KNOWN
        try:
            return self._file.facts(door, key)
        except (sqlite3.Error, Malformed, KeyError, ValueError) as error:
            if self.verified:
                log.exception("rules_unreadable", why=type(error).__name__)
                self._fall_back("unreadable")
            return NOTHING_KNOWN

    def public_key(self, key: CredentialKey) -> bytes | None:
        """The point under which a credential proves possession; nothing when the file cannot be read."""
        try:
            return self._file.public_key(key) if self._file is not None else None
        except sqlite3.Error as error:
            log.exception("rules_unreadable", why=type(error).__name__)
            return None

    @property
    def head(self) -> Head | None:
        """The last verified head; its `issued_at` gives the rules their age."""
        return self._head

    @property
    def presence(self) -> PresenceRules:
        """The zones of the site and their limits."""
        return self._file.presence if self._file is not None else NO_RULES

    @property
    def asks_for_peers(self) -> bool:
        """Whether a rule of the site needs to know whether controllers can hear each other."""
        return self._file is not None and self._file.asks_for_peers

    def door_rules(self, door: DoorId) -> DoorRules:
        """What the rules say of a door itself; nothing, while there are none."""
        return self._file.door_rules(door) if self._file is not None else NOTHING_SAID

    def schedule(self, id_: ScheduleId) -> Schedule | None:
        """A schedule of the rules in force; None while there are none or they cannot be read."""
        try:
            return self._file.schedule(id_) if self._file is not None else None
        except (sqlite3.Error, Malformed):
            log.exception("schedule_unreadable", schedule=id_)
            return None

    @property
    def cancelled_passes(self) -> frozenset[bytes]:
        """The `cti`s of passes that were taken back before their end."""
        return self._file.cancelled_passes if self._file is not None else frozenset()

    @property
    def secrets(self) -> bytes | None:
        """What the rules in force hold sealed for this controller; None while they hold nothing."""
        return self._file.secrets if self._file is not None else None

    @property
    def number_key(self) -> bytes | None:
        """The public key under which the numbers of unknown cards are sealed; None while the rules name none."""
        return self._file.number_key if self._file is not None else None

    @property
    def peers(self) -> KeyRing:
        """Whose presence this controller believes."""
        return self._file.peers if self._file is not None else NOBODY

    @property
    def set_hash(self) -> bytes:
        """The hash of the rows in force, as their file says."""
        return self._file.set_hash if self._file is not None else bytes(32)

    @property
    def generation(self) -> tuple[int, int]:
        """Epoch and version in force; (0, 0) when there are no rules."""
        return self._head.generation if self._head is not None else (0, 0)

    @property
    def floor(self) -> tuple[int, int]:
        """The highest generation ever in force: nothing below it is believed."""
        return self._state.get(Slot.FLOOR, tuple[int, int]) or (0, 0)

    # Starting

    def _open_current(self) -> None:
        if self.floor == (0, 0):
            self._floor_from_disk()
        link = self.folder / "current"
        if link.exists():
            self._open(link.resolve())

    def _floor_from_disk(self) -> None:
        """The state was lost, or is new: nothing older than the newest signed generation found here is believed."""
        for folder in self._generations():
            with suppress(AldabaError):
                self._raise_floor(self._trust.stored_head(head_of(folder / "rules.db")[0]))

    def _open(self, folder: Path, *, fallen_back: bool = False) -> bool:
        """Open a generation if its head is signed and names its rows; the rows themselves are checked later."""
        path = folder / "rules.db"
        try:
            file = RulesFile(path)
        except (sqlite3.Error, AldabaError, ValueError, TypeError, KeyError) as error:
            # A flipped bit may leave a file that opens and rows that are no rows.
            self._refused("rules", "damaged", str(error))
            return False
        head = self._head_in(file, fallen_back=fallen_back)
        if head is None:
            file.close()
            return False
        if self._file is not None:
            self._file.close()
        self._file, self.verified = file, True
        self._head = self._younger(head)
        self._raise_floor(head)
        return True

    def _head_in(self, file: RulesFile, *, fallen_back: bool) -> Head | None:
        try:
            head = self._trust.stored_head(file.envelope)
        except (EnvelopeRefused, Malformed) as error:
            self._refused("rules", error.code, str(error))
            return None
        if fallen_back:
            # Deltas have moved its head on from the name of its folder.
            self._state.put(Slot.FALLBACK, head.generation)
        fallback = self._state.get(Slot.FALLBACK, tuple[int, int])
        if head.set_hash != file.set_hash:
            self._refused("rules", "hash_differs", str(file.path))
        elif head.generation < self.floor and head.generation != fallback:
            self._refused("rules", "below_floor", str(file.path))
        else:
            return head
        return None

    def _younger(self, head: Head) -> Head:
        """The head kept in `state.db` when it is the same generation signed again later."""
        kept = self._state.get(Slot.HEAD, bytes)
        if kept is None:
            return head
        with suppress(EnvelopeRefused, Malformed):
            again = self._trust.stored_head(kept)
            same = (again.generation, again.set_hash) == (head.generation, head.set_hash)
            if same and again.issued_at > head.issued_at:
                self._kept_head = again
                return again
        return head

    def _raise_floor(self, head: Head) -> None:
        if head.generation > self.floor:
            self._state.put(Slot.FLOOR, head.generation)

    def check_in_background(self) -> None:
        """Recompute the set hash in a child; on a mismatch fall back one generation, and say so."""
        file = self._file
        if file is None:
            return
        expected = file.set_hash

        def compare(found: bytes | AldabaError) -> None:
            if self._file is not file or file.set_hash != expected or found == expected:
                return
            self._fall_back(found.why if isinstance(found, RulesRefused) else "hash_differs")

        self._runner.run(lambda: self._verify(file.path), compare)

    def _fall_back(self, why: str) -> None:
        """The rows in force are not what was signed: use the generation before, and say so."""
        self.verified = False
        broken = self._file.path.parent if self._file is not None else None
        self._refused("rules", why, str(broken))
        for folder in sorted(self._generations(), key=_generation_of, reverse=True):
            older = broken is not None and _generation_of(folder) < _generation_of(broken)
            if older and self._open(folder, fallen_back=True):
                self._point_to(folder)
                log.warning("rules_fell_back", to=folder.name)
                return
        log.error("rules_unverified")

    # Heads, deltas, snapshots

    def refresh(self, head: Head, envelope: bytes) -> None:
        """Take a head of the generation in force, signed again: the rules are younger now."""
        if self._head is None or head.issued_at <= self._head.issued_at:
            return
        self._head = head
        kept = self._kept_head
        if kept is None or (head.issued_at - kept.issued_at).total_seconds() >= HEAD_KEPT_SECONDS:
            self.keep_head(envelope)

    def keep_head(self, envelope: bytes) -> None:
        """Keep the youngest head over a restart."""
        self._kept_head = self._head
        self._state.put(Slot.HEAD, envelope)

    def apply(self, delta: Delta, envelope: bytes, then: Callable[[RulesRefused | None], None]) -> None:
        """Apply a delta whose head was verified, in one transaction away from the loop."""
        file = self._file
        if file is None or not self.verified or delta.from_version != self.generation[1]:
            then(RulesRefused("not_next", f"version {delta.head.version} does not follow {self.generation[1]}"))
            return
        wanted, known = delta.head.set_hash, file.set_hash

        def applied(result: AldabaError | None) -> None:
            if isinstance(result, AldabaError):
                then(result if isinstance(result, RulesRefused) else RulesRefused("damaged", str(result)))
                return
            if self._file is file:
                file.refresh()
                self._in_force(delta.head)
            then(None)

        def job() -> None:
            try:
                apply_delta(file.path, known, delta.changes, envelope, wanted)
            except sqlite3.Error as error:
                raise RulesRefused("not_written", str(error)) from error

        self._runner.run(job, applied)

    def _in_force(self, head: Head) -> None:
        self._head, self._kept_head = head, None
        self.verified = True
        self._raise_floor(head)
        self._tell(RulesApplied(head.epoch, head.version, head.set_hash))
        self.on_applied()

    def tidy(self) -> None:
        """Bring the deltas' write-ahead log home, away from the loop; the next delta then begins it anew.

        Lookups stand in one long read transaction, which alone would let the log grow for ever.
        """
        file = self._file
        if file is None:
            return

        def stand_on_the_file(_result: object) -> None:
            if self._file is file:
                file.refresh()

        self._runner.run(lambda: bring_home(file.path), stand_on_the_file)

    @property
    def incoming(self) -> Path:
        """Where a snapshot is downloaded to."""
        return self.folder / "incoming"

    def install(self, then: Callable[[RulesRefused | None], None]) -> None:
        """Verify the file that was downloaded to `incoming/rules.db` and put it in force."""
        path = self.incoming / "rules.db"

        def checked(found: bytes | AldabaError) -> None:
            try:
                self._install(path, found)
            except RulesRefused as error:
                shutil.rmtree(self.incoming, ignore_errors=True)
                then(error)
            else:
                then(None)

        self._runner.run(lambda: self._verify(path), checked)

    def _install(self, path: Path, found: bytes | AldabaError) -> None:
        if isinstance(found, AldabaError):
            raise found if isinstance(found, RulesRefused) else RulesRefused("damaged", str(found))
        envelope, claimed = head_of(path)
        try:
            head = self._trust.head(envelope)
        except (EnvelopeRefused, Malformed) as error:
            raise RulesRefused(error.code, str(error)) from error
        if not head.set_hash == claimed == found:
            raise RulesRefused("hash_differs", "the rows are not the set their head names")
        if head.generation < self.floor or (self.verified and head.generation <= self.generation):
            raise RulesRefused("below_floor", f"generation {head.generation} is not newer")
        make_ready(path)
        target = self._moved_in(head)
        self._point_to(target)
        if not self._open(target):
            raise RulesRefused("damaged", f"{target} could not be opened")
        self._in_force(head)
        self._drop_old(target)

    def _moved_in(self, head: Head) -> Path:
        target = self.folder / f"{head.epoch}-{head.version}"
        if target.exists():
            # A damaged one of the same generation: SQLite may still hold it open, so it is moved, not overwritten.
            target.rename(self.folder / f"damaged-{head.epoch}-{head.version}-{os.urandom(2).hex()}")
        sync(self.incoming / "rules.db")
        sync(self.incoming)
        self.incoming.rename(target)
        sync(self.folder)
        return target

    def _point_to(self, folder: Path) -> None:
        link = self.folder / "current.new"
        link.unlink(missing_ok=True)
        link.symlink_to(folder.name)
        link.rename(self.folder / "current")
        sync(self.folder)

    def _generations(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if _generation_of(path) > (0, 0)]

    def _drop_old(self, current: Path) -> None:
        older = sorted((path for path in self._generations() if path != current), key=_generation_of)
        for path in (*older[:-1], *self.folder.glob("damaged-*")):
            shutil.rmtree(path, ignore_errors=True)

    def _refused(self, what: str, why: str, told: str) -> None:
        log.error("rules_refused", why=why, told=told)
        self._tell(MessageRefused(what, why))

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _generation_of(folder: Path) -> tuple[int, int]:
    epoch, _, version = folder.name.partition("-")
    return (int(epoch), int(version)) if epoch.isdecimal() and version.isdecimal() else (0, 0)
