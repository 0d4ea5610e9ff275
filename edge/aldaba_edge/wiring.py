"""How a door is wired: every terminal and where it goes, from the configuration and the profiles, and nothing else.

It is drawn from what the program will really drive, so that paper and program
cannot say two things. What profiles do not know (colours, the shape of a strike
plate) stays on the makers' sheets.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec

from aldaba_edge import config as told
from aldaba_edge.drivers.registry import Kind, Registry
from aldaba_edge.header import POSITION_OF
from aldaba_profiles.catalog import Catalog, LockProfile, Power, Profile

COPPER_OHM_MM2_PER_METRE: Final = 0.0175
DROP_ALLOWED: Final = 0.1
SQUARE_MM: Final = (0.5, 0.75, 1.0, 1.5)
BATTERY_AH: Final = 7.0
BATTERY_USABLE: Final = 0.8
BARE_GPIO: Final = re.compile(r"GPIO(\d+)(?!\d| \(pin)")
I2C_PINS: Final = {2: "SDA of the I2C boards", 3: "SCL of the I2C boards"}
LAMPS: Final = ("green", "red", "buzzer")


@dataclass(frozen=True, slots=True)
class Connection:
    """One terminal of a device and where it goes."""

    device: str
    terminal: str
    to: str
    mind: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The wiring of one door."""

    door: str
    connections: list[Connection]
    notes: list[str]
    pins: dict[int, str]
    """What hangs on each BCM pin."""

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def longest_metres(volts: float, milliamps: float, square_mm: float) -> int:
    """How long two copper cores of this cross-section may be until a tenth of the voltage is lost on the way."""
    ohm = volts * DROP_ALLOWED / (milliamps / 1000)
    return int(ohm * square_mm / (2 * COPPER_OHM_MM2_PER_METRE))


def hours_on_battery(milliamps: float) -> float:
    """How long a battery of 7 Ah feeds what draws so much all the time, four fifths of it usable."""
    return BATTERY_AH * BATTERY_USABLE / (milliamps / 1000)


def sheet(door: told.Door, catalog: Catalog, registry: Registry) -> Sheet:
    """The wiring of one door; what has no profile is told by its driver's options alone."""
    connections, pins, notes = [], dict[int, str](), []
    for device, profile, facts, mine in _devices(door, catalog, registry):
        pins.update(mine)
        if profile is not None:
            connections += [_connection(device, wire, facts) for wire in profile.wires]
            notes += [f"{device}: {note}" for note in _notes(profile)]
        else:
            connections += [Connection(device, what, _pin(bcm)) for bcm, what in mine.items()]
    connections += [Connection(name, "one end", to, mind) for name, to, mind in _inputs(door)]
    for name, one in _contacts(door).items():
        pins[int(one["pin"])] = name
    return Sheet(door.id, connections, notes, pins | (I2C_PINS if door.board.address is not None else {}))


def claimed_twice(doors: list[told.Door], catalog: Catalog, registry: Registry) -> list[str]:
    """Pins that two devices of this controller want."""
    taken, mistakes = dict[int, str](), []
    for door in doors:
        for device, _, _, mine in _devices(door, catalog, registry):
            mistakes += _claim(taken, door.id, device, mine)
        for name, one in _contacts(door).items():
            mistakes += _claim(taken, door.id, name, {int(one["pin"]): name})
    return mistakes


def _claim(taken: dict[int, str], door: str, device: str, mine: Mapping[int, str]) -> list[str]:
    wrong = [f"door {door!r}, {device}: GPIO{pin} is taken by {taken[pin]}." for pin in mine if pin in taken]
    taken.update(dict.fromkeys(mine, f"door {door!r}, {device}"))
    return wrong


Facts = Mapping[str, object]
Found = tuple[str, Profile | None, Facts, dict[int, str]]


def _devices(door: told.Door, catalog: Catalog, registry: Registry) -> Iterator[Found]:
    """Every device but the inputs: its name here, its profile, what fills its templates, and the pins it takes."""
    on_bus = door.board.address is not None
    facts: dict[str, object] = {
        "pin": door.lock.pin,
        "pin_out": door.lock_out.pin if door.lock_out else "?",
        "contact": door.relay.contact,
        "passage_in": _contacts(door).get("passage_in", {}).get("pin", "?"),
        "passage_out": _contacts(door).get("passage_out", {}).get("pin", "?"),
    }
    board = catalog.profiles["board"].get(door.board.profile)
    yield f"board {door.board.profile}", board, facts | {"pins": ", ".join(map(str, getattr(board, "pins", ())))}, {}
    locks = {"lock": door.lock, "lock_out": door.lock_out}
    for name, lock in locks.items():
        if lock is not None:
            mine = {} if on_bus else {lock.pin: f"{name}, relay"}
            yield name, catalog.profiles["lock"].get(lock.profile), facts | {"pin": lock.pin}, mine
    if door.supply is not None:
        yield "supply", catalog.profiles["supply"].get(door.supply), facts, {}
    for kind, devices in ((Kind.READER, door.readers), (Kind.INDICATOR, door.indicators)):
        for one in devices:
            yield _sided(kind, one, catalog, registry)


def _sided(kind: Kind, one: told.SidedDevice, catalog: Catalog, registry: Registry) -> Found:
    options = msgspec.structs.asdict(registry.options(kind, one.profile, one.options))
    named = {key: options[key] for key in ("d0", "d1", *LAMPS) if isinstance(options.get(key), int)}
    mine = {pin: f"{kind.value} {one.side}, {key.upper()}" for key, pin in named.items()}
    return f"{kind.value} {one.side}", catalog.profiles.get(kind, {}).get(one.profile), options, mine


def _contacts(door: told.Door) -> dict[str, told.Options]:
    """The options of every input that hangs on a pin, by what it means."""
    from aldaba_edge.mounting import contacts_of  # noqa: PLC0415 - it brings every port of the daemon

    return {name: one.options for name, one in contacts_of(door).items() if "pin" in one.options}


def _inputs(door: told.Door) -> Iterator[tuple[str, str, str]]:
    for name, options in _contacts(door).items():
        other = "ground" if options.get("pull", "up") == "up" else "3.3 V, never 5 V"
        closed = "closed" if options.get("active_when_closed", False) else "open"
        yield name, f"{_pin(int(options['pin']))}; the other end to {other}", f"a dry contact, {closed} when it counts"


def _pin(bcm: int) -> str:
    return f"GPIO{bcm} (pin {POSITION_OF[bcm]})"


class _Blanks(dict[str, object]):
    """Facts for templates; what nobody said stays a question mark."""

    def __missing__(self, key: str) -> object:
        return "?"


def _connection(device: str, wire: Any, facts: Facts) -> Connection:  # noqa: ANN401 - a Wire, by its three texts
    filled = _Blanks(facts)
    to = BARE_GPIO.sub(lambda found: _pin(int(found[1])), str(wire.to).format_map(filled))
    return Connection(device, wire.terminal, to, wire.mind.format_map(filled))


def power_of(power: Power) -> str:
    """What a device draws, for people."""
    if not power.volts:
        return "none of ours"
    volts = " or ".join(f"{one:g}" for one in power.volts)
    return f"{volts} V {power.current.value.replace('_', ' ').upper()}, {power.milliamps} mA"


def _notes(profile: Profile) -> Iterator[str]:
    power = profile.power
    if power.volts:
        yield power_of(power)
    if profile.cable is not None:
        yield f"cable: {profile.cable.kind}, up to {profile.cable.metres} m"
    if isinstance(profile, LockProfile):
        yield f"suppression: {profile.suppression}"
        yield from _lengths(power)
        if profile.maker_says_fail_safe and power.milliamps:
            yield f"without the mains, 7 Ah at 12 V hold it for {hours_on_battery(power.milliamps):.0f} hours"
    for one in (power.battery, profile.notes):
        if one:
            yield one


def _lengths(power: Power) -> Iterator[str]:
    if power.volts and power.milliamps:
        volts = power.volts[0]
        lengths = [f"{longest_metres(volts, power.milliamps, one)} m of {one:g} mm2" for one in SQUARE_MM]
        yield f"at {volts:g} V a tenth is lost on {', '.join(lengths)}"
