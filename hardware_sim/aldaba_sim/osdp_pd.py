"""Readers on an OSDP bus, on a pty: the other end of the wire is libosdp's own peripheral, not ours.

All readers hear everything, as on RS-485, and each answers what is addressed to
it. They are driven by what the host says, so nothing runs while nobody asks.
"""

import threading
from pathlib import Path
from typing import Any

import osdp

from aldaba_sim.serial_pty import SerialPty

CAPABILITIES = (
    (osdp.Capability.CardDataFormat, 1, 1),
    (osdp.Capability.LEDControl, 1, 1),
    (osdp.Capability.AudibleControl, 1, 1),
    (osdp.Capability.CommunicationSecurity, 1, 1),
)
TURNS = 3
"""A message is taken in, obeyed and answered within as many turns of the library."""


class OsdpPd:
    """One reader: its base key, or none and then ready to be given one if `install` says so."""

    def __init__(self, address: int, key: bytes | None, *, install: bool = False) -> None:
        self.address = address
        self.shown: list[dict[str, Any]] = []
        self.installed_key: bytes | None = None
        self.alive = True
        self._wire = _Wire()
        flags = [osdp.LibFlag.InstallMode] if install else []
        info = osdp.PDInfo(address, self._wire, scbk=key, flags=flags)
        capabilities = osdp.PDCapabilities(list(CAPABILITIES))
        self._device = osdp.PeripheralDevice(info, capabilities, log_level=osdp.LogLevel.Emergency).ctx
        self._device.set_command_callback(self._obey)

    def hear(self, received: bytes) -> bytes:
        """What it says to what the host said; nothing to what is for others, or when it is dead."""
        if not self.alive:
            return b""
        self._wire.incoming += received
        for _ in range(TURNS):
            self._device.refresh()
        said, self._wire.outgoing = self._wire.outgoing, b""
        return said

    def tap(self, data: bytes, bits: int) -> None:
        """A card of so many bits is held to it; it is told at the host's next question."""
        self._tell(
            {
                "event": osdp.Event.CardRead,
                "reader_no": 0,
                "format": osdp.CardFormat.Wiegand,
                "direction": 0,
                "length": bits,
                "data": data,
            }
        )

    def press(self, keys: bytes) -> None:
        """Keys are pressed, in OSDP's own codes."""
        self._tell({"event": osdp.Event.KeyPress, "reader_no": 0, "data": keys})

    def status(self, *, tamper: bool = False, power_lost: bool = False) -> None:
        """Its box was opened or shut, its supply went or came back."""
        report = bytes([tamper, power_lost])
        self._tell({"event": osdp.Event.Status, "type": osdp.StatusReportType.Local, "report": report, "nr_entries": 2})

    def _tell(self, event: dict[str, Any]) -> None:
        self._device.submit_event(event)

    def _obey(self, command: dict[str, Any]) -> tuple[int, None]:
        if command["command"] == osdp.Command.Keyset:
            self.installed_key = bytes(command["data"])
        self.shown.append(command)
        return 0, None


class OsdpLine:
    """A pty with readers on it: take one away, put another in its place, pull the whole cable."""

    def __init__(self, link: Path, *readers: OsdpPd) -> None:
        self._lock = threading.RLock()
        self._readers = {reader.address: reader for reader in readers}
        self._line = SerialPty(link, self._hear)
        self._line.plug()

    def tap(self, address: int, data: bytes, bits: int) -> None:
        """Hold a card to a reader."""
        with self._lock:
            self._readers[address].tap(data, bits)

    def press(self, address: int, keys: bytes) -> None:
        """Press keys of a reader."""
        with self._lock:
            self._readers[address].press(keys)

    def status(self, address: int, *, tamper: bool = False, power_lost: bool = False) -> None:
        """Open a reader's box, or take its supply."""
        with self._lock:
            self._readers[address].status(tamper=tamper, power_lost=power_lost)

    def kill(self, address: int) -> None:
        """A reader falls silent."""
        with self._lock:
            self._readers[address].alive = False

    def replace(self, reader: OsdpPd) -> None:
        """Another reader hangs at this address now."""
        with self._lock:
            self._readers[reader.address] = reader

    def shout(self, spoken: bytes) -> None:
        """Somebody else on the line says something."""
        self._line.send(spoken)

    def shown(self, address: int) -> list[dict[str, Any]]:
        """The commands that a reader was given: its LED, its buzzer, its keys."""
        with self._lock:
            return list(self._readers[address].shown)

    def unplug(self) -> None:
        """Pull the adapter."""
        self._line.unplug()

    def plug(self) -> None:
        """Put the adapter back."""
        self._line.plug()

    def close(self) -> None:
        """End the simulation."""
        self._line.close()

    def _hear(self, received: bytes) -> bytes:
        with self._lock:
            return b"".join(reader.hear(received) for reader in self._readers.values())


class _Wire(osdp.Channel):  # type: ignore[misc]  # libosdp ships no types
    """What a reader has heard and not yet taken in, and what it wants to say."""

    def __init__(self) -> None:
        super().__init__()
        self.incoming = b""
        self.outgoing = b""

    def read(self, max_bytes: int) -> bytes:
        """What was heard."""
        taken, self.incoming = self.incoming[:max_bytes], self.incoming[max_bytes:]
        return taken

    def write(self, buf: bytes) -> int:
        """Say it."""
        self.outgoing += bytes(buf)
        return len(buf)

    def flush(self) -> None:
        """Forget what was heard."""
        self.incoming = b""
