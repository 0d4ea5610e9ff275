"""Judges what a configuration says of turnstiles, shadows and intrusion alarms."""

from aldaba_edge import config as told
from aldaba_edge.drivers.registry import Kind, Registry
from aldaba_profiles.catalog import Catalog


def of_door(door: told.Door, catalog: Catalog) -> list[str]:
    """What cannot be used of one door."""
    wrong = []
    if door.turnstile is not None and door.turnstile not in catalog.names("turnstile"):
        known = ", ".join(catalog.names("turnstile"))
        wrong.append(f"turnstile: there is no profile {door.turnstile!r}. Use one of: {known}")
    seen = door.others_relay or door.contact or door.passage_in
    if door.shadow and seen is None:
        wrong.append(
            "shadow: nothing says what the other system does; wire its relay to an input and say others_relay, or wire "
            "the door's contact"
        )
    return [f"door {door.id!r}: {one}." for one in wrong]


def doubts_of_door(door: told.Door) -> list[str]:
    """What is worth a second look."""
    if not door.shadow:
        return []
    return [f"door {door.id!r}: in shadow it releases nothing: the other system answers for the way out."]


def of_alarms(config: told.Config, registry: Registry) -> list[str]:
    """Intrusion alarms whose output cannot be driven, or is somebody else's."""
    wrong: list[str] = []
    locks = {lock.pin: door.id for door in config.door for lock in (door.lock, door.lock_out) if lock is not None}
    zones = [one.zone for one in config.intrusion]
    for one in config.intrusion:
        where = f"intrusion {one.zone!r}"
        options = {"pin": one.pin, "fail_safe": False, "contact": one.relay.contact, "active_low": one.board.active_low}
        wrong += [f"{where}: {said}" for said in registry.check(Kind.LOCK, one.profile, options)]
        if one.pin in locks:
            wrong.append(f"{where}: pin {one.pin} is taken by door {locks[one.pin]!r}. Give it another one.")
        if zones.count(one.zone) > 1:
            wrong.append(f"{where}: there are two alarms for this zone. Leave one.")
    return wrong
