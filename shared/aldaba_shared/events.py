"""What happened at a controller: the events, and the line of the journal that holds one.

A journal is a chain: each line is the JSON of a `Line`, kept and sent as it was
written (docs/decisions/0012-journal-lines-are-json.md), and its hash is SHA-256
over the hash before it and those bytes. Sequence numbers have no holes within a
journal. Events carry ids, never names and never card numbers that anybody but
the cloud could read; an `access_decided` carries the facts `decide` saw, so that `explain` can run the
very same decision again.
"""

from hashlib import sha256
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from aldaba_shared.decide import Decision, DoorMode, DoorNow, PresenceNow, Presented, Side, decide
from aldaba_shared.event import Event
from aldaba_shared.ids import ControllerId, CredentialId, DoorId, HolderId, ZoneId
from aldaba_shared.power_events import BatteryCharged, BatteryLow, PowerFailing, PowerMainsBack, PowerMainsLost
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Facts
from aldaba_shared.turnstile import Passage
from aldaba_shared.wire import Malformed, Moment

GENESIS: Final = bytes(32)
"""The hash before the first line of a journal."""


class AccessDecided(Event, frozen=True, tag="access_decided", omit_defaults=True):
    """A credential was shown and answered. `into` is where the holder is from now on, if the answer moved them."""

    shown: Presented
    facts: Facts
    presence: PresenceNow
    door: DoorNow
    decision: Decision
    into: ZoneId | None = None
    released: bool = False
    """Whether the lock was asked to let through because of this answer."""
    command: str | None = None
    """The command that asked, where it was asked by a door's sticker."""
    number: bytes | None = None
    """What an unknown card said of itself, sealed for the cloud (`aldaba_shared.sealed_number`)."""

    def again(self) -> Decision:
        """The very decision, run again on the facts the door saw."""
        return decide(self.shown, self.facts, self.presence, self.door)


class RecordedLate(Event, frozen=True, tag="recorded_late"):
    """The release of line `sequence` did not wait for the disk: it took `waited_ms` to be durable."""

    sequence: int
    waited_ms: int


class ExitRequested(Event, frozen=True, tag="exit_requested"):
    """The exit button was pressed; the door let out at once."""

    door: DoorId


class DoorReleased(Event, frozen=True, tag="door_released", omit_defaults=True):
    """The lock was released by something other than a credential: a command, a person on the spot, a mode."""

    door: DoorId
    by: str
    command: str | None = None


class DoorOpened(Event, frozen=True, tag="door_opened"):
    """The leaf opened after a release."""

    door: DoorId


class DoorClosed(Event, frozen=True, tag="door_closed"):
    """The leaf closed."""

    door: DoorId


class DoorForced(Event, frozen=True, tag="door_forced"):
    """The leaf opened without a release: an alarm."""

    door: DoorId


class DoorHeld(Event, frozen=True, tag="door_held"):
    """The leaf stayed open for too long: an alarm. `after_ms` counts from the opening."""

    door: DoorId
    after_ms: int


class Passed(Event, frozen=True, tag="passed", omit_defaults=True):
    """A turnstile's arm turned: a person, not a tap. Without a holder it was a second one, or nobody had tapped."""

    door: DoorId
    side: Side
    holder: HolderId | None = None
    into: ZoneId | None = None
    how: Passage = Passage.GRANTED
    left: ZoneId | None = None
    """The zone on this side of the arm, said where nobody's name tells where they were."""


class LockRested(Event, frozen=True, tag="lock_rested"):
    """The lock had been powered for as long as its maker allows, and was let rest: the door is held again."""

    door: DoorId
    after_ms: int


class LockStuck(Event, frozen=True, tag="lock_stuck"):
    """The relay's feedback says other than it was told: an alarm. `wanted` is `released` or `secured`."""

    door: DoorId
    wanted: str


class LockFollows(Event, frozen=True, tag="lock_follows"):
    """The relay does again what it is told."""

    door: DoorId


class FireReported(Event, frozen=True, tag="fire_reported"):
    """The fire input went active: the door lets everybody through until it rests. An alarm."""

    door: DoorId


class FireEnded(Event, frozen=True, tag="fire_ended"):
    """The fire input rests again."""

    door: DoorId


class IntrusionArmed(Event, frozen=True, tag="intrusion_armed"):
    """The last person left a zone, and the intrusion alarm was armed."""

    zone: ZoneId
    why: str


class IntrusionDisarmed(Event, frozen=True, tag="intrusion_disarmed", omit_defaults=True):
    """The intrusion alarm was disarmed, before the door of the first person to come let them in."""

    zone: ZoneId
    why: str
    door: DoorId | None = None


class ShadowCompared(Event, frozen=True, tag="shadow_compared", omit_defaults=True):
    """What the system beside us did, and what we would have done; we released nothing.

    `sequence` is the line of our decision; None when the other system opened and
    nothing was shown to us. `ours` is our reason, `theirs` whether it opened.
    """

    door: DoorId
    theirs: bool
    ours: str | None = None
    sequence: int | None = None
    holder: HolderId | None = None
    into: ZoneId | None = None

    @property
    def agreed(self) -> bool:
        """Whether both did the same."""
        return self.ours is not None and (self.ours == Reason.GRANTED.value) is self.theirs


class ShadowChanged(Event, frozen=True, tag="shadow_changed"):
    """The door went into shadow (listens and releases nothing) or live. `by` says who switched."""

    door: DoorId
    shadow: bool
    by: str


class EnteredTogether(Event, frozen=True, tag="entered_together", omit_defaults=True):
    """Whoever was shown first at a door for two went in with the second; `into` is where they are from now on."""

    door: DoorId
    side: Side
    holder: HolderId
    into: ZoneId | None = None


class PassageNotTaken(Event, frozen=True, tag="passage_not_taken", omit_defaults=True):
    """A turnstile was released and nobody went through before it locked again."""

    door: DoorId
    holder: HolderId | None = None


class DoorModeChanged(Event, frozen=True, tag="door_mode_changed", omit_defaults=True):
    """The door now does something else by itself. `why` is what made it: a `ModeCause`."""

    door: DoorId
    mode: DoorMode
    until: Moment | None = None
    why: str = ""


class ReaderLost(Event, frozen=True, tag="reader_lost"):
    """A reader stopped answering."""

    door: DoorId
    side: Side
    why: str


class ReaderBack(Event, frozen=True, tag="reader_back"):
    """A reader answers again."""

    door: DoorId
    side: Side


class DeviceLost(Event, frozen=True, tag="device_lost"):
    """A lock or an input fails: an alarm. `device` is its name in the configuration, such as `exit_button`."""

    door: DoorId
    device: str
    why: str


class DeviceBack(Event, frozen=True, tag="device_back"):
    """A lock or an input works again."""

    door: DoorId
    device: str


class Unreadable(Event, frozen=True, tag="unreadable"):
    """A reader gave bytes that are no credential; counted once a minute, never the bytes."""

    door: DoorId
    side: Side
    why: str
    times: int


class Tampered(Event, frozen=True, tag="tampered", omit_defaults=True):
    """A box or a reader was opened, or a reader is no longer the one that was keyed: an alarm.

    `side` and `why` (an error code such as `osdp_not_secure`) are said when a reader reports it itself.
    """

    door: DoorId
    side: Side | None = None
    why: str = ""


class DaemonStarted(Event, frozen=True, tag="daemon_started"):
    """The first line of every run: software, boot id, and how the run before ended."""

    software: str
    boot: str
    clean: bool


class JournalOpened(Event, frozen=True, tag="journal_opened", omit_defaults=True):
    """The first line of every journal; names the last line known of the one before it."""

    journal: str
    previous_journal: str | None = None
    previous_sequence: int = 0
    previous_hash: bytes | None = None


class RulesApplied(Event, frozen=True, tag="rules_applied"):
    """A rule set was verified and is in force."""

    epoch: int
    version: int
    set_hash: bytes


class MessageRefused(Event, frozen=True, tag="message_refused"):
    """Something forged, replayed, out of date or malformed came down the wire: an alarm. `why` is a code."""

    what: str
    why: str


class Unrecorded(Event, frozen=True, tag="unrecorded"):
    """Releases that no line tells of: the power went in the gap, or the disk and its reserve were full. An alarm."""

    times: int
    why: str


class ClockSet(Event, frozen=True, tag="clock_set"):
    """The wall clock jumped: a new clock segment begins. `by_ms` is new minus old."""

    by_ms: int


class ClockDoubted(Event, frozen=True, tag="clock_doubted", omit_defaults=True):
    """The wall clock cannot be believed, drifts, or was not set for a day: an alarm.

    `why` is a code; `off_ms` how far off the clock was found, cloud minus controller,
    where that is known.
    """

    why: str
    off_ms: int = 0


class ClockConfirmed(Event, frozen=True, tag="clock_confirmed", omit_defaults=True):
    """The wall clock is believed from now on. `by` says on whose word, `uncertainty_ms` how far it may be off."""

    by: str
    off_ms: int = 0
    uncertainty_ms: int = 0


class DiskShort(Event, frozen=True, tag="disk_short"):
    """The disk is full and the reserve was given up so that the books go on: an alarm."""

    free_bytes: int


class DiskBack(Event, frozen=True, tag="disk_back"):
    """There is room again, and the reserve is set aside."""

    free_bytes: int


class EmergencyCodeUsed(Event, frozen=True, tag="emergency_code_used"):
    """A sealed one-time code opened a door: an alarm as soon as anybody can be told."""

    door: DoorId
    credential: CredentialId


UNHURRIED: Final = (DoorOpened, DoorClosed, ExitRequested)
"""What nobody waits for: the leaf's ordinary movements and the exit button go up with what follows within seconds."""

AnyEvent: TypeAlias = (
    AccessDecided
    | RecordedLate
    | ExitRequested
    | DoorReleased
    | DoorOpened
    | DoorClosed
    | DoorForced
    | DoorHeld
    | LockRested
    | LockStuck
    | LockFollows
    | PowerMainsLost
    | PowerFailing
    | PowerMainsBack
    | BatteryLow
    | BatteryCharged
    | FireReported
    | FireEnded
    | IntrusionArmed
    | IntrusionDisarmed
    | ShadowCompared
    | ShadowChanged
    | Passed
    | EnteredTogether
    | PassageNotTaken
    | DoorModeChanged
    | ReaderLost
    | ReaderBack
    | DeviceLost
    | DeviceBack
    | Unreadable
    | Tampered
    | DaemonStarted
    | JournalOpened
    | RulesApplied
    | MessageRefused
    | Unrecorded
    | ClockSet
    | ClockDoubted
    | ClockConfirmed
    | DiskShort
    | DiskBack
    | EmergencyCodeUsed
)

ALARMS: Final = (
    DoorForced,
    DoorHeld,
    LockStuck,
    PowerFailing,
    BatteryLow,
    FireReported,
    Tampered,
    DeviceLost,
    MessageRefused,
    Unrecorded,
    ClockDoubted,
    DiskShort,
    EmergencyCodeUsed,
)
"""Events that somebody on duty has to see."""


class Line(Struct, frozen=True):
    """One line of a journal.

    `at` is the controller's wall clock; `boot`, `segment` and `monotonic_us` let
    the cloud time the line again once the offset of that clock segment is known.
    """

    sequence: int
    at: Moment
    boot: str
    segment: int
    monotonic_us: int
    event: AnyEvent


LINE_LIMIT: Final = 64 * 1024
"""No line is longer."""

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Line)


def write_line(line: Line) -> bytes:
    """The bytes of a line: what is chained, stored, sent and stored again."""
    return _ENCODER.encode(line)


def read_line(data: bytes) -> Line:
    """Read a line's bytes.

    Raises:
        Malformed: they are no line of any schema we know.
    """
    if len(data) > LINE_LIMIT:
        raise Malformed("Line", f"{len(data)} bytes are more than the {LINE_LIMIT} allowed")
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("Line", str(error)) from error


def chained(previous: bytes, line: bytes) -> bytes:
    """The hash of a line: SHA-256 over the hash before it and the line's bytes."""
    return sha256(previous + line).digest()


class Subject(Struct, frozen=True, omit_defaults=True):
    """The columns the cloud files a line under."""

    door: DoorId | None = None
    holder: HolderId | None = None
    credential: CredentialId | None = None
    reason: str | None = None


def subject(event: AnyEvent) -> Subject:
    """The door, holder, credential and reason an event is about."""
    if isinstance(event, AccessDecided):
        credential = event.facts.credential
        return Subject(
            event.shown.door,
            event.decision.holder,
            credential.id if credential else None,
            event.decision.reason.value,
        )
    return Subject(getattr(event, "door", None), getattr(event, "holder", None))


class Journal(Struct, frozen=True):
    """Which journal of which controller: sequence numbers mean something only within one."""

    controller: ControllerId
    journal: str
