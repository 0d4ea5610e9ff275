"""install.sh on a clean machine: a mount namespace in which everything it may write is empty or a copy.

Debian's own Python and tools do the work, as on a controller; what is written
is thrown away with the namespace.
"""

import os
import shlex
import subprocess
from collections.abc import Mapping

import pytest

from tools import release

pytestmark = pytest.mark.system

ROOM = """
set -eu
mount --make-rprivate /
cp -a /etc "$ROOM/etc"
mkdir -p "$ROOM/opt" "$ROOM/lib/dpkg" "$ROOM/boot/firmware" "$ROOM/bin"
printf 'arm_64bit=1\\n' >"$ROOM/boot/firmware/config.txt"
for child in /opt/*; do
    if [ -d "$child" ]; then mkdir -p "$ROOM$child"; mount --rbind "$child" "$ROOM$child"; fi
done
mount --bind /var/lib/dpkg "$ROOM/lib/dpkg"
mount --bind "$ROOM/etc" /etc
mount --rbind "$ROOM/opt" /opt
mount --rbind "$ROOM/lib" /var/lib
mount --bind "$ROOM/boot" /boot
mount --bind "$ROOM/bin" /usr/local/bin
cd "$RELEASE"
"""
"""Run once, as root of a mount namespace of its own; nothing of it is seen outside."""

STORY = """
say() { printf '\\n== %s\\n' "$1"; }
say first; ./install.sh --no-apt --pcsc
cp edge.toml.example /etc/aldaba/edge.toml
sed -i 's/gpio-direct/waveshare-3ch/; s/pin = 17/pin = 26/' /etc/aldaba/edge.toml
sed -i 's/active_low = false/active_low = true/' /etc/aldaba/edge.toml
say second; ./install.sh --no-apt --pcsc
say third; ./install.sh --no-apt --pcsc
say check; /usr/local/bin/aldaba-edge check || true
say boot; cat /boot/firmware/config.txt
say modes; stat -c '%a %U %G %n' /etc/aldaba/edge.toml /var/lib/aldaba /etc/aldaba /opt/aldaba/current/bin/aldaba-edge
say service; setpriv --reuid aldaba --regid aldaba --init-groups /usr/local/bin/aldaba-edge wiring --json | head -c 80
say verify; systemd-analyze verify --man=no /etc/systemd/system/aldaba-edge.service 2>&1 | grep aldaba || echo sound
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What each step of the story said."""
    folder = tmp_path_factory.mktemp("install")
    folder.chmod(0o755)
    release.make(folder / "release")
    (folder / "room").mkdir()
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "http", "HTTP"))}
    place = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "ROOM": f"{folder}/room", "RELEASE": f"{folder}/release"}
    told = [f"{name}={value}" for name, value in (kept | place).items()]
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    command = [*as_root, "env", "-i", *told, "unshare", "--mount", "bash", "-c", ROOM + STORY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command[:4])}\n{done.stdout}\n{done.stderr}"
    steps = [step.partition("\n") for step in done.stdout.split("\n== ")[1:]]
    return {name: text for name, _, text in steps}


def test_a_clean_machine_gets_program_account_units_and_rules(said: Mapping[str, str]) -> None:
    for written in (
        "installed aldaba-edge, version",
        "wrote /etc/systemd/system/aldaba-edge.service\n",
        "wrote /etc/systemd/system/aldaba-edge.service.d/pcsc.conf",
        "wrote /etc/udev/rules.d/60-aldaba.rules",
        "next: write /etc/aldaba/edge.toml",
    ):
        assert written in said["first"]


def test_a_second_run_changes_nothing(said: Mapping[str, str]) -> None:
    assert "wrote" not in said["third"]
    assert "installed aldaba" not in said["third"]
    assert said["third"] == said["second"]
    assert "next: sudo aldaba-edge pair" in said["third"]
    assert "A controller may run so." in said["check"]


def test_the_firmware_is_told_to_keep_relays_at_rest_once(said: Mapping[str, str]) -> None:
    assert said["boot"].startswith("arm_64bit=1\n")
    assert said["boot"].count("gpio=26,20,21=op,dh") == 1


def test_nobody_but_root_and_the_daemon_reads_the_configuration(said: Mapping[str, str]) -> None:
    assert said["modes"].splitlines()[:4] == [
        "640 root aldaba /etc/aldaba/edge.toml",
        "700 aldaba aldaba /var/lib/aldaba",
        "750 root aldaba /etc/aldaba",
        "755 root root /opt/aldaba/current/bin/aldaba-edge",
    ]
    assert '"door": "door-street"' in said["service"]


def test_systemd_finds_the_installed_unit_sound(said: Mapping[str, str]) -> None:
    assert said["verify"].strip() == "sound"
