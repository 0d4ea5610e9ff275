"""A door's sticker: who may ask the door to let them in, how they ask, and what it answered."""

from datetime import timedelta
from typing import Final

from aldaba_cloud import audit
from aldaba_cloud.access.publish import Published, people_of, publish, site_rules
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.fleet import books
from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import store as members
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door
from aldaba_shared.events import AccessDecided, read_line
from aldaba_shared.ids import DoorId, HolderId

ANSWERED_WITHIN: Final = fleet.COMMAND_LIVES + timedelta(seconds=5)
"""A door that has not answered by then never will: the command is dead."""


LOOKED_BACK: Final = timedelta(minutes=5)


class NoSticker(Unusable):
    """A door that is not opened by a sticker, or a plan that does not come with it."""

    code = "no_sticker"

    def __init__(self) -> None:
        super().__init__(
            "This door is not opened from a page, or the plan does not come with it. Use a card, or ask at the desk."
        )


def may_ask(work: Work, holder: HolderId, door: Door, keyring: Keyring) -> bool:
    """Whether the door has a sticker and the holder's plan comes with it; whether it opens, the door decides."""
    if not door.use.sticker:
        return False
    return holder in site_rules(work, door.site).may_ask(people_of(work, keyring, [holder]))


def ask(work: Work, holder: HolderId, door: DoorId, keyring: Keyring) -> str:
    """Ask a door to let a holder in; returns the command its answer will name.

    Raises:
        Missing: no such door within the caller's sight.
        NoSticker: the door or the plan does not allow it.
        DoorUnreachable: nobody would hear it in time.
    """
    found = places.find_door(work, door)
    if found is None:
        raise Missing("door", door)
    if not may_ask(work, holder, found, keyring):
        raise NoSticker
    return fleet.ask(work, door, holder)


def answer(work: Work, door: Door, holder: HolderId, command: str) -> AccessDecided | None:
    """What the door said to this holder; None while it has said nothing, and to whoever asks about somebody else."""
    for body in books.answers_since(work, door.id, door.site, since=work.now - LOOKED_BACK):
        event = read_line(bytes(body)).event
        if isinstance(event, AccessDecided) and event.command == command:
            return event if event.decision.holder in (None, holder) else None
    return None


def set_plan(work: Work, plan: str, keyring: Keyring, *, sticker: bool) -> list[Published]:
    """Say whether a plan comes with opening by sticker, and tell the doors.

    Raises:
        Missing: no such plan within the caller's sight.
    """
    known = {one.id: one for one in members.list_plans(work)}
    if plan not in known or not members.set_plan_sticker(work, plan, sticker=sticker):
        raise Missing("plan", plan)
    audit.note(work, known[plan].site, "plan_sticker_set", plan, sticker=sticker)
    keys = controller_keys(work, keyring)
    return [made for site in places.list_sites(work) for made in publish(work, site.id, keyring, keys)]


def set_door(work: Work, door: DoorId, keyring: Keyring, *, sticker: bool) -> list[Published]:
    """Say whether a door has a sticker, and tell it.

    Raises:
        Missing: no such door within the caller's sight.
    """
    found = places.find_door(work, door)
    if found is None or not places.set_sticker(work, door, sticker=sticker):
        raise Missing("door", door)
    audit.note(work, found.site, "door_sticker_set", door, sticker=sticker)
    return publish(work, found.site, keyring, controller_keys(work, keyring))
