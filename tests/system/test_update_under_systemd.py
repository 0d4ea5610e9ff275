"""A real systemd as process 1 runs the units as they are installed, keeps one update and leaves another."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from aldaba_cloud.fleet.keys import load_root, make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_edge.keyfile import write_identity
from tests.edge.places import Keys, write_rules
from tests.system.controller import ANA, CONFIG, rules_for
from tests.system.under_systemd import REPOSITORY, told_by

pytestmark = pytest.mark.system
UNITS = ("aldaba-edge.service", "aldaba-edge-guard.service")

PATHS = [
    "/srv/packages",
    *(f"/srv/repository/{one}" for one in ("edge", "shared", "firmware_profiles", "hardware_sim")),
]
SERVES = f"""
import sys
sys.path[:0] = {PATHS}

def main():
    import aldaba_edge.cli_update as asking
    import aldaba_edge.update as update
    update.TRIAL_SECONDS, update.KEPT_SECONDS, asking.WAIT_SECONDS = GIVEN, 2.0, 250
    from aldaba_edge.cli import main
    main()
"""
"""The daemon of this repository under another number; it gives the next version so many seconds instead of a minute."""
DIES = "def main():\n    raise SystemExit(1)\n"

HARDWARE = f"""
import os, signal, sys
sys.path[:0] = {PATHS}
from pathlib import Path
from aldaba_sim.pin_panel import PinPanel
from aldaba_sim.pn532 import Pn532Board
panel = PinPanel(Path("/run/parts/panel"), lambda pin, level: None)
panel.drive(4, level=False)
panel.drive(5, level=True)
board = Pn532Board(Path("/run/parts/reader"))
for one in ("/run/parts/panel", os.path.realpath("/run/parts/reader")):
    os.chmod(one, 0o666)
signal.pause()
"""
HARDWARE_UNIT = """[Service]
ExecStart=/srv/python/bin/python3 /run/hardware.py
RuntimeDirectory=parts
"""
FIRST = f"""
import sys
sys.path[:0] = {PATHS}
from pathlib import Path
from aldaba_edge import bundle, update
from aldaba_edge.update_adapters import PipInstaller
slots = update.Slots(Path("/opt/aldaba"))
with bundle.opened(Path(sys.argv[1]), Path(sys.argv[2]).read_bytes()) as opened:
    name = update.install(slots, opened, PipInstaller())
slots.point("good", name)
slots.point("current", name)
"""
"""What install.sh does, but from a bundle."""

PREPARED = """
set -u
export LD_LIBRARY_PATH=/srv/python/lib
cp -a "/srv/room/data" /var/lib/aldaba
chown -R aldaba:aldaba /var/lib/aldaba
install -d -m 750 -g aldaba /etc/aldaba
install -m 640 -g aldaba "/srv/room/edge.toml" /etc/aldaba/edge.toml
cp "/srv/room/hardware.py" /run/hardware.py
systemctl start hardware.service
mkdir /opt/aldaba
/srv/python/bin/python3 "/srv/room/first.py" "/srv/room/1.0.bundle" "/srv/room/root.pub"
edge=/opt/aldaba/good/bin/aldaba-edge
serves() { for _ in $(seq 300); do $edge status --json 2>/dev/null && return 0; sleep 0.2; done; return 1; }
step first
systemctl start aldaba-edge.service && serves
"""
UPDATED = """
step idle
systemctl start aldaba-edge-guard.service; systemctl show -p Result,ExecMainStatus aldaba-edge-guard.service
step kept
$edge update "/srv/room/2.0.bundle" --canary --json; echo "exit $?"
step running
serves
step left
$edge update "/srv/room/3.0.bundle" --canary --json; echo "exit $?"
step again
serves
step unit
systemctl show -p ActiveState,WatchdogUSec,User aldaba-edge.service
"""


def bundle(room: Path, version: str, module: str, root: Path) -> None:
    """Sign a version with the cloud's own command."""
    folder = room / version
    folder.mkdir()
    info = f"aldaba_edge-{version}.dist-info"
    with zipfile.ZipFile(folder / f"aldaba_edge-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny_edge.py", module)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: aldaba-edge\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\naldaba-edge = tiny_edge:main\n")
        archive.writestr(f"{info}/RECORD", "")
    program = Path(sys.executable).with_name("aldaba-cloud")
    words = ["bundle", str(folder), str(room / f"{version}.bundle"), "--root", str(root)]
    environment = {**os.environ, "ALDABA_STATE_DIR": str(room)}
    subprocess.run([program, *words], check=True, capture_output=True, env=environment)


def furnished(room: Path, versions: Mapping[str, str]) -> dict[str, str]:
    """What a paired controller has on its disk, bundles of these versions, and the units it has."""
    made = make_keys(Keyring(room / "keys"), room / "root.key", datetime.now(UTC))
    (room / "root.pub").write_bytes(made.root_key)
    keys = Keys(root=load_root(room / "root.key"))
    identity = keys.identity()
    write_identity(room / "data" / "identity", replace(identity, answer=replace(identity.answer, broker_host="")))
    rows = rules_for(ANA, datetime.now(UTC))
    head = keys.head(rows, at=datetime.now(UTC))
    write_rules(room / "data" / "rules" / "1-1" / "rules.db", rows, keys.seal_head(head), head.set_hash)
    (room / "data" / "rules" / "current").symlink_to("1-1")
    text = CONFIG.replace("{folder}/data", "/var/lib/aldaba").replace("{folder}/run", "/run/aldaba")
    (room / "edge.toml").write_text(text.format(folder="/run/parts", release_seconds=1))
    (room / "hardware.py").write_text(HARDWARE)
    (room / "first.py").write_text(FIRST)
    for version, module in versions.items():
        bundle(room, version, module, room / "root.key")
    return {name: (REPOSITORY / "systemd" / name).read_text() for name in UNITS} | {"hardware.service": HARDWARE_UNIT}


def test_systemd_keeps_a_version_whose_doors_feed_its_watchdog_and_leaves_one_that_dies(tmp_path: Path) -> None:
    versions = {"1.0": SERVES.replace("GIVEN", "200"), "2.0": SERVES.replace("GIVEN", "6"), "3.0": DIES}
    told = told_by(PREPARED + UPDATED, furnished(tmp_path, versions), tmp_path)
    assert json.loads(told["first"])["program"].startswith("1.0-"), told["complained"]
    assert told["idle"].split() == ["Result=success", "ExecMainStatus=0"]
    kept, _, code = told["kept"].strip().rpartition("\n")
    assert code == "exit 0", (told["kept"], told["complained"])
    second = json.loads(kept)["good"]
    assert second.startswith("2.0-")
    assert json.loads(told["running"])["program"] == second
    left, _, code = told["left"].strip().rpartition("\n")
    assert code == "exit 1", (told["left"], told["complained"])
    said = json.loads(left)
    assert (said["current"], said["good"], said["on_trial"]) == (second, second, None)
    assert said["left"]["name"].startswith("3.0-")
    assert json.loads(told["again"])["program"] == second
    assert set(told["unit"].split()) == {"ActiveState=active", "WatchdogUSec=20s", "User=aldaba"}
