"""A bundle: the wheels of one version in a ZIP file, with a manifest that the root signed.

The root is the key this controller pinned at pairing, so that nobody but who runs
the network can put a program onto its doors (ADR 0042).
"""

import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from packaging.version import InvalidVersion, Version

from aldaba_shared.envelope import EnvelopeRefused, KeyRing, kid_of, unseal
from aldaba_shared.errors import AldabaError
from aldaba_shared.messages import Bundle, Kind, Wheel, WorkingKey
from aldaba_shared.wire import Malformed

MANIFEST: Final = "manifest.cose"
MOST_MANIFEST: Final = 64 * 1024
MOST_BYTES: Final = 256 * 1024 * 1024
ANY: Final = "any"


class BundleRefused(AldabaError):
    """A bundle is not installed."""

    code = "bundle_refused"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} was not installed: {why}. The version that runs goes on running.")
        self.why = why


@dataclass(frozen=True, slots=True)
class Machine:
    """What this computer can run."""

    platform: str
    python: str

    @classmethod
    def here(cls) -> "Machine":
        """This one."""
        return cls(sysconfig.get_platform(), f"{sys.version_info.major}.{sys.version_info.minor}")


@dataclass(frozen=True, slots=True)
class OpenBundle:
    """A bundle whose manifest the root signed; its wheels are believed only by their hashes."""

    path: Path
    manifest: Bundle
    archive: zipfile.ZipFile

    def unpack(self, folder: Path) -> list[Path]:
        """Write the wheels into a folder; only what the manifest lists, and only with the right hash.

        Raises:
            BundleRefused: one is missing, or another than was signed.
        """
        return [self._unpacked(wheel, folder) for wheel in self.manifest.wheels]

    def _unpacked(self, wheel: Wheel, folder: Path) -> Path:
        if Path(wheel.name).name != wheel.name or not wheel.name.endswith(".whl"):
            raise BundleRefused(self.path, f"{wheel.name!r} is no name of a wheel")
        try:
            with self.archive.open(wheel.name) as stream:
                content = stream.read(wheel.size + 1)
        except (KeyError, OSError, zipfile.BadZipFile) as error:
            raise BundleRefused(self.path, f"{wheel.name} cannot be read") from error
        if len(content) != wheel.size or sha256(content).hexdigest() != wheel.sha256:
            raise BundleRefused(self.path, f"{wheel.name} is another one than was signed")
        target = folder / wheel.name
        target.write_bytes(content)
        return target


@contextmanager
def opened(path: Path, root_key: bytes) -> Iterator[OpenBundle]:
    """Open a bundle that this root signed (SubjectPublicKeyInfo, DER).

    Raises:
        BundleRefused: it is none, too large, or somebody else signed it.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise BundleRefused(path, "it is no bundle") from error
    with archive:
        manifest = _manifest(path, archive, root_key)
        if sum(one.size for one in manifest.wheels) > MOST_BYTES:
            raise BundleRefused(path, f"it is larger than {MOST_BYTES >> 20} MiB")
        yield OpenBundle(path, manifest, archive)


def _manifest(path: Path, archive: zipfile.ZipFile, root_key: bytes) -> Bundle:
    try:
        with archive.open(MANIFEST) as stream:
            envelope = stream.read(MOST_MANIFEST)
        ring = KeyRing([WorkingKey(kid_of(Kind.BUNDLE, envelope), root_key, (Kind.BUNDLE,))])
        return unseal(Kind.BUNDLE, "*", envelope, ring, Bundle)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise BundleRefused(path, "it has no manifest") from error
    except (EnvelopeRefused, Malformed, ValueError) as error:
        raise BundleRefused(path, "its manifest is not signed by this network's root") from error


def check_fits(bundle: OpenBundle, machine: Machine, running: str, *, downgrade: bool) -> None:
    """Whether a bundle may be installed here beside the version that runs.

    Raises:
        BundleRefused: it is for other computers, or not newer.
    """
    said = bundle.manifest
    if said.platform not in (ANY, machine.platform) or said.python not in (ANY, machine.python):
        here = f"{machine.platform} with Python {machine.python}"
        raise BundleRefused(bundle.path, f"it is for {said.platform} with Python {said.python}, and this is {here}")
    try:
        wanted = Version(said.version)
    except InvalidVersion as error:
        raise BundleRefused(bundle.path, f"{said.version!r} is no version") from error
    if wanted == Version(running):
        raise BundleRefused(bundle.path, f"{running} runs already")
    if wanted < Version(running) and not downgrade:
        raise BundleRefused(bundle.path, f"{wanted} is older than {running}; say --downgrade if you mean it")
