"""The decision: the one place where a door says yes or no.

Rule 1: whatever can change an answer is an argument of `decide`.
Rule 2: this module imports no clock, no store, no network and no framework.
The edge calls it to open a door; the cloud calls it to explain and to rehearse.

The checks run in a fixed order and the first that fails names the reason. Egress
stands before all of them: nobody is ever kept inside by a rule, a payment, a
clock or a network.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from aldaba_shared.ids import CredentialId, DoorId, HolderId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential, Facts, Right
from aldaba_shared.wire import Moment


class Side(StrEnum):
    """One direction of a door. `EGRESS` is a side marked toward the street: it is never denied."""

    IN = "in"
    OUT = "out"
    EGRESS = "egress"


class DoorMode(StrEnum):
    """What a door does by itself."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    LOCKED_DOWN = "locked_down"
    EVACUATING = "evacuating"


class Passback(StrEnum):
    """What happens to a holder who enters a zone they are already in."""

    OFF = "off"
    SOFT = "soft"
    HARD = "hard"
    TIMED = "timed"


class UnsureClock(StrEnum):
    """Who may enter with a card while the controller is not sure of the time; passes and phones never may."""

    ALLOW = "allow"
    ESSENTIAL = "essential"


class Notice(StrEnum):
    """What a granted decision adds for the operator."""

    PASSBACK_SOFT = "passback_soft"
    RULES_STALE = "rules_stale"
    PRESENCE_APART = "presence_apart"
    """Decided while a controller of the zone ahead could not be heard."""
    CAME_BACK = "came_back"
    """Outside the schedule, and inside when it ended: in again for a moment."""


class Presented(Struct, frozen=True, omit_defaults=True):
    """A well-formed credential shown at one side of a door at an aware instant."""

    door: DoorId
    side: Side
    kind: CredentialKind
    at: Moment
    clock_trusted: bool = True


class PresenceNow(Struct, frozen=True, omit_defaults=True):
    """What presence says about this holder and the zone this side leads into."""

    passback: Passback = Passback.OFF
    inside: bool = False
    entered_at: Moment | None = None
    passback_minutes: int = 0
    """For `Passback.TIMED`: how long a second entry stays refused."""
    occupancy: int = 0
    safety_limit: int | None = None
    apart: bool = False
    """A controller of the zone cannot be heard: who is inside is what was last heard."""
    on_site_at: Moment | None = None
    """When the holder was last known anywhere inside the site; told only where a right lets people come back."""


class DoorNow(Struct, frozen=True, omit_defaults=True):
    """What the controller knows of the door at this moment, rules apart."""

    mode: DoorMode = DoorMode.LOCKED
    rules_verified: bool = True
    rules_issued_at: Moment | None = None
    """`issued_at` of the last verified head; None when there never was one."""
    offline_grace_hours: int = 168
    unsure_clock: UnsureClock = UnsureClock.ALLOW
    partner_open: bool = False
    """The interlocked partner is not secured."""
    second_factor: bool = False
    """A second factor is asked for now and has not been shown."""
    first_factor: CredentialId | None = None
    """What was shown before, when this is the second factor to it; for the books."""
    persons_needed: int = 1
    first_person: HolderId | None = None


class Decision(Struct, frozen=True, omit_defaults=True):
    """The answer: one reason, whom it was given to, and what the operator should see."""

    reason: Reason
    holder: HolderId | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def granted(self) -> bool:
        """Whether the door opens."""
        return self.reason is Reason.GRANTED


def decide(shown: Presented, facts: Facts, presence: PresenceNow, door: DoorNow) -> Decision:
    """Answer a credential; the first check that fails names the reason. Total: it never raises."""
    credential = facts.credential
    holder = credential.holder if credential else None
    if shown.side is Side.EGRESS:
        return Decision(Reason.GRANTED, holder)
    if door.mode is DoorMode.LOCKED_DOWN:
        return Decision(Reason.DOOR_LOCKED_DOWN, holder)
    if not door.rules_verified:
        return Decision(Reason.RULES_UNVERIFIED, holder)
    if facts.refusal is not None:
        return Decision(facts.refusal, holder)
    if credential is None:
        return Decision(Reason.UNKNOWN_CREDENTIAL)
    reason = (
        _credential_refused(credential, shown, door)
        or _rights_refused(facts.rights, shown.at, presence.on_site_at)
        or _place_refused(shown, presence)
        or _company_needed(credential.holder, door)
    )
    if reason is not None:
        return Decision(reason, holder)
    return Decision(Reason.GRANTED, holder, _notices(presence, shown, door, facts.rights))


def _credential_refused(credential: Credential, shown: Presented, door: DoorNow) -> Reason | None:
    """The credential by itself, before any right is asked for."""
    if not credential.enabled:
        return Reason.CREDENTIAL_DISABLED
    if not shown.clock_trusted and _needs_the_time(credential, shown, door):
        return Reason.CLOCK_UNTRUSTED
    if credential.valid_from is not None and shown.at < credential.valid_from:
        return Reason.CREDENTIAL_NOT_IN_FORCE
    if credential.valid_until is not None and shown.at >= credential.valid_until:
        return Reason.CREDENTIAL_NOT_IN_FORCE
    if not credential.essential and rules_too_old(shown.at, door):
        return Reason.RULES_TOO_OLD
    return None


def _needs_the_time(credential: Credential, shown: Presented, door: DoorNow) -> bool:
    """Passes and phones are good for a span of time and nothing else; for cards the door's policy says."""
    if shown.kind in (CredentialKind.PASS, CredentialKind.PHONE):
        return True
    return door.unsure_clock is UnsureClock.ESSENTIAL and not credential.essential


def rules_too_old(at: datetime, door: DoorNow) -> bool:
    """Whether the door went without a verified head for its whole grace; without any head it has no grace."""
    if door.rules_issued_at is None:
        return True
    return at - door.rules_issued_at >= timedelta(hours=door.offline_grace_hours)


def _rights_refused(rights: tuple[Right, ...], at: datetime, on_site_at: datetime | None) -> Reason | None:
    """One right that holds is enough; an unpaid contract never shuts the door of another one."""
    in_force = [right for right in rights if right.in_force(at)]
    if any(right.schedule.covers(at) for right in in_force):
        return None
    if any(_may_come_back(right, at, on_site_at) for right in in_force):
        return None
    if any(right.unpaid(at) for right in rights):
        return Reason.CONTRACT_NOT_IN_GOOD_STANDING
    return Reason.OUT_OF_SCHEDULE if in_force else Reason.NO_ACCESS_RIGHTS


def _may_come_back(right: Right, at: datetime, on_site_at: datetime | None) -> bool:
    """Whoever was seen inside after the schedule ended was inside at its end: nobody enters between."""
    if on_site_at is None or not right.schedule.reentry_minutes:
        return False
    closed = right.schedule.closed_at(at)
    return closed is not None and on_site_at >= closed


def _place_refused(shown: Presented, presence: PresenceNow) -> Reason | None:
    """Passback first, then room: who is inside already would not make the zone fuller."""
    if presence.inside and _passback_refuses(presence, shown.at):
        return Reason.PASSBACK
    if presence.inside or presence.safety_limit is None:
        return None
    return Reason.ZONE_FULL if presence.occupancy >= presence.safety_limit else None


def _passback_refuses(presence: PresenceNow, at: datetime) -> bool:
    if presence.passback is Passback.HARD:
        return True
    if presence.passback is not Passback.TIMED or presence.entered_at is None:
        return False
    return at - presence.entered_at < timedelta(minutes=presence.passback_minutes)


def _company_needed(holder: HolderId, door: DoorNow) -> Reason | None:
    """What the door itself still waits for once the holder has been found good."""
    if door.partner_open:
        return Reason.INTERLOCKED
    if door.second_factor:
        return Reason.SECOND_FACTOR_NEEDED
    if door.persons_needed > 1 and door.first_person in (None, holder):
        return Reason.SECOND_PERSON_NEEDED
    return None


STALE_AFTER = timedelta(minutes=5)
"""A connected door gets a head every minute; after five it works on, and says so."""


def _notices(presence: PresenceNow, shown: Presented, door: DoorNow, rights: tuple[Right, ...]) -> tuple[Notice, ...]:
    notices: tuple[Notice, ...] = ()
    if presence.inside and presence.passback is Passback.SOFT:
        notices = (Notice.PASSBACK_SOFT,)
    if door.rules_issued_at is None or shown.at - door.rules_issued_at > STALE_AFTER:
        notices = (*notices, Notice.RULES_STALE)
    if presence.apart:
        notices = (*notices, Notice.PRESENCE_APART)
    if presence.on_site_at is not None and not any(right.in_schedule(shown.at) for right in rights):
        notices = (*notices, Notice.CAME_BACK)
    return notices
