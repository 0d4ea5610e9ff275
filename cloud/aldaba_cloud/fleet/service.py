"""What people make controllers do, and what they are told of them.

Nothing here speaks to a door: a command or a mode is kept together with the news
of it, and the link passes it on after the commit.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from aldaba_cloud import audit, outbox
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import alarms as alarm_books
from aldaba_cloud.fleet import certificates, store
from aldaba_cloud.fleet.models import Controller
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door
from aldaba_shared.decide import DoorMode
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ControllerId, DoorId, HolderId, SiteId, ZoneId
from aldaba_shared.messages import Kind, ModeNow, WorkingKey

MODES_CHANGED: Final = "modes.changed"
COMMANDED: Final = "command.given"
RETIRED: Final = "controller.retired"
COMMAND_LIVES: Final = timedelta(seconds=15)
SILENT_AFTER: Final = timedelta(minutes=3)
"""A connected controller is heard about every minute."""


class DoorUnreachable(AldabaError):
    """A door cannot be told anything now."""

    code = "door_unreachable"

    def __init__(self, door: DoorId) -> None:
        super().__init__(
            f"The door {door} cannot be reached: its controller is not paired, or has not been heard for three "
            "minutes. It goes on deciding by itself; release it on the spot, or look at its network."
        )


@dataclass(frozen=True, slots=True)
class ControllerNow:
    """A controller beside what it was told; `version` and `epoch` are the newest it has confirmed."""

    controller: Controller
    silent: bool
    modes_pending: bool


def controllers_now(work: Work) -> list[ControllerNow]:
    """Every controller in use that the caller may see."""
    return [
        ControllerNow(one, _silent(one, work.now), one.modes_confirmed != one.modes_counter)
        for one in store.list_controllers(work)
        if one.retired_at is None
    ]


def presence_keys(work: Work, site: SiteId) -> tuple[WorkingKey, ...]:
    """The keys of a site's controllers in use, each for the presence it tells its peers."""
    return tuple(
        WorkingKey(one.kid, one.public_key, (Kind.PRESENCE,))
        for one in store.list_controllers(work)
        if one.site == site and one.retired_at is None
    )


def broker_passwords(work: Work, keyring: Keyring) -> dict[ControllerId, str]:
    """The password each controller in use gives its broker; the user name is its id."""
    return {one: keyring.unseal(sealed).decode() for one, sealed in store.broker_passwords(work)}


def release(work: Work, door: DoorId) -> str:
    """Release a door now; returns the id of the command, which the door's event will name.

    Raises:
        Missing: no such door within the caller's sight.
        DoorUnreachable: nobody would hear it in time.
    """
    found = _door(work, door)
    command = _command(work, found, {"verb": "release"})
    audit.note(work, found.site, "door_released", door, command=command)
    return command


def ask(work: Work, door: DoorId, holder: HolderId) -> str:
    """Say to a door that somebody stands before it and asks, by its sticker; the door decides.

    Returns the id of the command, which the door's answer will name.

    Raises:
        Missing: no such door within the caller's sight.
        DoorUnreachable: nobody would hear it in time.
    """
    found = _door(work, door)
    command = _command(work, found, {"verb": "sticker", "holder": holder})
    audit.note(work, found.site, "door_asked", door, holder=holder, command=command)
    return command


def _command(work: Work, door: Door, asked: dict[str, str]) -> str:
    """Keep what a door is to be told now, for the connection its controller has."""
    controller = store.find_controller(work, door.controller) if door.controller else None
    if controller is None or controller.hello is None or _silent(controller, work.now):
        raise DoorUnreachable(door.id)
    command = work.new_id("cmd")
    body = asked | {
        "id": command,
        "door": door.id,
        "hello_nonce": controller.hello.nonce.hex(),
        "counter": store.next_counter(work, controller.id, "command_counter"),
        "expires_at": (work.now + COMMAND_LIVES).isoformat(),
    }
    outbox.tell(work, door.site, COMMANDED, controller.id, body)
    return command


def set_mode(work: Work, door: DoorId, mode: DoorMode, until: datetime | None = None) -> None:
    """Say what a door does by itself, until a moment or until told otherwise.

    Raises:
        Missing: no such door within the caller's sight.
        DoorUnreachable: the door has no controller.
    """
    found = _door(work, door)
    if found.controller is None:
        raise DoorUnreachable(door)
    _set_modes(work, found.site, {found.controller: [door]}, mode, until)


def set_site_mode(work: Work, site: SiteId, mode: DoorMode, until: datetime | None = None) -> int:
    """Lock a site down, evacuate it, or (`locked`) let its doors be ordinary again; returns how many doors.

    Raises:
        Missing: no such site within the caller's sight.
    """
    known = places.find_site(work, site)
    if known is None:
        raise Missing("site", site)
    by_controller: dict[ControllerId, list[DoorId]] = {}
    for door in places.load_place(work, known).doors.values():
        if door.controller is not None:
            by_controller.setdefault(door.controller, []).append(door.id)
    _set_modes(work, site, by_controller, mode, until)
    return sum(map(len, by_controller.values()))


def set_zone_mode(work: Work, zone: ZoneId, mode: DoorMode, until: datetime | None = None) -> int:
    """The same for the doors into a zone and whatever lies in it; returns how many doors.

    Raises:
        Missing: no such zone within the caller's sight.
    """
    known = places.find_zone(work, zone)
    site = places.find_site(work, known.site) if known is not None else None
    if known is None or site is None:
        raise Missing("zone", zone)
    place = places.load_place(work, site)
    inside = place.inside(zone)
    by_controller: dict[ControllerId, list[DoorId]] = {}
    for door in place.doors.values():
        if door.controller is not None and door.into in inside:
            by_controller.setdefault(door.controller, []).append(door.id)
    _set_modes(work, site.id, by_controller, mode, until)
    return sum(map(len, by_controller.values()))


def set_shadow(work: Work, door: DoorId, *, shadow: bool) -> None:
    """Switch a door into shadow or live; its controller hears of it with its modes.

    Raises:
        Missing: no such door within the caller's sight.
        DoorUnreachable: the door has no controller.
    """
    found = _door(work, door)
    if found.controller is None:
        raise DoorUnreachable(door)
    places.set_shadow(work, door, shadow=shadow)
    audit.note(work, found.site, "door_shadow_set", door, shadow=shadow)
    store.next_counter(work, found.controller, "modes_counter")
    outbox.tell(work, found.site, MODES_CHANGED, found.controller)


def modes_said(work: Work, controller: ControllerId) -> tuple[ModeNow, ...]:
    """What the doors of a controller are told: modes, also those that have ended, and shadows."""
    modes = {one.door: one for one in store.modes_said(work, controller)}
    shadows = {door: shadow for door, shadow in places.shadows(work, controller) if shadow is not None}
    locked = (ModeNow(door, DoorMode.LOCKED) for door in shadows if door not in modes)
    said = sorted((*modes.values(), *locked), key=lambda one: one.door)
    return tuple(replace(one, shadow=shadows.get(one.door)) for one in said)


def unconfirmed(work: Work, site: SiteId) -> list[DoorId]:
    """The doors of a site whose controller has not said that it follows the newest modes."""
    pending = {one.controller.id for one in controllers_now(work) if one.modes_pending}
    known = places.find_site(work, site)
    doors = places.load_place(work, known).doors.values() if known is not None else ()
    return sorted(door.id for door in doors if door.controller in pending)


def retire(work: Work, controller: ControllerId) -> None:
    """Believe nothing more of a controller: stolen, broken, or replaced.

    Its certificates are revoked here; the link, told by the outbox, ends its
    session at the broker, clears what it retained there, and publishes rules in
    which its peers no longer know its key.

    Raises:
        Missing: no such controller within the caller's sight.
    """
    found = store.find_controller(work, controller)
    if found is None or not store.retire_controller(work, controller):
        raise Missing("controller", controller)
    places.unbind_doors(work, controller)
    certificates.revoke(work, controller)
    audit.note(work, found.site, "controller_retired", controller)
    outbox.tell(work, found.site, RETIRED, controller)


def set_canary(work: Work, controller: ControllerId, *, canary: bool) -> None:
    """Have a controller take updates before the others, or with them."""
    found = store.find_controller(work, controller)
    if found is None or found.retired_at is not None:
        raise Missing("controller", controller)
    store.set_canary(work, controller, canary=canary)
    audit.note(work, found.site, "canary_set", controller, canary=canary)


def acknowledge(work: Work, alarm: int) -> None:
    """Note that somebody saw to an alarm.

    Raises:
        Missing: no such open alarm within the caller's sight.
    """
    if not alarm_books.acknowledge(work, alarm):
        raise Missing("alarm", str(alarm))


def _set_modes(
    work: Work, site: SiteId, doors: dict[ControllerId, list[DoorId]], mode: DoorMode, until: datetime | None
) -> None:
    for controller, theirs in doors.items():
        for door in theirs:
            store.set_mode(work, site, controller, ModeNow(door, mode, until))
            audit.note(work, site, "door_mode_set", door, mode=mode, until=until.isoformat() if until else None)
        store.next_counter(work, controller, "modes_counter")
        outbox.tell(work, site, MODES_CHANGED, controller)


def _door(work: Work, door: DoorId) -> Door:
    found = places.find_door(work, door)
    if found is None:
        raise Missing("door", door)
    return found


def _silent(controller: Controller, now: datetime) -> bool:
    return controller.last_contact_at is None or now - controller.last_contact_at > SILENT_AFTER
