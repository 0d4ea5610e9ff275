"""Judges a configuration before a door depends on it: its mistakes, and what each lock does when we are not there.

Three moments matter and none of them runs our code: a crash of the process, a
boot of the machine, a loss of power. What the door does then follows from the
lock, the relay's contact, the board's polarity and whether the board holds its
outputs; `outcome` is a pure function of those facts.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from aldaba_edge import check_use as use
from aldaba_edge import config as told
from aldaba_edge import fit
from aldaba_edge.drivers.registry import Kind, Registry
from aldaba_edge.in_clear import spoken_in_clear
from aldaba_edge.keyfile import IDENTITY, read_identity
from aldaba_edge.wiring import claimed_twice
from aldaba_profiles.catalog import BoardProfile, Catalog, LockProfile
from aldaba_shared.decide import Passback
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ZoneId
from aldaba_shared.messages import PairAnswer
from aldaba_shared.presence import PresenceRules


class Outcome(StrEnum):
    """What a door does by itself."""

    STAYS_SHUT = "stays_shut"
    OPENS = "opens"


@dataclass(frozen=True, slots=True)
class WithoutUs:
    """What one door does when nobody drives its pin."""

    door: str
    crash: Outcome
    """The process dies while the door is at rest."""
    crash_released: Outcome
    """The process dies while it lets somebody through; what a timer relay ends by itself counts as shut."""
    boot: Outcome
    """The machine starts and the pin floats or follows its boot line."""
    power_loss: Outcome
    """Neither the machine nor the lock has power."""

    def as_dict(self) -> dict[str, str]:
        """For a table or JSON."""
        return {
            "door": self.door,
            "crash": self.crash.value,
            "crash_released": self.crash_released.value,
            "boot": self.boot.value,
            "power_loss": self.power_loss.value,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything `check` found."""

    mistakes: list[str]
    warnings: list[str]
    doors: list[WithoutUs]

    @property
    def good(self) -> bool:
        """Whether a controller may run so."""
        return not self.mistakes


def outcome(*, relay_energised: bool, fail_safe: bool, contact_no: bool) -> Outcome:
    """What a lock does while its own supply lasts and its relay is in this position."""
    powered = relay_energised is contact_no
    return Outcome.OPENS if powered is not fail_safe else Outcome.STAYS_SHUT


def without_us(door: told.Door, board: BoardProfile | None) -> WithoutUs:
    """What a door does without us; a board nobody describes is taken to hold its outputs after a kill.

    A pin that was let go no longer drives the board, whose own pull-up or
    pull-down leaves the relay at rest; a board that holds outputs keeps the last
    level, and at boot drives nothing unless `boot` says otherwise. A timer relay
    takes the power from the lock itself, which shuts only a lock that fails secure.
    """
    lock = door.lock

    def at(*, energised: bool) -> Outcome:
        return outcome(relay_energised=energised, fail_safe=lock.fail_safe, contact_no=door.relay.contact == "NO")

    holds = board is None or board.may_hold_after_kill
    secured_energised = (not lock.fail_safe) is not (door.relay.contact == "NO")
    released_energised = not secured_energised
    held = at(energised=released_energised) if holds else at(energised=False)
    cut_off = lock.max_on_ms is not None and not lock.fail_safe
    return WithoutUs(
        door=door.id,
        crash=at(energised=secured_energised) if holds else at(energised=False),
        crash_released=Outcome.STAYS_SHUT if cut_off else held,
        boot=at(energised=False),
        power_loss=Outcome.OPENS if lock.fail_safe else Outcome.STAYS_SHUT,
    )


def check(path: Path, registry: Registry, catalog: Catalog, rules: PresenceRules | None) -> Verdict:
    """Judge a configuration as far as it can be read; `rules` are the zones of the rule set in force, if any."""
    found = told.read(path)
    mistakes = list(found.mistakes)
    warnings: list[str] = []
    if found.config is not None:
        exposed = told.secret_exposed(found.config.data / IDENTITY)
        mistakes += [exposed] if exposed else []
        in_clear = [f"{one}." for one in spoken_in_clear(found.config, _paired_with(found.config))]
        (warnings if found.config.without_tls == "bench" else mistakes).extend(in_clear)
        mistakes += registry.check(Kind.PINS, found.config.pins.profile, found.config.pins.options)
        mistakes += _clock(found.config.battery_clock, catalog) + use.of_alarms(found.config, registry)
    doors = []
    for door in found.doors:
        board = _board(door, catalog)
        mistakes += _devices(door, registry) + _dangers(door, board, {one.id for one in found.doors})
        mistakes += fit.safeguards(door, catalog) + fit.on_bus(door, board) + fit.key_files(door) + _zones(door, rules)
        mistakes += use.of_door(door, catalog)
        warnings += _doubts(door, board, catalog) + use.doubts_of_door(door)
        doors.append(without_us(door, board))
    if not mistakes:
        mistakes += claimed_twice(found.doors, catalog, registry) + fit.lines_shared(found.doors, registry)
    return Verdict(mistakes, warnings, doors)


def _paired_with(config: told.Config) -> PairAnswer | None:
    """What pairing gave, as far as this account may read it."""
    try:
        return read_identity(config.data / IDENTITY).answer
    except AldabaError:
        return None


def _clock(named: str | None, catalog: Catalog) -> list[str]:
    if named is None or named in catalog.names("clock"):
        return []
    return [f"battery_clock: there is no profile {named!r}. Use one of: {', '.join(catalog.names('clock'))}."]


def _board(door: told.Door, catalog: Catalog) -> BoardProfile | None:
    board = catalog.profiles["board"].get(door.board.profile)
    return board if isinstance(board, BoardProfile) else None


def _devices(door: told.Door, registry: Registry) -> list[str]:
    """What the drivers say of their options."""
    from aldaba_edge.mounting import contacts_of, lock_driver, lock_options  # noqa: PLC0415 - it brings every port of the daemon

    wrong: list[str] = []
    for lock in (door.lock, door.lock_out):
        wrong += registry.check(Kind.LOCK, lock_driver(door, lock), lock_options(door, lock)) if lock else []
    for one in door.readers:
        wrong += registry.check(Kind.READER, one.profile, one.options)
    for one in door.indicators:
        wrong += registry.check(Kind.INDICATOR, one.profile, one.options)
    for device in contacts_of(door).values():
        wrong += registry.check(Kind.CONTACT, device.profile, device.options)
    return [f"door {door.id!r}: {one}" for one in wrong]


def _dangers(door: told.Door, board: BoardProfile | None, known: set[str]) -> list[str]:
    """What must not be built, whatever its form."""
    wrong = []
    if door.lock.fail_safe and door.emergency_release != "hardware":
        wrong.append(
            "a lock that fails safe needs an emergency release that cuts its power without us: wire a break-glass, "
            'then say emergency_release = "hardware"'
        )
    if (board is None or board.may_hold_after_kill) and not door.lock.fail_safe and door.lock.max_on_ms is None:
        wrong.append(
            "the board may hold its output when we are killed, and the lock would stay released: add a timer relay and "
            "say lock.max_on_ms"
        )
    if not _has_way_out(door):
        wrong.append("there is no way out: add a reader on the side out, an exit_button, or say handle = true")
    if door.interlock_with is not None and (door.interlock_with not in known or door.interlock_with == door.id):
        wrong.append(f"interlock_with names {door.interlock_with!r}, which is no other door of this controller")
    if door.kind == "turnstile" and door.passage_in is None:
        wrong.append("a turnstile counts people by its passage output: wire it and say passage_in")
    if door.pre_alarm_seconds >= door.held_seconds:
        wrong.append("pre_alarm_seconds must come before held_seconds")
    return [f"door {door.id!r}: {one}." for one in wrong]


def _has_way_out(door: told.Door) -> bool:
    return door.handle or door.exit_button is not None or any(one.side == "out" for one in door.readers)


def _zones(door: told.Door, rules: PresenceRules | None) -> list[str]:
    """What presence cannot promise behind this door: hard rules need a number that is counted, not estimated."""
    zone = rules.zones.get(ZoneId(door.in_zone)) if rules is not None else None
    if zone is None:
        return []
    counts_out = any(one.side == "out" for one in door.readers) and not door.handle and door.exit_button is None
    counted = zone.counted and (counts_out or door.passage_out is not None)
    wrong = []
    if zone.passback is Passback.HARD and not counted:
        wrong.append(f"zone {zone.id!r} has hard anti-passback, but people leave it unread here: make it soft")
    if zone.safety_limit is not None and not counted:
        wrong.append(f"zone {zone.id!r} has a hard limit, but people leave it unread here: make it commercial")
    return [f"door {door.id!r}: {one}." for one in wrong]


def _doubts(door: told.Door, board: BoardProfile | None, catalog: Catalog) -> list[str]:
    """Where the installer says other than the maker: perhaps right, worth a second look."""
    doubts = []
    lock = catalog.profiles["lock"].get(door.lock.profile)
    if isinstance(lock, LockProfile) and lock.maker_says_fail_safe is not door.lock.fail_safe:
        doubts.append(f"the maker of {door.lock.profile} says fail_safe = {str(lock.maker_says_fail_safe).lower()}")
    makers = board.maker_says_active_low if board is not None else None
    if makers is not None and makers is not door.board.active_low:
        doubts.append(f"the maker of {door.board.profile} says active_low = {str(makers).lower()}")
    if without_us(door, board).boot is Outcome.OPENS:
        better = "NC" if door.relay.contact == "NO" else "NO"
        doubts.append(f"it opens whenever its relay rests, as while the Pi starts or a pin is let go: wire {better}")
    if board is not None and board.boot:
        doubts.append(f"put `{board.boot}` into /boot/firmware/config.txt, or relays may click while the Pi starts")
    if board is not None and board.pins and door.lock.pin not in board.pins:
        doubts.append(f"{door.board.profile} has no relay on pin {door.lock.pin}")
    doubts += fit.supply(door, catalog)
    return [f"door {door.id!r}: {one}." for one in doubts]


def as_json(verdict: Verdict) -> dict[str, Any]:
    """For programs."""
    return {
        "good": verdict.good,
        "mistakes": verdict.mistakes,
        "warnings": verdict.warnings,
        "doors": [one.as_dict() for one in verdict.doors],
    }
