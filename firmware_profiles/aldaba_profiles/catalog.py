"""Profiles: what the makers of readers, locks, boards and turnstiles say of their goods, as data.

A profile never decides what is dangerous to assume. Whether a lock fails safe,
which relay contact it hangs on and whether a board energises on a low level
are said by the installer, in the controller's configuration, every time; what
a profile knows of them is called what the maker says, and is only compared.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import msgspec

from aldaba_profiles.mistakes import mistakes_in


def folder_of(kind: str) -> str:
    """The folder of a kind's profiles: its plural."""
    return "supplies" if kind == "supply" else f"{kind}s"


class CatalogError(Exception):
    """Something about profiles that a person can mend; the message says how."""

    code = "catalog_error"


class ProfileNotFound(CatalogError):
    """A configured device has no profile."""

    code = "profile_not_found"

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        super().__init__(
            f"No {kind} profile is called {name!r}. "
            f"Use one of: {', '.join(known)}; or add firmware_profiles/aldaba_profiles/{folder_of(kind)}/{name}.toml."
        )
        self.name = name


class ProfilesInvalid(CatalogError):
    """Profile files have mistakes; all of them are listed."""

    code = "profiles_invalid"

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("Some profiles cannot be used. Mend these lines:\n" + "\n".join(mistakes))
        self.mistakes = mistakes


class Maturity(StrEnum):
    """How far anyone has come with this very device; pages show it beside the name."""

    SIMULATED = "simulated"
    """Against a program that plays the device, written from its maker's documents."""
    BENCH = "bench"
    """The device itself, wired up on a table."""
    FIELD = "field"
    """The device itself, on a door that people use."""


class Energise(StrEnum):
    """What a lock's power does."""

    TO_UNLOCK = "to_unlock"
    TO_LOCK = "to_lock"


class Current(StrEnum):
    """What kind of current a device wants."""

    DC = "dc"
    AC = "ac"
    AC_OR_DC = "ac_or_dc"
    NONE = "none"
    """None of ours: a dry contact into somebody else's circuit."""


class Safeguard(StrEnum):
    """What a door must have in hardware beside its lock, because no program may be trusted with it."""

    EMERGENCY_RELEASE = "emergency_release"
    """A break-glass or push button that cuts the lock's power without us."""
    FIRE_RELAY = "fire_relay"
    """A contact of the fire panel that cuts the lock's power without us."""


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a profile: an unknown key is a mistake, not a wish."""


class Power(Table, frozen=True, kw_only=True):
    """What a device wants of its supply, at its terminals: the most of common makes, unless the notes say more."""

    volts: tuple[float, ...]
    """The nominal voltages it is made for; none for a dry contact."""
    current: Current
    milliamps: int
    """While it is energised, at the lowest of its voltages."""
    battery: str = ""
    """What it asks of a supply that is to outlast the mains."""


class Wire(Table, frozen=True, kw_only=True):
    """One terminal of a device and where it goes; `{pin}` and the like stand for what the configuration says."""

    terminal: str
    to: str
    mind: str = ""


class Cable(Table, frozen=True, kw_only=True):
    """What cable a device wants, and how long it may be."""

    kind: str
    metres: int


class Profile(Table, frozen=True, kw_only=True):
    """What every profile says: a title for people, how it was tested, where its facts come from, how it is wired."""

    title: str
    tested: Maturity
    sources: tuple[str, ...]
    notes: str = ""
    power: Power
    cable: Cable | None = None
    wires: tuple[Wire, ...] = ()


class ReaderProfile(Profile, frozen=True, kw_only=True):
    """A reader: which driver speaks to it, with which options unless the configuration says otherwise."""

    driver: str
    credentials: tuple[str, ...]
    options: dict[str, Any] = {}


class LockProfile(Profile, frozen=True, kw_only=True):
    """A lock: what its power does, and its times in milliseconds.

    `suppression` is what keeps the coil's kick from the relay's contacts and the
    Pi. `requires` are the safeguards in hardware without which `check` refuses
    the door; whatever is held by power requires both.
    """

    driver: str
    energise: Energise
    unlock_ms: int
    suppression: str
    requires: tuple[Safeguard, ...] = ()
    relock_on_open_ms: int | None = None
    max_on_ms: int | None = None
    fire: str = ""

    def __post_init__(self) -> None:
        """Refuse a lock that power holds without the means to take that power away.

        Raises:
            ValueError: msgspec turns it into a mistake of the profile.
        """
        if self.maker_says_fail_safe and set(self.requires) != set(Safeguard):
            message = "a lock held by power must require emergency_release and fire_relay"
            raise ValueError(message)

    @property
    def maker_says_fail_safe(self) -> bool:
        """What follows from the maker's sheet; to be compared with the installer's word, never used instead."""
        return self.energise is Energise.TO_LOCK


class I2cRelays(Table, frozen=True, kw_only=True):
    """How relays are switched over I2C: by bits of one register, or by a register of their own each.

    With `masks`, relay 1 is the first mask in `register`, and `inverted` says
    that a cleared bit energises. `direction_register`, where there is one, makes
    a bit an output when its bit is cleared, after its level was written. With
    `registers`, relay 1 is the first register, which takes `on` or `off`.
    """

    addresses: tuple[int, ...]
    register: int | None = None
    masks: tuple[int, ...] = ()
    inverted: bool = False
    direction_register: int | None = None
    registers: tuple[int, ...] = ()
    on: int = 0xFF
    off: int = 0x00

    def __post_init__(self) -> None:
        """Refuse a board that is neither of the two kinds, or both.

        Raises:
            ValueError: msgspec turns it into a mistake of the profile.
        """
        if bool(self.registers) is (self.register is not None and bool(self.masks)):
            message = "say either register and masks, or registers"
            raise ValueError(message)

    @property
    def relays(self) -> int:
        """How many relays there are."""
        return len(self.masks) or len(self.registers)


class BoardProfile(Profile, frozen=True, kw_only=True):
    """A relay board: its BCM pins or its I2C registers, and what the maker says of its polarity.

    `may_hold_after_kill`: an output may keep its level when our process dies,
    which decides what a crash does to the door; a Pi's own pins keep it or not
    by kernel version (pinctrl-bcm2835's persist_gpio_outputs), so they may.
    `boot` is the line for /boot/firmware/config.txt that keeps relays at rest
    while the Pi starts. `contacts` is what a relay's contacts may switch.
    """

    pins: tuple[int, ...] = ()
    i2c: I2cRelays | None = None
    maker_says_active_low: bool | None = None
    may_hold_after_kill: bool
    inputs: tuple[int, ...] = ()
    boot: str = ""
    contacts: str = ""


class SupplyProfile(Profile, frozen=True, kw_only=True):
    """What feeds a door: `watts` is what it can give, `outlasts` how long without the mains."""

    watts: float
    outlasts: str = ""


class ClockProfile(Profile, frozen=True, kw_only=True):
    """A battery clock: the lines of config.txt that make the kernel read it, what keeps it going, how far it drifts."""

    boot: tuple[str, ...]
    battery: str
    drift_seconds_a_week: float


class TurnstileProfile(Profile, frozen=True, kw_only=True):
    """A turnstile: how long a release pulse must be, how long it waits for the person, what it reports."""

    pulse_ms: int
    passage_wait_ms: int
    inputs: tuple[str, ...] = ()
    pass_outputs: str = ""
    fire: str = ""


P = TypeVar("P", bound=Profile)
KINDS: Mapping[str, type[Profile]] = {
    "reader": ReaderProfile,
    "lock": LockProfile,
    "board": BoardProfile,
    "turnstile": TurnstileProfile,
    "supply": SupplyProfile,
    "clock": ClockProfile,
}


@dataclass(frozen=True, slots=True)
class Catalog:
    """All profiles by kind and name, in the order of their names."""

    profiles: Mapping[str, Mapping[str, Profile]]

    def reader(self, name: str) -> ReaderProfile:
        """The reader's profile, or ProfileNotFound naming those that exist."""
        return self._one("reader", name, ReaderProfile)

    def lock(self, name: str) -> LockProfile:
        """The lock's profile, or ProfileNotFound naming those that exist."""
        return self._one("lock", name, LockProfile)

    def board(self, name: str) -> BoardProfile:
        """The board's profile, or ProfileNotFound naming those that exist."""
        return self._one("board", name, BoardProfile)

    def turnstile(self, name: str) -> TurnstileProfile:
        """The turnstile's profile, or ProfileNotFound naming those that exist."""
        return self._one("turnstile", name, TurnstileProfile)

    def supply(self, name: str) -> SupplyProfile:
        """The supply's profile, or ProfileNotFound naming those that exist."""
        return self._one("supply", name, SupplyProfile)

    def clock(self, name: str) -> ClockProfile:
        """The battery clock's profile, or ProfileNotFound naming those that exist."""
        return self._one("clock", name, ClockProfile)

    def names(self, kind: str) -> list[str]:
        """The names of all profiles of a kind: reader, lock, board, turnstile, supply or clock."""
        return list(self.profiles[kind])

    def _one(self, kind: str, name: str, wanted: type[P]) -> P:
        found = self.profiles[kind].get(name)
        if not isinstance(found, wanted):
            raise ProfileNotFound(kind, name, self.names(kind))
        return found


def load_catalog(root: Traversable | None = None) -> Catalog:
    """Read every profile of the package, or of another folder laid out like it; the package is read once a process.

    Raises:
        ProfilesInvalid: with every mistake of every file.
    """
    return _packaged() if root is None else _read_all(root)


@cache
def _packaged() -> Catalog:
    return _read_all(files("aldaba_profiles"))


def _read_all(root: Traversable) -> Catalog:
    mistakes: list[str] = []
    profiles: dict[str, dict[str, Profile]] = {}
    for kind, struct in KINDS.items():
        profiles[kind] = {}
        for name, text in _toml_files(root / folder_of(kind)):
            profile = _read(struct, text, f"{folder_of(kind)}/{name}.toml", mistakes)
            if profile is not None:
                profiles[kind][name] = profile
    if mistakes:
        raise ProfilesInvalid(mistakes)
    return Catalog(profiles)


def _toml_files(folder: Traversable) -> Iterator[tuple[str, str]]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            yield entry.name.removesuffix(".toml"), entry.read_text("utf-8")


def _read(struct: type[Profile], text: str, where: str, mistakes: list[str]) -> Profile | None:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        mistakes.append(f"{where}: {error}.")
        return None
    wrong = mistakes_in(struct, found, where)
    mistakes += wrong
    return None if wrong else msgspec.convert(found, struct)
