"""What the firmware of a Pi must be told so that relays stay at rest while it starts: lines for config.txt.

Between power-on and our first breath nobody drives a pin. A board that
energises on a low level would click then, and a door might open. The lines
stand in a block of our own, which is replaced as a whole and touched nowhere
else, so that writing them twice changes nothing.
"""

from collections.abc import Iterator
from typing import Final

from aldaba_edge import config as told
from aldaba_profiles.catalog import BoardProfile, Catalog

BEGIN: Final = "# aldaba: begin (written by `aldaba-edge boot-lines`; changes in here are lost)"
END: Final = "# aldaba: end"
ALL: Final = "[all]"
"""config.txt has sections by model; our lines are for whatever model this is."""
UARTS: Final = ("/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0")


def lines_of(config: told.Config, catalog: Catalog) -> list[str]:
    """The lines that the boards, readers and battery clock of this controller want, each once."""
    clock = catalog.clock(config.battery_clock).boot if config.battery_clock is not None else ()
    return list(dict.fromkeys((*(one for door in config.door for one in _of_door(door, catalog)), *clock)))


def _of_door(door: told.Door, catalog: Catalog) -> Iterator[str]:
    board = catalog.profiles["board"].get(door.board.profile)
    if isinstance(board, BoardProfile) and board.boot:
        yield board.boot
    if door.board.address is not None:
        yield "dtparam=i2c_arm=on"
    if any(one.options.get("path") in UARTS for one in door.readers):
        yield "enable_uart=1"


def with_block(text: str, lines: list[str]) -> str:
    """A config.txt with exactly these lines of ours; without any, our block is gone."""
    before, begin, rest = text.partition(BEGIN + "\n")
    _, _, after = rest.partition(END + "\n")
    kept = before.rstrip("\n") + "\n" if before.strip() else ""
    kept += after if begin else ""
    if not lines:
        return kept
    return "\n".join([kept.rstrip("\n"), BEGIN, ALL, *lines, END, ""]).lstrip("\n")
