"""A systemd of its own as process 1, in namespaces that are thrown away: the real manager runs the real units.

Everything it may write is empty or a copy, the way `test_install_sh` does it. Of
the control groups it sees the one that systemd needs to tell its services apart,
from a group of its own on; limits of devices and memory are therefore not tried.
"""

import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 300.0

OUTSIDE = """
set -eu
base=/sys/fs/cgroup
if [ -d $base/systemd ]; then base=$base/systemd; fi
group=$base/aldaba-test-$$
mkdir "$group"
echo $$ >"$group/cgroup.procs"
code=0
unshare --pid --mount --uts --ipc --cgroup --fork --kill-child bash -c "$INSIDE" || code=$?
echo $$ >"$base/cgroup.procs"
for _ in $(seq 50); do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ -d "$group" ] || break
    sleep 0.1
done
exit $code
"""

INSIDE = """
set -eu
mount --make-rprivate /
mount -t proc proc /proc
mkdir -p "$ROOM"/{opt,lib,tmp,system,generators} "$ROOM"/srv/{python,repository,packages,room}
cp -a /etc "$ROOM/etc"
if [ -d /sys/fs/cgroup/systemd ]; then
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
mount --bind "$PYTHON" "$ROOM/srv/python"
mount --bind "$REPOSITORY" "$ROOM/srv/repository"
mount --bind "$PACKAGES" "$ROOM/srv/packages"
mount --bind "$ROOM" "$ROOM/srv/room"
mount --rbind "$ROOM/srv" /srv
mount --bind "$ROOM/opt" /opt
mount --bind "$ROOM/lib" /var/lib
mount --bind "$ROOM/etc" /etc
mount -t tmpfs -o mode=755 tmpfs /run
# Nothing of this machine's own may start: no unit of Debian's, no generator that reads fstab, no tidying of its /tmp.
for target in sysinit basic shutdown local-fs time-set multi-user network; do
    printf '[Unit]\\nDefaultDependencies=no\\n' >"$ROOM/system/$target.target"
done
mount --bind "$ROOM/system" /usr/lib/systemd/system
mount --bind "$ROOM/generators" /usr/lib/systemd/system-generators
rm -rf /etc/systemd/system /etc/sysusers.d
mkdir -p /etc/systemd/system /etc/systemd/system.conf.d /run/lock
# An interpreter that was moved must find its own library, and not the system's.
printf '[Manager]\\nDefaultEnvironment=LD_LIBRARY_PATH=/srv/python/lib\\n' >/etc/systemd/system.conf.d/python.conf
cp "$ROOM"/units/* /etc/systemd/system/
cat >/etc/systemd/system/story.service <<'UNIT'
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/bash /srv/room/story
StandardOutput=file:/run/said
StandardError=file:/run/complained
UNIT
systemd-sysusers --replace=/etc/sysusers.d/aldaba.conf "$REPOSITORY/systemd/aldaba-edge.sysusers"
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
(
    while [ ! -e /run/told ]; do sleep 0.2; done
    cp /run/said /run/complained /srv/room/
    touch /srv/room/done
) &
export container=other
cd /
exec /lib/systemd/systemd --system --unit=story.service --show-status=no --log-target=console --log-level=notice
"""


def told_by(story: str, units: Mapping[str, str], room: Path) -> dict[str, str]:
    """Have systemd run a story of shell commands; what was said after each `step NAME`.

    The interpreter stands in /srv/python, this repository in /srv/repository and
    what it uses in /srv/packages, where the services' own accounts can read them;
    /srv/room is the folder given here.
    """
    room.chmod(0o755)
    (room / "units").mkdir()
    for name, content in units.items():
        (room / "units" / name).write_text(content)
    ended = "trap 'touch /run/told' EXIT\nstep() { printf '\\n== %s\\n' \"$1\"; }\n"
    (room / "story").write_text(ended + story)
    place = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "ROOM": str(room),
        "PYTHON": sys.base_prefix,
        "REPOSITORY": str(REPOSITORY),
        "PACKAGES": sysconfig.get_path("purelib"),
        "INSIDE": INSIDE,
    }
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    command = [*as_root, "env", "-i", *(f"{name}={value}" for name, value in place.items()), "bash", "-c", OUTSIDE]
    with (room / "console").open("wb") as console:
        process = subprocess.Popen(command, stdout=console, stderr=subprocess.STDOUT, start_new_session=True)
        _wait(process, room)
    complained = (room / "complained").read_text() if (room / "complained").exists() else ""
    assert (room / "done").exists(), complained + (room / "console").read_text()[-3000:]
    steps = [step.partition("\n") for step in (room / "said").read_text().split("\n== ")[1:]]
    return {name: text for name, _, text in steps} | {"complained": complained}


def _wait(process: subprocess.Popen[bytes], room: Path) -> None:
    """Wait for the story's end, then end process 1 and with it everything it started."""
    until = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and not (room / "done").exists() and time.monotonic() < until:
        time.sleep(0.1)  # other processes' work; nothing here can tell us
    _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill `unshare`, whose child dies with it; the shell around it then tidies up and ends."""
    listed = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)
    for child in listed.stdout.split():
        os.kill(int(child), signal.SIGKILL)
    process.wait(timeout=30)
