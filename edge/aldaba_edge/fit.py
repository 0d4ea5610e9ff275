"""Whether the devices of a door fit each other, as their profiles tell: safeguards, buses, keys, supplies."""

from pathlib import Path

from aldaba_edge import config as told
from aldaba_edge.drivers.registry import Kind, Registry
from aldaba_profiles.catalog import BoardProfile, Catalog, LockProfile, SupplyProfile


def safeguards(door: told.Door, catalog: Catalog) -> list[str]:
    """What the lock's profile wants in hardware and the installer does not say is there."""
    lock = catalog.profiles["lock"].get(door.lock.profile)
    if not isinstance(lock, LockProfile):
        return []
    remedy = "wire it to cut the lock's power without us, then say"
    return [
        f'door {door.id!r}: {door.lock.profile} wants a hardware {one}: {remedy} {one} = "hardware".'
        for one in lock.requires
        if getattr(door, one) != "hardware"
    ]


def on_bus(door: told.Door, board: BoardProfile | None) -> list[str]:
    """Whether what is said of an I2C board fits it."""
    relays, address = (board.i2c if board is not None else None), door.board.address
    where = f"door {door.id!r}"
    if relays is None:
        return [] if address is None else [f"{where}: {door.board.profile} is no I2C board: leave out address."]
    wrong = []
    if address not in relays.addresses:
        known = ", ".join(f"{one:#04x}" for one in relays.addresses)
        wrong.append(f"{where}: board.address must be one of {known}, as the switches of the board say.")
    numbers = [lock.pin for lock in (door.lock, door.lock_out) if lock is not None]
    beyond = [number for number in numbers if not 1 <= number <= relays.relays]
    return wrong + [f"{where}: {door.board.profile} has relays 1 to {relays.relays}, not {one}." for one in beyond]


def key_files(door: told.Door) -> list[str]:
    """Key files of readers that others can read."""
    paths = [one.options.get("key_file") for one in door.readers]
    exposed = [told.secret_exposed(Path(path)) for path in paths if isinstance(path, str)]
    return [f"door {door.id!r}: {one}." for one in exposed if one]


def supply(door: told.Door, catalog: Catalog) -> list[str]:
    """Doubts about what feeds the lock, as far as the two profiles say."""
    if door.supply is None:
        return []
    feed, lock = catalog.profiles["supply"].get(door.supply), catalog.profiles["lock"].get(door.lock.profile)
    if not isinstance(feed, SupplyProfile):
        return [f"no supply is called {door.supply}; use one of: {', '.join(catalog.names('supply'))}"]
    if not isinstance(lock, LockProfile) or not lock.power.volts:
        return []
    watts = lock.power.volts[0] * lock.power.milliamps / 1000
    if watts <= feed.watts / 2:
        return []
    return [f"{door.lock.profile} may draw {watts:g} W, more than half of the {feed.watts:g} W of {door.supply}"]


def lines_shared(doors: list[told.Door], registry: Registry) -> list[str]:
    """Readers that cannot share a serial line: those of an OSDP bus can, each at its own address, all at one speed."""
    taken: dict[str, list[tuple[str, object, object]]] = {}
    mistakes = []
    for door in doors:
        for one in door.readers:
            told_of = registry.options(Kind.READER, one.profile, one.options)
            path, address, baud = (getattr(told_of, key, None) for key in ("path", "address", "baud"))
            where = f"door {door.id!r}, reader {one.side}"
            others = taken.setdefault(path, []) if isinstance(path, str) else []
            mistakes += [f"{where}: {path} {why}" for other in others if (why := _clash(other, address, baud))]
            others.append((where, address, baud))
    return mistakes


def _clash(other: tuple[str, object, object], address: object, baud: object) -> str:
    """Why a reader cannot share the line of another; empty when it can."""
    where, its_address, its_baud = other
    if address is None or its_address is None or address == its_address:
        return f"is the line of {where}; only OSDP readers share one, each at its own address."
    return "" if baud == its_baud else f"has another baud than {where} says; one line has one speed."
