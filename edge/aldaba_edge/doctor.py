"""Looks at what is really there: files, clock, disk, devices, broker, and a lock's click if somebody listens."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aldaba_edge import config as told
from aldaba_edge.drivers.registry import Registry
from aldaba_edge.keyfile import Identity, read_identity
from aldaba_edge.local import Asking
from aldaba_shared.errors import AldabaError

FREE_BYTES: Final = 64 * 1024 * 1024
BROKER_SECONDS: Final = 3.0
CLICK_SECONDS: Final = 1.0
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


def examine(config: told.Config) -> Iterator[Finding]:
    """Everything that can be seen without touching a door."""
    identity, finding = _identity(config)
    yield finding
    yield _clock(time.time())
    yield _disk(config.data)
    yield _daemon(config)
    if identity is not None and identity.answer.broker_host:
        yield _broker(identity.answer.broker_host, identity.answer.broker_port)
    for door in config.door:
        for one in door.readers:
            path = one.options.get("path")
            if isinstance(path, str):
                yield _device(f"door {door.id}, reader {one.side}", Path(path))


def click_test(
    door: told.Door, registry: Registry, driver: str, options: dict[str, object], *, ask: Callable[[str], bool]
) -> Finding:
    """Release a lock for a second and let a person say what it did: the polarity, proved by ear.

    Only with the daemon stopped: two programs must not drive one pin.
    """
    lock = registry.lock(driver, options)
    try:
        quiet = ask(f"Is {door.id} shut and held now?")
        lock.release()
        time.sleep(CLICK_SECONDS)
        clicked = ask(f"Does {door.id} let through now?")
        lock.secure()
    finally:
        lock.close()
    if quiet and clicked:
        return Finding(f"door {door.id}, relay", well=True, told="it holds at rest and lets through when told")
    remedy = "turn relay.contact (NO or NC) or board.active_low round, and test again"
    return Finding(f"door {door.id}, relay", well=False, told=f"it does the opposite: {remedy}")


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


def _clock(now: float) -> Finding:
    if now < OLDEST_SOFTWARE:
        return Finding("clock", well=False, told="it is years behind: connect NTP or fit an RTC with a battery")
    return Finding("clock", well=True, told=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)))


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
