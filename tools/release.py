"""Makes the folder from which a controller is installed: wheels, the lock with hashes, units, rules and install.sh.

What a Pi gets is what this writes and nothing else; `install.sh` says how.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEMBERS = ("aldaba-shared", "aldaba-profiles", "aldaba-edge")
EXTRAS = ("osdp", "i2c")
"""What has wheels for every Pi; lgpio and pyscard come from Debian."""


def make(folder: Path) -> None:
    """Write a release into a new or empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for member in MEMBERS:
        _run("uv", "build", "--quiet", "--wheel", "--package", member, "--out-dir", str(folder))
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    export = ("uv", "export", "--quiet", "--package", "aldaba-edge", "--no-dev", "--no-emit-workspace", "--frozen")
    _run(*export, *extras, "-o", str(folder / "edge.lock"))
    shutil.copytree(ROOT / "systemd", folder / "systemd", dirs_exist_ok=True)
    shutil.copy(ROOT / "installer" / "install.sh", folder)
    shutil.copy(ROOT / "docs" / "examples" / "edge.toml", folder / "edge.toml.example")
    (folder / ".gitignore").unlink(missing_ok=True)


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


def main(arguments: list[str]) -> int:
    """Make a release in the folder named, `release` unless another is."""
    folder = Path(arguments[0] if arguments else "release").resolve()
    if folder.exists() and any(folder.iterdir()):
        print(f"{folder} is not empty: name a new one, or empty it")
        return 2
    make(folder)
    print(f"{folder}: copy it to the controller and run install.sh there as root")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
