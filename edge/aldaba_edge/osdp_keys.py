"""Gives an OSDP reader its Secure Channel base key: the only place that does, and only when an installer asks.

The key is new for every installation and written to its file before the reader
hears of it, so that no power cut leaves a reader under a key that nobody has.
It is kept only once the reader has answered under it.
"""

import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from aldaba_edge import config as told
from aldaba_edge.drivers.options import OsdpOptions
from aldaba_edge.drivers.registry import DriverUnavailable, Kind, load_registry
from aldaba_edge.drivers.serial_line import open_line
from aldaba_shared.errors import AldabaError

INSTALL_SECONDS: Final = 6.0
ANSWER_SECONDS: Final = 4.0
TURN_SECONDS: Final = 0.005


class NoOsdpReader(AldabaError):
    """The door has no OSDP reader on that side."""

    code = "no_osdp_reader"

    def __init__(self, door: str, side: str, has: Sequence[str]) -> None:
        there = ", ".join(has) or "none"
        super().__init__(f"{door} has no OSDP reader on the side {side}. OSDP readers of this controller: {there}.")


class KeyNotTaken(AldabaError):
    """The reader did not take the key."""

    code = "osdp_key_not_taken"

    def __init__(self, address: int) -> None:
        super().__init__(
            f"Reader {address} took no key. Look at cable and address, put it into its install mode as its manual "
            "says (often a jumper or a card at power-on), and try again. Its old key, if it had one, is unchanged."
        )


def reader_of(config: told.Config, door: str, side: str) -> OsdpOptions:
    """What the configuration says of the OSDP reader of a door.

    Raises:
        NoOsdpReader: there is none.
    """
    registry, found = load_registry(), dict[tuple[str, str], OsdpOptions]()
    for one in config.door:
        for reader in one.readers:
            options = registry.options(Kind.READER, reader.profile, reader.options)
            if isinstance(options, OsdpOptions):
                found[one.id, reader.side] = options
    if (door, side) not in found:
        raise NoOsdpReader(door, side, [f"{a_door} {a_side}" for a_door, a_side in found])
    return found[door, side]


def install(reader: OsdpOptions) -> bool:
    """Make a key, give it to the reader, and keep it once the reader answers under it.

    Raises:
        KeyNotTaken: the reader took none; the file that was there is unchanged.
        DeviceLost: the line is missing or in use.
    """
    key, path = secrets.token_bytes(16), Path(reader.key_file)
    new = path.with_name(path.name + ".new")
    _write(new, key)
    if not _offered(reader, key):
        new.unlink()
        raise KeyNotTaken(reader.address)
    if not _secured(reader, key):
        return False
    new.rename(path)
    return True


def answers_secured(reader: OsdpOptions) -> bool:
    """Whether the reader answers under the key it was given.

    Raises:
        OsdpKeyUnusable: there is no key, or others can read it.
        DeviceLost: the line is missing or in use.
    """
    from aldaba_edge.drivers.osdp_serial import read_key  # noqa: PLC0415 - needs libosdp, an extra

    return _secured(reader, read_key(Path(reader.key_file)))


def _write(path: Path, key: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(key.hex() + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _offered(reader: OsdpOptions, key: bytes) -> bool:
    """Whether a reader in install mode said yes to the key."""
    osdp = _library()

    def taken(_panel: Any, events: list[dict[str, Any]]) -> bool:  # noqa: ANN401 - libosdp ships no types
        told_of = osdp.EventNotification.Command
        return any(
            (one.get("type"), one.get("arg0"), one.get("arg1")) == (told_of, osdp.Command.Keyset, 1) for one in events
        )

    flags = [osdp.LibFlag.InstallMode, osdp.LibFlag.EnableNotification]
    return _turned(reader, key, flags, INSTALL_SECONDS, taken)


def _secured(reader: OsdpOptions, key: bytes) -> bool:
    osdp = _library()
    return _turned(reader, key, [osdp.LibFlag.EnforceSecure], ANSWER_SECONDS, lambda panel, _: panel.sc_status() == 1)


def _turned(reader: OsdpOptions, key: bytes, flags: list[int], seconds: float, done: Any) -> bool:  # noqa: ANN401 - as above
    """Turn a panel of this one reader until it is done or the time is over."""
    osdp = _library()
    from aldaba_edge.drivers.osdp_bus import LineChannel  # noqa: PLC0415 - needs libosdp, an extra

    events: list[dict[str, Any]] = []

    def on_event(_number: int, event: dict[str, Any]) -> int:
        events.append(event)
        return 0

    with open_line(reader.path, reader.baud) as line:
        told_of = osdp.PDInfo(reader.address, LineChannel(line, lambda _received: None), scbk=key, flags=flags)
        panel = osdp.ControlPanel([told_of], log_level=osdp.LogLevel.Emergency).ctx
        panel.set_event_callback(on_event)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            panel.refresh()
            if done(panel, events):
                return True
            time.sleep(TURN_SECONDS)
    return False


def _library() -> Any:  # noqa: ANN401 - libosdp ships no types
    try:
        import osdp  # noqa: PLC0415 - an extra of the edge
    except ImportError as error:
        raise DriverUnavailable("OSDP needs a library that is missing: install the edge's extra `osdp`.") from error
    return osdp
