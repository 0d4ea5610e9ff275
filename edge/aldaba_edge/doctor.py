"""Looks at what is really there: files, clock, disk, devices, broker. `commission` works the parts that move."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aldaba_edge import config as told
from aldaba_edge.keyfile import Identity, read_identity
from aldaba_edge.local import Asking
from aldaba_edge.machine_time import KernelTime, MachineTime
from aldaba_shared.errors import AldabaError

FREE_BYTES: Final = 64 * 1024 * 1024
BROKER_SECONDS: Final = 3.0
OLDEST_SOFTWARE: Final = 1_793_000_000
"""October 2026 in seconds since 1970: a clock before this software was written is wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is well, and what to do when it is not."""

    what: str
    well: bool
    told: str

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return {"what": self.what, "well": self.well, "told": self.told}


def examine(config: told.Config, *, daemon: bool = True) -> Iterator[Finding]:
    """Everything that can be seen without touching a door; without the daemon when it must not run."""
    identity, finding = _identity(config)
    yield finding
    yield _clock(time.time(), KernelTime())
    yield _disk(config.data)
    if daemon:
        yield _daemon(config)
    if identity is not None and identity.answer.broker_host:
        yield _broker(identity.answer.broker_host, identity.answer.broker_port)
    for door in config.door:
        for one in door.readers:
            path = one.options.get("path")
            if isinstance(path, str):
                yield _device(f"door {door.id}, reader {one.side}", Path(path))


def _identity(config: told.Config) -> tuple[Identity | None, Finding]:
    try:
        identity = read_identity(config.data / "identity")
    except AldabaError as error:
        return None, Finding("identity", well=False, told=str(error))
    answer = identity.answer
    unknown = [door.id for door in config.door if door.door_id not in answer.doors]
    if unknown:
        remedy = f"the cloud gave it {', '.join(answer.doors)}; mend the ids, or pair again"
        return identity, Finding(
            "identity", well=False, told=f"{', '.join(unknown)} is not this controller's: {remedy}"
        )
    return identity, Finding("identity", well=True, told=f"{answer.controller} of {answer.site}")


def _clock(now: float, machine: MachineTime) -> Finding:
    if now < OLDEST_SOFTWARE:
        return Finding("clock", well=False, told="it is years behind: connect NTP or fit an RTC with a battery")
    kept = "kept right by the network" if machine.synchronised() else "kept right by nobody"
    rtc = machine.rtc()
    battery = f"a battery clock shows {rtc:%H:%M:%S}" if rtc else "no battery clock: unsure after a power cut offline"
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    return Finding("clock", well=True, told=f"{shown}, {kept}; {battery}")


def _disk(data: Path) -> Finding:
    if not data.is_dir():
        return Finding("disk", well=False, told=f"{data} does not exist: make it for the daemon's account, mode 0700")
    free = shutil.disk_usage(data).free
    if not os.access(data, os.W_OK):
        return Finding("disk", well=False, told=f"{data} is not ours to write: run as the daemon's account")
    told_ = f"{free // (1024 * 1024)} MiB free in {data}"
    return Finding("disk", well=free >= FREE_BYTES, told=told_)


def _daemon(config: told.Config) -> Finding:
    try:
        asking = Asking(config.socket)
        answer = asking.ask(do="status")
        asking.close()
    except AldabaError as error:
        return Finding("daemon", well=False, told=str(error))
    if not answer.get("ok"):
        return Finding("daemon", well=False, told=str(answer.get("error")))
    lost = [f"{door['id']} {', '.join(door['lost_readers'])}" for door in answer["doors"] if door["lost_readers"]]
    if lost:
        return Finding("daemon", well=False, told=f"readers do not answer: {'; '.join(lost)}. Look at cable and power")
    return Finding("daemon", well=True, told=f"up {answer['up_seconds']} s, line {answer['durable_sequence']}")


def _broker(host: str, port: int) -> Finding:
    try:
        socket.create_connection((host, port), timeout=BROKER_SECONDS).close()
    except OSError as error:
        return Finding(
            "broker", well=False, told=f"{host}:{port} does not answer ({error}): look at network and firewall"
        )
    return Finding("broker", well=True, told=f"{host}:{port} answers")


def _device(what: str, path: Path) -> Finding:
    if not path.exists():
        return Finding(what, well=False, told=f"{path} is not there: look at the cable, and at /dev/serial/by-id")
    if not os.access(path, os.R_OK | os.W_OK):
        return Finding(what, well=False, told=f"{path} is not ours: add the account to the group dialout")
    return Finding(what, well=True, told=str(path))
