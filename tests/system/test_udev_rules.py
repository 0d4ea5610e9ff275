"""The udev rules, applied by udev itself to devices of a made-up machine: who may use them, what keeps them awake."""

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
RULES = Path(__file__).resolve().parent.parent.parent / "systemd" / "aldaba.udev.rules"

STORY = """
set -eu
mount --make-rprivate /
cp -a /etc "$ROOM/etc"
mount --bind "$ROOM/etc" /etc
rm -rf /etc/udev/rules.d
install -D -m 644 "$RULES" /etc/udev/rules.d/60-aldaba.rules
groupadd -f gpio
groupadd -f i2c
mkdir "$ROOM/none" "$ROOM/dev"
mount --bind "$ROOM/none" /usr/lib/udev/rules.d
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /sys
mkdir -p /sys/class/tty /sys/class/i2c-dev /sys/bus/gpio /sys/bus/usb/drivers/usb /sys/bus/usb-serial/drivers/ftdi_sio
device() { # path subsystem [name major:minor]
    mkdir -p "/sys/devices/$1"
    ln -s "/sys/$2" "/sys/devices/$1/subsystem"
    : >"/sys/devices/$1/uevent"
    [ $# -gt 2 ] || return 0
    printf 'MAJOR=%s\\nMINOR=%s\\nDEVNAME=%s\\n' "${4%:*}" "${4#*:}" "$3" >"/sys/devices/$1/uevent"
    echo "$4" >"/sys/devices/$1/dev"
    mknod -m 600 "$ROOM/dev/$3" c "${4%:*}" "${4#*:}"
}
adapter() { # path vendor
    device "$1" bus/usb
    echo DRIVER=usb >"/sys/devices/$1/uevent"
    ln -s /sys/bus/usb/drivers/usb "/sys/devices/$1/driver"
    echo "$2" >"/sys/devices/$1/idVendor"
    mkdir "/sys/devices/$1/power"
    printf no >"/sys/devices/$1/power/control"  # as long as what is written: a made-up attribute is not cut off
}
device uart/tty/ttyAMA0 class/tty ttyAMA0 204:64
device uart/tty/ttyS0 class/tty ttyS0 4:64
device gpio/gpiochip0 bus/gpio gpiochip0 254:0
device i2c/i2c-1 class/i2c-dev i2c-1 89:1
adapter usb/ours 0403
adapter usb/stranger 1d6b
device usb/ours/port/ttyUSB0 bus/usb-serial
echo DRIVER=ftdi_sio >/sys/devices/usb/ours/port/ttyUSB0/uevent
ln -s /sys/bus/usb-serial/drivers/ftdi_sio /sys/devices/usb/ours/port/ttyUSB0/driver
printf 9 >/sys/devices/usb/ours/port/ttyUSB0/latency_timer
device usb/ours/port/ttyUSB0/tty/ttyUSB0 class/tty ttyUSB0 188:0
mknod -m 666 "$ROOM/dev/null" c 1 3
mount --bind "$ROOM/dev" /dev
export SYSTEMD_DEVICE_VERIFY_SYSFS=0
for one in uart/tty/ttyAMA0 uart/tty/ttyS0 gpio/gpiochip0 i2c/i2c-1 usb/ours usb/stranger usb/ours/port/ttyUSB0 \\
    usb/ours/port/ttyUSB0/tty/ttyUSB0
do
    echo "= $one"
    udevadm test --action=add "/sys/devices/$one" 2>&1
done >/run/said
grep -v 'container of PID 1' /run/said | grep -E "^= |ID_MM_DEVICE_IGNORE|[Uu]nknown|[Ii]nvalid|[Ff]ailed"
for one in ttyAMA0 ttyS0 ttyUSB0 gpiochip0 i2c-1; do stat -c '%n %G %a' "/dev/$one"; done
echo "ours is kept awake: $(cat /sys/devices/usb/ours/power/control)"
echo "stranger is kept awake: $(cat /sys/devices/usb/stranger/power/control)"
echo "latency: $(cat /sys/devices/usb/ours/port/ttyUSB0/latency_timer)"
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What udev did, in namespaces that are thrown away; it is told that this machine's /sys is made up."""
    room = tmp_path_factory.mktemp("udev")
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    place = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"ROOM={room}", f"RULES={RULES}"]
    command = [*as_root, "env", "-i", *place, "unshare", "--mount", "bash", "-c", STORY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_wires_belong_to_their_groups_and_to_nobody_else(said: list[str]) -> None:
    assert {
        "/dev/ttyAMA0 dialout 660",
        "/dev/ttyUSB0 dialout 660",
        "/dev/gpiochip0 gpio 660",
        "/dev/i2c-1 i2c 660",
        "/dev/ttyS0 root 600",
    } <= set(said)


def test_an_adapter_of_ours_stays_awake_and_answers_at_once_and_a_strangers_is_left_alone(said: list[str]) -> None:
    assert {"ours is kept awake: on", "stranger is kept awake: no", "latency: 1"} <= set(said)


def test_no_modem_manager_speaks_to_a_reader_and_udev_finds_no_fault(said: list[str]) -> None:
    for reader in ("= uart/tty/ttyAMA0", "= usb/ours/port/ttyUSB0/tty/ttyUSB0"):
        assert said[said.index(reader) + 1] == "ID_MM_DEVICE_IGNORE=1"
    assert not [one for one in said if any(word in one.lower() for word in ("unknown", "invalid", "failed"))]
