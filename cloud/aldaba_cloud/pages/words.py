"""Events in words: what an operator reads for each kind, with its tone and icon."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from aldaba_cloud.pages.i18n import mark
from aldaba_cloud.pages.views import Tone


class Wording(NamedTuple):
    """How a kind of event looks on the board."""

    tone: Tone
    icon: str
    text: str


EVENTS: Final[Mapping[str, Wording]] = {
    "exit_requested": Wording(Tone.PLAIN, "out", mark("Exit button pressed")),
    "door_released": Wording(Tone.INFO, "unlock", mark("Released by hand or by a command")),
    "door_forced": Wording(Tone.BAD, "alarm", mark("Opened without a release")),
    "door_held": Wording(Tone.WARN, "alarm", mark("Left open too long")),
    "passed": Wording(Tone.GOOD, "people", mark("Went through the turnstile")),
    "entered_together": Wording(Tone.PLAIN, "check", mark("Went in as the first of two")),
    "passage_not_taken": Wording(Tone.PLAIN, "minus", mark("Did not go through the turnstile")),
    "door_mode_changed": Wording(Tone.INFO, "lock", mark("The door's mode changed")),
    "lock_rested": Wording(Tone.WARN, "clock", mark("The lock had to rest: the door is held again")),
    "lock_stuck": Wording(Tone.BAD, "alarm", mark("The lock does not do what it is told")),
    "lock_follows": Wording(Tone.PLAIN, "check", mark("The lock does what it is told again")),
    "power_mains_lost": Wording(Tone.WARN, "alarm", mark("The mains went away: the door lives on its battery")),
    "power_failing": Wording(Tone.BAD, "alarm", mark("The mains are still away")),
    "power_mains_back": Wording(Tone.PLAIN, "check", mark("The mains are back")),
    "battery_low": Wording(Tone.BAD, "alarm", mark("The battery of the door's supply is nearly empty")),
    "battery_charged": Wording(Tone.PLAIN, "check", mark("The battery of the door's supply has enough again")),
    "fire_reported": Wording(Tone.BAD, "alarm", mark("The fire input opened the door")),
    "fire_ended": Wording(Tone.INFO, "check", mark("The fire input is at rest again")),
    "intrusion_armed": Wording(Tone.INFO, "lock", mark("The intrusion alarm was armed")),
    "intrusion_disarmed": Wording(Tone.INFO, "unlock", mark("The intrusion alarm was disarmed")),
    "shadow_compared": Wording(Tone.PLAIN, "info", mark("Compared with the system beside us")),
    "shadow_changed": Wording(Tone.INFO, "info", mark("The door went into shadow or live")),
    "reader_lost": Wording(Tone.WARN, "unlink", mark("The reader stopped answering")),
    "reader_back": Wording(Tone.PLAIN, "link", mark("The reader answers again")),
    "device_lost": Wording(Tone.BAD, "unlink", mark("A lock or a button stopped working")),
    "device_back": Wording(Tone.PLAIN, "link", mark("A lock or a button works again")),
    "unreadable": Wording(Tone.PLAIN, "info", mark("Something was shown that is no credential")),
    "tampered": Wording(Tone.BAD, "alarm", mark("A box or a reader was opened")),
    "daemon_started": Wording(Tone.PLAIN, "chip", mark("The controller started")),
    "rules_applied": Wording(Tone.PLAIN, "check", mark("The controller follows new rules")),
    "message_refused": Wording(Tone.BAD, "alarm", mark("A forged or damaged message was refused")),
    "unrecorded": Wording(Tone.BAD, "alarm", mark("Some releases could not be recorded")),
    "clock_set": Wording(Tone.WARN, "clock", mark("The controller's clock jumped")),
    "clock_doubted": Wording(Tone.BAD, "clock", mark("The controller is not sure of the time")),
    "clock_confirmed": Wording(Tone.PLAIN, "clock", mark("The controller is sure of the time again")),
    "disk_short": Wording(Tone.BAD, "alarm", mark("The controller's disk is full")),
    "disk_back": Wording(Tone.PLAIN, "check", mark("The controller's disk has room again")),
    "emergency_code_used": Wording(Tone.BAD, "alarm", mark("An emergency code opened a door")),
    "unreadable_line": Wording(Tone.BAD, "alarm", mark("A line of the journal cannot be read")),
}
"""Kinds that are not here are the books' own and are not shown on the board."""

ALARMS: Final[Mapping[str, str]] = {
    "door_forced": mark("door forced"),
    "door_held": mark("door held open"),
    "lock_stuck": mark("lock stuck"),
    "power_failing": mark("mains lost"),
    "battery_low": mark("battery nearly empty"),
    "fire_reported": mark("fire"),
    "tampered": mark("box or reader opened"),
    "device_lost": mark("lock or button not working"),
    "message_refused": mark("forged message refused"),
    "unrecorded": mark("releases not recorded"),
    "clock_doubted": mark("time uncertain"),
    "disk_short": mark("disk full"),
    "emergency_code_used": mark("emergency code used"),
    "duress": mark("somebody was forced to open"),
    "journal_forked": mark("two different journals"),
    "controller_silent": mark("controller silent"),
}
OTHER_ALARM: Final = mark("needs a look")

ENTERED: Final = mark("Came in")
LEFT: Final = mark("Went out")
REFUSED: Final = mark("Refused: %(sentence)s")
NOTICES: Final[Mapping[str, str]] = {
    "passback_soft": mark("was counted as inside already"),
    "came_back": mark("came back after hours, having been inside at their end"),
    "rules_stale": mark("the door's rules were stale"),
    "presence_apart": mark("decided without hearing the other doors"),
}
SOMEBODY: Final = mark("Somebody unknown")

LEAVES: Final[Mapping[str, str]] = {
    "door_opened": "open",
    "door_closed": "secured",
    "door_forced": "forced",
    "door_held": "held",
    "door_released": "released",
}

CARD: Final = mark("Card")
KINDS: Final = {
    "uid": mark("UID card"),
    "wiegand": mark("Wiegand card"),
    "pkoc": mark("PKOC card"),
    "desfire": mark("DESFire card"),
    "ntag424": mark("NTAG 424 tag"),
    "phone": mark("Phone"),
    "pass": mark("Visitor's pass"),
    "pin": mark("PIN"),
    "emergency": mark("Emergency code"),
    "sticker": mark("Door's sticker"),
}
"""Kinds of credentials, by their code."""
