"""Tells systemd that this process is alive, and only while every door is."""

import os
import socket
from collections.abc import Iterable
from typing import Final, Self

from aldaba_edge.ports import Clock
from aldaba_shared.ids import DoorId

BEAT_SECONDS: Final = 5.0
"""A door that has not beaten for so long is not alive."""


class Systemd:
    """The notify socket of systemd (`sd_notify`): datagrams, and nothing where there is no systemd."""

    def __init__(self, address: str | None) -> None:
        self._address = "\0" + address[1:] if address and address.startswith("@") else address

    @classmethod
    def of_environment(cls) -> Self:
        """The socket systemd named for this service, if it did."""
        return cls(os.environ.get("NOTIFY_SOCKET"))

    def say(self, word: str) -> None:
        """Send one word, such as `READY=1`; a systemd that cannot hear is not our failure."""
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            try:
                connection.connect(self._address)
                connection.send(word.encode())
            except OSError:
                return


class Health:
    """Feeds the watchdog while every door beats; a loop that hangs or a door that died lets it bite."""

    def __init__(self, clock: Clock, systemd: Systemd, doors: Iterable[DoorId], *, every: float = 2.0) -> None:
        self._clock = clock
        self._systemd = systemd
        self._every = every
        self.fed = 0
        """How often every door was alive when it was looked at: what an update is judged by."""
        self._beats = dict.fromkeys(doors, clock.monotonic())

    def start(self) -> None:
        """Say that the doors decide, and watch them from now on."""
        self._systemd.say("READY=1")
        self._look()

    def beat(self, door: DoorId) -> None:
        """A door is alive now."""
        self._beats[door] = self._clock.monotonic()

    @property
    def silent(self) -> tuple[DoorId, ...]:
        """The doors that have not beaten of late."""
        now = self._clock.monotonic()
        return tuple(door for door, at in self._beats.items() if now - at > BEAT_SECONDS)

    def _look(self) -> None:
        if not self.silent:
            self.fed += 1
            self._systemd.say("WATCHDOG=1")
        self._clock.call_later(self._every, self._look)
