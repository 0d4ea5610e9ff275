"""The devices of each door, made from the configuration as far as they are there, all locks first.

Only names and options stand here; which driver a name means is the registry's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, Final

import structlog

from aldaba_edge import config as told
from aldaba_edge.card_secrets import CardSecrets
from aldaba_edge.devices import Closing, Late, LateContact, LateIndicator, LateLock, LateReader
from aldaba_edge.drivers.registry import Registry
from aldaba_edge.keyfile import Identity
from aldaba_edge.lane import LaneTimes
from aldaba_edge.ports import CardWays, Digest
from aldaba_profiles.catalog import Catalog, LockProfile, TurnstileProfile
from aldaba_shared.decide import Side

log: Final = structlog.get_logger()


@dataclass(slots=True)
class Mounted:
    """The devices of one door, made as far as they are there, and not yet listening."""

    door: told.Door
    locks: dict[str, LateLock]
    readers: dict[Side, LateReader]
    indicators: dict[Side, LateIndicator]
    contacts: dict[str, LateContact]

    def close(self) -> None:
        """Let every device go, the locks last and secured; one that fails stops no other."""
        listening: tuple[Closing, ...] = (*self.readers.values(), *self.contacts.values())
        driven: tuple[Closing, ...] = (*self.indicators.values(), *self.locks.values())
        for device in (*listening, *driven):
            try:
                device.close()
            except Exception:
                log.exception("device_not_closed", door=self.door.id)


def mount(
    config: told.Config, registry: Registry, known: CardSecrets, identity: Identity, digest: Digest
) -> list[Mounted]:
    """Make every door's devices as far as they are there, all locks first, because that drives them secured."""
    mounted = [
        _mounted(
            door, registry, digest, {side: CardWays(known.key_sets, reader_id(identity, door, side)) for side in Side}
        )
        for door in config.door
    ]
    for one in mounted:
        for lock in one.locks.values():
            lock.prepare()
    for one in mounted:
        others: tuple[Late[Any], ...] = (*one.contacts.values(), *one.indicators.values(), *one.readers.values())
        for device in others:
            device.prepare()
    return mounted


def _mounted(door: told.Door, registry: Registry, digest: Digest, ways: Mapping[Side, CardWays]) -> Mounted:
    locks = {"lock": door.lock, "lock_out": door.lock_out}
    return Mounted(
        door,
        {
            name: LateLock(partial(registry.lock, lock_driver(door, lock), lock_options(door, lock)))
            for name, lock in locks.items()
            if lock is not None
        },
        {
            door.side(one.side): LateReader(
                partial(registry.reader, one.profile, one.options, digest, ways[door.side(one.side)])
            )
            for one in door.readers
        },
        {
            door.side(one.side): LateIndicator(partial(registry.indicator, one.profile, one.options))
            for one in door.indicators
        },
        {
            name: LateContact(partial(registry.contact, one.profile, one.options))
            for name, one in contacts_of(door).items()
        },
    )


def reader_id(identity: Identity, door: told.Door, side: Side) -> bytes:
    """What a PKOC card is told of a reader: 16 bytes of the site and 16 of the place, the same after every restart."""
    place = f"{identity.answer.controller}/{door.id}/{side.value}"
    return b"".join(sha256(text.encode()).digest()[:16] for text in (f"aldaba/site/{identity.answer.site}", place))


def lock_driver(door: told.Door, lock: told.Lock) -> str:
    """Who drives a lock: the driver of its profile, or that of the I2C board it hangs on."""
    return lock.profile if door.board.address is None else "i2c-lock"


def lock_options(door: told.Door, lock: told.Lock) -> dict[str, object]:
    """What the lock's driver is told: where its relay is, and the three facts that have no default."""
    facts: dict[str, object] = {
        "fail_safe": lock.fail_safe,
        "contact": door.relay.contact,
        "active_low": door.board.active_low,
    }
    board = door.board
    if board.address is None:
        return {"pin": lock.pin, **facts}
    return {"board": board.profile, "bus": board.bus, "address": board.address, "relay": lock.pin, **facts}


def power_seconds(door: told.Door, catalog: Catalog) -> float | None:
    """How long the lock may be powered to release; None: for ever. A magnet is powered to hold, whatever its sheet."""
    known = catalog.profiles["lock"].get(door.lock.profile)
    makers = known.max_on_ms if isinstance(known, LockProfile) else None
    limits = [one for one in (makers, door.lock.max_on_ms) if one is not None]
    return min(limits) / 1000 if limits and not door.lock.fail_safe else None


def lane_times(door: told.Door, catalog: Catalog) -> LaneTimes:
    """A turnstile that is driven by pulses waits for the person itself; without a profile it wants a level."""
    known = catalog.profiles["turnstile"].get(door.turnstile) if door.turnstile else None
    return LaneTimes(known.pulse_ms / 1000) if isinstance(known, TurnstileProfile) else LaneTimes()


def contacts_of(door: told.Door) -> dict[str, told.Device]:
    """The inputs that are wired at a door, by what they mean."""
    named = {
        "contact": door.contact,
        "exit_button": door.exit_button,
        "tamper": door.tamper,
        "fire": door.fire,
        "mains_lost": door.mains_lost,
        "battery_low": door.battery_low,
        "lock_feedback": door.lock_feedback,
        "others_relay": door.others_relay,
        "passage_in": door.passage_in,
        "passage_out": door.passage_out,
    }
    return {name: device for name, device in named.items() if device is not None}
