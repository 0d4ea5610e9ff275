"""The configuration of one controller: one TOML file, every mistake in it told at once.

What is dangerous to assume has no default: whether a lock fails safe, which
contact of the relay it hangs on, whether the board energises on a low level.
The file holds no secret; the identity beside it does, and is refused when
others can read it.
"""

import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from aldaba_profiles.mistakes import mistakes_in
from aldaba_shared.decide import Side
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import DoorId, ZoneId

T = TypeVar("T", bound=msgspec.Struct)
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Options = dict[str, Any]

DEFAULT_PATH: Final = Path("/etc/aldaba/edge.toml")


class ConfigInvalid(AldabaError):
    """The configuration cannot be used; all its mistakes are listed."""

    code = "config_invalid"

    def __init__(self, path: Path, mistakes: list[str]) -> None:
        told = "\n".join(f"  - {one}" for one in mistakes)
        super().__init__(f"{path} cannot be used. Mend this and run `aldaba-edge check {path}`:\n{told}")
        self.mistakes = mistakes


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of every table: an unknown key is a mistake, not a wish."""


class Device(Table, frozen=True, kw_only=True):
    """A device by the name of its profile or driver, and what is special about this one."""

    profile: Name
    options: Options = {}


class Lock(Table, frozen=True, kw_only=True):
    """What holds a door shut, on which pin, and what the lock does without power.

    The pin is a BCM number; on a board with an I2C address it is the number of the relay, from 1.
    """

    profile: Name
    pin: Annotated[int, msgspec.Meta(ge=0, le=27)]
    fail_safe: bool
    max_on_ms: Annotated[int, msgspec.Meta(ge=100, le=60_000)] | None = None
    """What cuts the lock's power by itself in hardware, such as a timer relay."""


class Relay(Table, frozen=True, kw_only=True):
    """Which contact of the relay the lock is wired to."""

    contact: Literal["NO", "NC"]


class Board(Table, frozen=True, kw_only=True):
    """The relay board and the level on which it energises."""

    profile: Name
    active_low: bool
    address: Annotated[int, msgspec.Meta(ge=0x03, le=0x77)] | None = None
    """The I2C address of a board that has one, as its switches say; locks then name relays instead of pins."""
    bus: Name = "/dev/i2c-1"
    """The I2C bus such a board hangs on."""


class SidedDevice(Device, frozen=True, kw_only=True):
    """A reader or an indicator on one side of a door."""

    side: Literal["in", "out"]


class Door(Table, frozen=True, kw_only=True):
    """One door. `in_zone` lies behind it; `out_zone` is where one comes from, the street by default."""

    id: Name
    kind: Literal["door", "turnstile"] = "door"
    in_zone: Name
    out_zone: Name = "street"
    egress: bool
    """The way out is never denied: a reader on the side `out` releases first and records after."""
    handle: bool = False
    """The leaf opens from inside by hand, without us: a mechanical way out."""
    emergency_release: Literal["hardware"] | None = None
    """What opens in an emergency without us: a break-glass that cuts the lock's power."""
    fire_relay: Literal["hardware"] | None = None
    """What the fire panel opens without us: a contact of it that cuts the lock's power."""
    supply: Name | None = None
    """The profile of what feeds the lock, for the wiring and the check."""
    lock: Lock
    relay: Relay
    board: Board
    lock_out: Lock | None = None
    """A turnstile's second direction, on the same board."""
    readers: list[SidedDevice] = []
    indicators: list[SidedDevice] = []
    contact: Device | None = None
    exit_button: Device | None = None
    tamper: Device | None = None
    fire: Device | None = None
    """Active while the building's fire alarm wants the door open; the lock's power is cut without us all the same."""
    mains_lost: Device | None = None
    """Active while what feeds the lock has lost its mains, as its failure output says."""
    battery_low: Device | None = None
    """Active while the battery behind that supply is nearly empty."""
    lock_feedback: Device | None = None
    """Active while the relay, or the bolt, is where it lets through."""
    others_relay: Device | None = None
    """The relay of the system this door shadows: active while that one releases."""
    shadow: bool = False
    """Listen beside another system, decide, release nothing and compare, until somebody switches the door live."""
    turnstile: Name | None = None
    """The profile of a turnstile: its pulse and its wait."""
    passage_in: Device | None = None
    passage_out: Device | None = None
    interlock_with: Name | None = None
    release_seconds: Seconds = 5.0
    long_access_seconds: Seconds = 15.0
    held_seconds: Seconds = 30.0
    pre_alarm_seconds: Seconds = 20.0
    mains_alarm_seconds: Seconds = 60.0
    """How long the mains may be away before somebody is called."""
    relock_on_open_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] | None = 0
    clock_unsure: Literal["allow", "essential"] = "allow"
    """Whose card opens while nobody vouches for the time; passes and phones wait in any case."""
    offline_grace_hours: Annotated[int, msgspec.Meta(ge=1, le=8760)] = 168

    @property
    def door_id(self) -> DoorId:
        """The id that rules and books know."""
        return DoorId(self.id)

    def side(self, named: Literal["in", "out"]) -> Side:
        """The side of a device: `out` is a way out that is never denied where the installer said so."""
        if named == "in":
            return Side.IN
        return Side.EGRESS if self.egress else Side.OUT

    @property
    def into(self) -> dict[Side, ZoneId | None]:
        """Where each side leads."""
        out = ZoneId(self.out_zone)
        return {Side.IN: ZoneId(self.in_zone), Side.OUT: out, Side.EGRESS: out}


class Broker(Table, frozen=True, kw_only=True):
    """The site's own broker, in place of the one that pairing named; `tls` with the certificates of pairing."""

    host: Name
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8883
    tls: bool = True


class Intrusion(Table, frozen=True, kw_only=True):
    """An output that arms an intrusion alarm once the last person left a zone; at rest it says disarmed."""

    zone: Name
    delay_seconds: Seconds = 60.0
    profile: Name = "gpio-lock"
    pin: Annotated[int, msgspec.Meta(ge=0, le=27)]
    relay: Relay
    board: Board


class Config(Table, frozen=True, kw_only=True):
    """A controller: where it keeps its books, who it is, and its doors."""

    data_dir: str = "/var/lib/aldaba"
    runtime_dir: str = "/run/aldaba"
    log: Literal["console", "journal"] = "console"
    battery_clock: Name | None = None
    """The profile of the clock that keeps time without power, such as `ds3231`; see `aldaba-edge boot-lines`."""
    cloud_url: Annotated[str, msgspec.Meta(pattern="^https?://")] | None = None
    without_tls: Literal["loopback", "bench"] = "loopback"
    """Whom this controller speaks to without TLS: itself alone, or anybody, for a laboratory and never for a site."""
    pins: Device = Device(profile="native")
    door: list[Door]
    intrusion: list[Intrusion] = []
    broker: Broker | None = None

    @property
    def data(self) -> Path:
        """Where the books are."""
        return Path(self.data_dir)

    @property
    def socket(self) -> Path:
        """Where commands of this machine are heard."""
        return Path(self.runtime_dir) / "edge.sock"

    def named(self, door: str) -> Door | None:
        """The door of this id."""
        return next((one for one in self.door if one.id == door), None)


@dataclass(slots=True)
class Reading:
    """A configuration as far as it could be read, and everything that is wrong with it."""

    config: Config | None
    doors: list[Door] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)


def load(path: Path) -> Config:
    """The configuration, when nothing about its form is wrong.

    Raises:
        ConfigInvalid: with every mistake.
    """
    found = read(path)
    if found.config is None or found.mistakes:
        raise ConfigInvalid(path, found.mistakes)
    return found.config


def read(path: Path) -> Reading:
    """Read a configuration as far as it goes, so that all its mistakes can be told together."""
    try:
        text = path.read_text("utf-8")
        written = tomllib.loads(text)
    except OSError as error:
        return Reading(None, mistakes=[f"the file cannot be read: {error.strerror}. Write it, or name another one."])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return Reading(None, mistakes=[f"no TOML: {error}. Mend the line."])
    found = parse(written)
    mode = path.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        found.mistakes.append(f"others may write to the file, and could open doors with it: chmod go-w {path}")
    if mode & stat.S_IROTH:
        found.mistakes.append(f"everybody may read the file, which says how to open every door: chmod o= {path}")
    return found


def parse(written: Mapping[str, Any]) -> Reading:
    """Judge a configuration that is TOML already."""
    mistakes: list[str] = []
    tables = written.get("door")
    listed = tables if isinstance(tables, list) else []
    doors = [door for at, table in enumerate(listed) if (door := _door(table, at, mistakes)) is not None]
    rest = {key: value for key, value in written.items() if key not in ("door", "pins")}
    mistakes += mistakes_in(Config, {**rest, "door": [], "pins": {"profile": "native"}}, "top of the file")
    pins = written.get("pins", {"profile": "native"})
    mistakes += _nested(Device, pins, "pins")
    if not listed:
        mistakes.append("door: there is no door; write one [[door]] table for each door of this controller.")
    mistakes += _twice(doors)
    config = None if mistakes else msgspec.convert({**rest, "door": listed, "pins": pins}, Config)
    return Reading(config, doors, mistakes)


_NESTED: Final[dict[str, type[Table]]] = {
    "lock": Lock,
    "relay": Relay,
    "board": Board,
    "lock_out": Lock,
    "contact": Device,
    "exit_button": Device,
    "tamper": Device,
    "fire": Device,
    "mains_lost": Device,
    "battery_low": Device,
    "lock_feedback": Device,
    "others_relay": Device,
    "passage_in": Device,
    "passage_out": Device,
}


def _door(table: object, at: int, mistakes: list[str]) -> Door | None:
    """One door, or what keeps it from being one."""
    if not isinstance(table, dict):
        mistakes.append(f"door {at + 1}: it is no table; write [[door]].")
        return None
    where = f"door {table.get('id', at + 1)!r}"
    flat = {key: value for key, value in table.items() if key not in (*_NESTED, "readers", "indicators")}
    required = {"lock", "relay", "board"}
    wrong = [one for one in mistakes_in(Door, flat, where) if not any(f": {key} is missing" in one for key in required)]
    for key, struct in _NESTED.items():
        if key in table or key in required:
            wrong += _nested(struct, table.get(key, {}), f"{where}, {key}")
    for key in ("readers", "indicators"):
        devices = table.get(key, [])
        for number, one in enumerate(devices if isinstance(devices, list) else [devices]):
            wrong += _nested(SidedDevice, one, f"{where}, {key} {number + 1}")
    mistakes += wrong
    return None if wrong else msgspec.convert(table, Door)


def _nested(struct: type[Table], table: object, where: str) -> list[str]:
    if not isinstance(table, dict):
        return [f"{where}: it is no table; write its keys in a table of their own."]
    return mistakes_in(struct, table, where)


def _twice(doors: list[Door]) -> list[str]:
    """What two devices of one controller cannot share."""
    seen: dict[str, str] = {}
    mistakes = []
    for door in doors:
        claims = [(f"the id {door.id!r}", "door"), (_place(door, door.lock), "lock")]
        claims += [(_place(door, door.lock_out), "lock_out")] if door.lock_out else []
        for claim, what in claims:
            if claim in seen:
                mistakes.append(f"door {door.id!r}, {what}: {claim} is taken by {seen[claim]}. Give it another one.")
            seen[claim] = f"door {door.id!r}"
    return mistakes


def _place(door: Door, lock: Lock) -> str:
    """What one lock takes: a pin of the Pi, or a relay of a board on a bus."""
    board = door.board
    return f"pin {lock.pin}" if board.address is None else f"relay {lock.pin} at {board.address:#04x} of {board.bus}"


def secret_exposed(path: Path) -> str | None:
    """What is wrong with who can read a file that holds secrets; None when nothing is, or it is not there yet."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"others can read {path}, which holds this controller's keys: chmod go= {path}"
    return None
