"""bundle: the wheels of a version, signed by the root, for `aldaba-edge update`."""

import zipfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import click
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from aldaba_cloud.cli.frame import json_option, tell
from aldaba_cloud.fleet.keys import EVERYBODY, load_root
from aldaba_shared.envelope import seal
from aldaba_shared.errors import AldabaError
from aldaba_shared.messages import Bundle, Kind, Wheel

MANIFEST: Final = "manifest.cose"
EDGE: Final = "aldaba-edge"
FILE = click.Path(path_type=Path, dir_okay=False)


class BundleUnusable(AldabaError):
    """A folder makes no bundle."""

    code = "bundle_unusable"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("target", type=FILE)
@click.option("--root", "root_file", type=FILE, required=True, help="The root's private key; it is kept offline.")
@click.option("--platform", default="any", show_default=True, help="Such as linux-aarch64, where a wheel is compiled.")
@click.option("--python", default="any", show_default=True, help="Such as 3.11, where a wheel is compiled.")
@json_option
def bundle(folder: Path, target: Path, *, root_file: Path, platform: str, python: str, as_json: bool) -> None:
    """Put the wheels in FOLDER into one signed file, TARGET.

    Every wheel a controller needs must be there: it takes nothing from elsewhere.

    \b
    aldaba-cloud bundle release aldaba-0.2.0.bundle --root /media/offline/root.key
    """
    wheels = sorted(folder.glob("*.whl"))
    manifest = Bundle(_version(wheels), platform, python, datetime.now(UTC), tuple(map(_listed, wheels)))
    _check_platform(wheels, platform, python)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(MANIFEST, seal(Kind.BUNDLE, EVERYBODY, manifest, load_root(root_file)))
        for wheel in wheels:
            archive.write(wheel, wheel.name)
    tell([{"bundle": str(target), "version": manifest.version, "wheels": len(wheels)}], as_json=as_json)


def _listed(wheel: Path) -> Wheel:
    content = wheel.read_bytes()
    return Wheel(wheel.name, sha256(content).hexdigest(), len(content))


def _version(wheels: list[Path]) -> str:
    """The version of the controller's own wheel."""
    found = []
    for wheel in wheels:
        try:
            name, version, _, _ = parse_wheel_filename(wheel.name)
        except InvalidWheelFilename as error:
            raise BundleUnusable(f"{wheel.name} is no name of a wheel. Take it out of the folder.") from error
        found += [version] if name == EDGE else []
    if len(found) != 1:
        raise BundleUnusable("One wheel of aldaba-edge must be in the folder: make it with `make release`.")
    return str(found[0])


def _check_platform(wheels: list[Path], platform: str, python: str) -> None:
    compiled = [one.name for one in wheels if not one.name.endswith("-none-any.whl")]
    if compiled and "any" in (platform, python):
        raise BundleUnusable(f"{compiled[0]} is compiled: say for which --platform and --python.")
