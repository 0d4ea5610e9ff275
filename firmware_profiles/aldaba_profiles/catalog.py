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
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import msgspec

from aldaba_profiles.mistakes import mistakes_in


class CatalogError(Exception):
    """Something about profiles that a person can mend; the message says how."""

    code = "catalog_error"


class ProfileNotFound(CatalogError):
    """A configured device has no profile."""

    code = "profile_not_found"

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        super().__init__(
            f"No {kind} profile is called {name!r}. "
            f"Use one of: {', '.join(known)}; or add firmware_profiles/aldaba_profiles/{kind}s/{name}.toml."
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


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every profile says: a title for people, how it was tested, where its facts come from."""

    title: str
    tested: Maturity
    sources: tuple[str, ...]
    notes: str = ""


class ReaderProfile(Profile, frozen=True, kw_only=True):
    """A reader: which driver speaks to it, with which options unless the configuration says otherwise."""

    driver: str
    credentials: tuple[str, ...]
    options: dict[str, Any] = {}


class LockProfile(Profile, frozen=True, kw_only=True):
    """A lock: what its power does, and its times in milliseconds."""

    driver: str
    energise: Energise
    unlock_ms: int
    relock_on_open_ms: int | None = None
    max_on_ms: int | None = None
    fire: str = ""

    @property
    def maker_says_fail_safe(self) -> bool:
        """What follows from the maker's sheet; to be compared with the installer's word, never used instead."""
        return self.energise is Energise.TO_LOCK


class BoardProfile(Profile, frozen=True, kw_only=True):
    """A relay board: its BCM pins and what the maker says of its polarity.

    `may_hold_after_kill`: an output may keep its level when our process dies,
    which decides what a crash does to the door; a Pi's own pins keep it or not
    by kernel version (pinctrl-bcm2835's persist_gpio_outputs), so they may.
    `boot` is the line for /boot/firmware/config.txt that keeps relays at rest
    while the Pi starts.
    """

    pins: tuple[int, ...]
    maker_says_active_low: bool | None = None
    may_hold_after_kill: bool
    inputs: tuple[int, ...] = ()
    boot: str = ""


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

    def names(self, kind: str) -> list[str]:
        """The names of all profiles of a kind: reader, lock, board or turnstile."""
        return list(self.profiles[kind])

    def _one(self, kind: str, name: str, wanted: type[P]) -> P:
        found = self.profiles[kind].get(name)
        if not isinstance(found, wanted):
            raise ProfileNotFound(kind, name, self.names(kind))
        return found


def load_catalog(root: Traversable | None = None) -> Catalog:
    """Read every profile of the package, or of another folder laid out like it.

    Raises:
        ProfilesInvalid: with every mistake of every file.
    """
    mistakes: list[str] = []
    profiles: dict[str, dict[str, Profile]] = {}
    for kind, struct in KINDS.items():
        profiles[kind] = {}
        for name, text in _toml_files((root or files("aldaba_profiles")) / f"{kind}s"):
            profile = _read(struct, text, f"{kind}s/{name}.toml", mistakes)
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
