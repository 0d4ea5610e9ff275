#!/usr/bin/env bash
# Puts Aldaba onto a controller: a Raspberry Pi with Raspberry Pi OS, or any Debian from 12 on. Run as root, in the
# folder of a release (`make release` makes one). Running it again changes only what is not as it should be.
#
#   ./install.sh             packages, account, units, rules; starts the doors if they are configured and paired
#   ./install.sh --pcsc      the same with USB readers that speak PC/SC
#   ./install.sh --no-apt    installs no Debian package and says which are missing
set -euo pipefail
umask 022
cd "$(dirname "$(readlink -f "$0")")"

HOME_OF_ALDABA=/opt/aldaba
PROGRAM=$HOME_OF_ALDABA/current/bin/aldaba-edge
CONFIG=/etc/aldaba/edge.toml
PCSC="" APT=yes
for word in "$@"; do
    case $word in
        --pcsc) PCSC=yes ;;
        --no-apt) APT="" ;;
        *) printf 'usage: ./install.sh [--pcsc] [--no-apt]\n' >&2; exit 2 ;;
    esac
done

say() { printf 'aldaba: %s\n' "$*"; }
fail() { printf 'aldaba: %s\n' "$*" >&2; exit 2; }

# A file is written only when it differs, so that a second run restarts nothing and touches no time stamp.
put() { # mode owner:group source target
    if ! cmp -s "$3" "$4"; then
        install -D -m "$1" -o "${2%:*}" -g "${2#*:}" "$3" "$4"
        CHANGED=yes
        say "wrote $4"
    fi
}

need_root() { [ "$(id -u)" = 0 ] || fail "run this as root: sudo ./install.sh"; }

need_release() {
    compgen -G 'aldaba_edge-*.whl' >/dev/null || fail "no aldaba_edge wheel here: run this in the folder of a release"
    [ -e edge.lock ] || fail "edge.lock is missing: run this in the folder of a release"
}

need_packages() {
    local missing=() name wanted=(python3-venv python3-lgpio)
    [ -z "$PCSC" ] || wanted+=(pcscd python3-pyscard)
    for name in "${wanted[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ -z "$APT" ]; then
        say "not installed, and may be needed: ${missing[*]}"
        return 0
    fi
    say "installing from Debian: ${missing[*]}"
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "${missing[@]}" ||
        fail "apt-get could not install: ${missing[*]}"
}

# lgpio and pyscard come from Debian, because PyPI has no wheel of them for every Python; hence the system's packages.
# Everything else comes with the hashes of the lock, and our own wheels from here alone: our names are nobody's on PyPI.
#
# Each version has a folder of its own, which is never changed once it is whole; `current` is what the unit starts, and
# `good` what an update goes back to (`aldaba-edge update`).
put_program() {
    local stamp version name folder
    stamp=$(sha256sum edge.lock aldaba_*.whl | sha256sum | cut -c 1-8)
    version=$(printf '%s\n' aldaba_edge-*.whl | cut -d - -f 2)
    name=$version-$stamp
    folder=$HOME_OF_ALDABA/versions/$name
    if [ -e "$folder/.whole" ] && [ "$(readlink "$HOME_OF_ALDABA/current")" = "versions/$name" ]; then
        return 0
    fi
    if [ ! -e "$folder/.whole" ]; then
        fill "$folder"
    fi
    point good "$name"
    point current "$name"
    CHANGED=yes
    say "installed $("$PROGRAM" --version)"
}

fill() { # folder
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or later is needed"
    rm -rf "$1"
    python3 -m venv --system-site-packages "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
        -r edge.lock || fail "the locked requirements could not be installed"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index \
        --force-reinstall aldaba_*.whl || fail "our wheels could not be installed"
    sync
    touch "$1/.whole"
}

point() { # pointer name
    ln -sfn "versions/$2" "$HOME_OF_ALDABA/.$1.new"
    mv -T "$HOME_OF_ALDABA/.$1.new" "$HOME_OF_ALDABA/$1"
}

put_account() {
    put 644 root:root systemd/aldaba-edge.sysusers /etc/sysusers.d/aldaba.conf
    systemd-sysusers /etc/sysusers.d/aldaba.conf
}

put_files() {
    install -d -m 750 -o root -g aldaba /etc/aldaba
    install -d -m 700 -o aldaba -g aldaba /var/lib/aldaba
    [ -e "$CONFIG" ] || put 640 root:aldaba edge.toml.example /etc/aldaba/edge.toml.example
    if [ -e "$CONFIG" ]; then
        chown root:aldaba "$CONFIG"
        chmod 640 "$CONFIG"
    fi
    local unit=/etc/systemd/system/aldaba-edge.service
    put 644 root:root systemd/aldaba-edge.service "$unit"
    put 644 root:root systemd/aldaba-edge-pins.conf "$unit.d/pins.conf"
    put 644 root:root systemd/aldaba-edge-guard.service /etc/systemd/system/aldaba-edge-guard.service
    if [ -n "$PCSC" ]; then
        put 644 root:root systemd/aldaba-edge-pcsc.conf "$unit.d/pcsc.conf"
        put 644 root:root systemd/aldaba-pcsc.rules /etc/polkit-1/rules.d/50-aldaba-pcsc.rules
    fi
    put 644 root:root systemd/aldaba.udev.rules /etc/udev/rules.d/60-aldaba.rules
    ln -sfn "$PROGRAM" /usr/local/bin/aldaba-edge
}

put_boot_lines() {
    local firmware
    for firmware in /boot/firmware/config.txt /boot/config.txt; do
        if [ -e "$firmware" ] && [ -e "$CONFIG" ]; then
            "$PROGRAM" boot-lines "$CONFIG" --write "$firmware" >/dev/null
            return 0
        fi
    done
}

start() {
    if [ -d /run/systemd/system ]; then
        [ -z "$CHANGED" ] || { systemctl daemon-reload; udevadm control --reload && udevadm trigger; }
        systemctl --quiet enable aldaba-edge.service aldaba-edge-guard.service
    fi
    if [ ! -e "$CONFIG" ]; then
        say "next: write $CONFIG (an example lies beside it), or pair with a code from the page of the controller it replaces;"
        say "then run this again"
    elif ! "$PROGRAM" check "$CONFIG" >/dev/null 2>&1; then
        say "next: mend what this says, then run this again: aldaba-edge check"
    elif [ ! -e /var/lib/aldaba/identity ]; then
        say "next: sudo aldaba-edge pair CODE, then run this again"
    elif [ -d /run/systemd/system ] && { [ -n "$CHANGED" ] || ! systemctl --quiet is-active aldaba-edge.service; }; then
        systemctl restart aldaba-edge.service
        say "the doors are being served; next: aldaba-edge doctor --commission"
    fi
}

CHANGED=""
need_root
need_release
need_packages
put_account
put_program
put_files
put_boot_lines
start
say "done"
