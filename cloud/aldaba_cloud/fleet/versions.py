"""Which controller may take which version, and who runs what.

A canary takes a version when it is offered. The others of its network wait until
a canary has connected with that version, or a later one, and has kept it for a
quarter of an hour: a version that does not feed the watchdog is gone by then,
because the controller itself goes back after a minute. Where nobody is a canary
nobody waits for one; whoever updates says which door is first.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from packaging.version import InvalidVersion, Version

from aldaba_cloud.fleet.models import Controller

TRIAL: Final = timedelta(minutes=15)
NEVER: Final = Version("0.dev0")


def version_of(software: str) -> Version:
    """The version in what a controller calls its software, `aldaba-edge 0.2.0`; below all when there is none."""
    try:
        return Version(software.rsplit(" ", 1)[-1])
    except InvalidVersion:
        return NEVER


def counted(controllers: Iterable[Controller]) -> list[tuple[str, int]]:
    """Each software with how many run it, the newest first."""
    counts = Counter(one.software for one in controllers)
    return sorted(counts.items(), key=lambda one: version_of(one[0]), reverse=True)


def behind(controllers: Iterable[Controller]) -> frozenset[str]:
    """The software that is older than the newest in use."""
    used = {one.software for one in controllers}
    newest = max(map(version_of, used), default=NEVER)
    return frozenset(one for one in used if version_of(one) < newest)


def trials(controllers: Iterable[Controller], now: datetime) -> list[Controller]:
    """The canaries that try a version which others do not have, and have not had it for long enough."""
    known = list(controllers)
    old = behind(known)
    return [one for one in known if one.canary and old and one.software not in old and not _kept(one, now)]


def refusal(asking: Controller, version: str, controllers: Iterable[Controller], now: datetime) -> str | None:
    """Why a controller may not take a version now; None when it may."""
    try:
        wanted = Version(version)
    except InvalidVersion:
        return f"{version!r} is no version"
    canaries = [one for one in controllers if one.canary and one.retired_at is None]
    if asking.canary or not canaries:
        return None
    tried = [one for one in canaries if version_of(one.software) >= wanted]
    if any(_kept(one, now) for one in tried):
        return None
    names = ", ".join(sorted(one.name for one in canaries))
    if tried:
        return f"{names} has it on trial for {TRIAL // timedelta(minutes=1)} minutes"
    return f"{names} takes it first"


def _kept(one: Controller, now: datetime) -> bool:
    return one.software_since is not None and now - one.software_since >= TRIAL
