"""Updating: a version is installed beside the others, tried for a minute, and kept or left.

`versions/NAME/` is a virtual environment that is never changed once it is whole.
Two names point at one of them: `current` is what the unit starts, `good` is what
is known to serve doors. A trial is nothing else than `current` pointing elsewhere
than `good`, so there is no state that could contradict the folder: each step is
one rename, made durable, and after a power cut at any point either the old version
runs or the trial is still open and `guard`, which always runs from `good`, decides
it anew. A version is kept once a daemon that started as that version has fed the
watchdog for `KEPT_SECONDS`; when that has not come after `TRIAL_SECONDS`, `current`
goes back to where `good` is.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import msgspec

from aldaba_edge.bundle import OpenBundle
from aldaba_edge.durable import sync
from aldaba_shared.errors import AldabaError

TRIAL_SECONDS: Final = 60.0
KEPT_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 1.0
WHOLE: Final = ".whole"
LEFT: Final = "left.json"


class UpdateImpossible(AldabaError):
    """An update cannot begin or go on."""

    code = "update_impossible"

    def __init__(self, why: str, way_out: str) -> None:
        super().__init__(f"No update: {why}. {way_out}")


class InstallFailed(AldabaError):
    """A version could not be installed; nothing points at it."""

    code = "install_failed"

    def __init__(self, why: str) -> None:
        super().__init__(f"The version could not be installed: {why}. The version that runs goes on running.")


class Left(msgspec.Struct, frozen=True):
    """The last version that was tried and left."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Running:
    """What the daemon says of itself: its version's folder, for how long it runs, how often it fed the watchdog."""

    name: str
    up_seconds: float
    fed: int


class Installer(Protocol):
    """Makes a virtual environment of wheels."""

    def install(self, folder: Path, wheels: list[Path]) -> None:
        """Fill the folder; raises InstallFailed."""


class Service(Protocol):
    """The daemon, as whoever watches over it sees it."""

    def restart(self) -> None:
        """Have `current` run; does not wait until it does."""

    def running(self) -> Running | None:
        """What runs now, if anything answers."""


class Slots:
    """The folder in which the versions are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.versions = folder / "versions"

    def named(self, pointer: str) -> str | None:
        """The version that `current` or `good` points at."""
        try:
            return (self.folder / pointer).readlink().name
        except OSError:
            return None

    def point(self, pointer: str, name: str) -> None:
        """Have a name point at a version, in one rename that outlives a power cut."""
        new = self.folder / f".{pointer}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(Path("versions") / name)
        new.rename(self.folder / pointer)
        sync(self.folder)

    @property
    def on_trial(self) -> str | None:
        """The version that has to show that it serves doors."""
        current = self.named("current")
        return current if current != self.named("good") else None

    def left(self) -> Left | None:
        """The version that was tried last and left, if one was."""
        try:
            return msgspec.json.decode((self.folder / LEFT).read_bytes(), type=Left)
        except (OSError, msgspec.DecodeError):
            return None

    def note_left(self, left: Left) -> None:
        """Remember for people what was tried and left; nothing is decided by it."""
        new = self.folder / f".{LEFT}.new"
        new.write_bytes(msgspec.json.encode(left))
        sync(new)
        new.rename(self.folder / LEFT)
        sync(self.folder)


def name_of(bundle: OpenBundle) -> str:
    """The folder of a bundle's version: two builds of one version are two folders."""
    digest = sha256(msgspec.json.encode(bundle.manifest)).hexdigest()
    return f"{bundle.manifest.version}-{digest[:8]}"


def install(slots: Slots, bundle: OpenBundle, installer: Installer) -> str:
    """Install a bundle beside the other versions and answer its name; nothing points at it yet.

    What a power cut left half is thrown away and made anew.

    Raises:
        UpdateImpossible: another version is on trial.
        BundleRefused: a wheel is another one than was signed.
        InstallFailed: it could not be installed.
    """
    if slots.on_trial is not None:
        raise UpdateImpossible(f"{slots.on_trial} is on trial", "Wait a minute, or run: aldaba-edge update --confirm")
    name = name_of(bundle)
    folder = slots.versions / name
    if (folder / WHOLE).exists():
        return name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wheels = folder / "wheels"
    wheels.mkdir()
    installer.install(folder, bundle.unpack(wheels))
    shutil.rmtree(wheels)
    os.sync()  # thousands of small files: one call for all of them
    (folder / WHOLE).touch()
    sync(folder)
    sync(slots.versions)
    return name


def guard(slots: Slots, service: Service, wait: Callable[[float], None]) -> bool | None:
    """Decide an open trial: True when the version was kept, False when it was left, None when there was none."""
    name = slots.on_trial
    if name is None:
        return None
    if slots.named("good") is None:
        raise UpdateImpossible("nothing says which version is good", "Run install.sh of a release again.")
    service.restart()
    for _ in range(round(TRIAL_SECONDS / LOOK_SECONDS)):
        wait(LOOK_SECONDS)
        now = service.running()
        if now is not None and now.name == name and now.fed and now.up_seconds >= KEPT_SECONDS:
            slots.point("good", name)
            tidy(slots)
            return True
    slots.note_left(Left(name, f"no door fed the watchdog for {KEPT_SECONDS:.0f} s within {TRIAL_SECONDS:.0f} s"))
    slots.point("current", str(slots.named("good")))
    service.restart()
    return False


def tidy(slots: Slots) -> None:
    """Keep what is pointed at and the version before it; a Pi's card is small."""
    kept = {slots.named("current"), slots.named("good")}
    others = [one for one in slots.versions.iterdir() if one.name not in kept and one.is_dir()]
    others.sort(key=lambda one: one.stat().st_mtime)
    for one in others[:-1]:
        shutil.rmtree(one, ignore_errors=True)
