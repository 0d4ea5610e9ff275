"""One door of the demo with its wires: PN532 boards on ptys, a lock, lamps and contacts on a controller's pins.

The edge on the other side runs the drivers a Pi runs. Here is the street's side
of the same wires: somebody holds a card to the board, the bolt has power or not,
the leaf moves and its contact says so.
"""

import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from aldaba_edge.codecs.wiegand import FORMATS, CardNumber
from aldaba_sim.building import Opening
from aldaba_sim.cards import UidCard
from aldaba_sim.door_mechanics import Deed, Door, lock_has_power
from aldaba_sim.page import DoorSeen, SideSeen
from aldaba_sim.pin_panel import PinPanel
from aldaba_sim.pn532 import Pn532Board
from aldaba_sim.wiegand_pins import WiegandSender

LOCK, LOCK_OUT, CONTACT, BUTTON = 17, 27, 4, 5
PASSAGE_IN, PASSAGE_OUT = 6, 13
GREEN, RED, GREEN_OUT, RED_OUT = 22, 23, 24, 25
D0, D1 = 20, 21
HELD_SECONDS: Final = 0.8
"""How long a card stays at the board: longer than the board's pause between two looks."""
PRESS_SECONDS: Final = 0.6
PASS_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Wallet:
    """What one card is to the two kinds of readers: a UID, and the number a Wiegand reader makes of it."""

    uid: bytes = field(repr=False)
    wiegand: CardNumber | None = field(default=None, repr=False)


class WiredDoor:
    """The street's side of one door; with `wiegand` the reader outside speaks in pulses on two pins."""

    def __init__(self, opening: Opening, folder: Path, *, wiegand: bool = False) -> None:
        self.opening = opening
        self._folder = folder
        self._iron = Door(fail_safe=False)
        self._changed = threading.Condition()
        self.panel = PinPanel(folder / "pins.sock", self._pin_changed)
        for pin in (CONTACT, BUTTON, PASSAGE_IN, PASSAGE_OUT):
            self.panel.drive(pin, level=pin != CONTACT)
        self._sender = WiegandSender(self.panel, D0, D1) if wiegand else None
        sides = ([] if wiegand else ["in"]) + (["out"] if opening.reader_out else [])
        self._boards = {side: Pn532Board(folder / f"reader-{side}") for side in sides}
        for board in self._boards.values():
            board.plug()
        self._at_reader = {"in": threading.Lock(), "out": threading.Lock()}

    def configuration(self, cloud_url: str) -> str:
        """The TOML that `aldaba-edge` is given for this door."""
        opening = self.opening
        lines = [
            f'data_dir = "{self._folder / "data"}"',
            f'runtime_dir = "{self._folder}"',
            f'cloud_url = "{cloud_url}"',
            f'pins = {{ profile = "simulated", options = {{ socket = "{self._folder / "pins.sock"}" }} }}',
            "[[door]]",
            f'id = "{opening.door}"',
            f'kind = "{"turnstile" if opening.turnstile else "door"}"',
            f'in_zone = "{opening.inner}"',
            f'out_zone = "{opening.outer}"',
            "egress = true",
            "handle = true",
            f'lock = {{ profile = "strike-fail-secure", pin = {LOCK}, fail_safe = false, max_on_ms = 30000 }}',
            'relay = { contact = "NO" }',
            'board = { profile = "gpio-direct", active_low = false }',
        ]
        return "\n".join([*lines, *self._way_through(), *self._readers(), ""])

    def tap(self, side: str, wallet: Wallet) -> None:
        """Hold a card to the reader of a side for a moment; the next in line waits."""
        with self._at_reader[side]:
            if side == "in" and self._sender is not None:
                if wallet.wiegand is not None:
                    self._sender.hold(wallet.wiegand, FORMATS["H10301"])
                return
            board = self._boards[side]
            board.hold(UidCard(wallet.uid))
            time.sleep(HELD_SECONDS)
            board.take()

    def has_reader(self, side: str) -> bool:
        """Whether there is a reader on this side."""
        return side in self._boards or (side == "in" and self._sender is not None)

    def press(self) -> None:
        """Press the exit button for a moment."""
        self._pulse(BUTTON, PRESS_SECONDS)

    def pull(self) -> bool:
        """Try the leaf; whether it is open now."""
        return self._move(Deed.PULL).open

    def shut(self) -> None:
        """Let the closer shut the leaf."""
        self._move(Deed.LET_GO)

    def turn_arm(self, *, entering: bool) -> bool:
        """Walk into the turnstile; whether the arm gave way and said so."""
        if not self.released(entering=entering):
            return False
        self._pulse(PASSAGE_IN if entering else PASSAGE_OUT, PASS_SECONDS)
        return True

    def released(self, *, entering: bool = True) -> bool:
        """Whether the bolt lets through now; without a controller nothing is powered."""
        pin = LOCK if entering or not self.opening.turnstile else LOCK_OUT
        level = self.panel.connected and self.panel.outputs.get(pin, False)
        return lock_has_power(level=level, normally_open=True, active_low=False)

    def wait_released(self, seconds: float, *, entering: bool = True) -> bool:
        """Wait for the bolt, at most this long; whether it lets through."""
        return self.panel.wait_for(lambda _panel: self.released(entering=entering), seconds)

    def seen(self) -> DoorSeen:
        """What somebody in front of the door sees."""
        opening = self.opening
        sides = [SideSeen("in", reader=True, light=self._light(GREEN, RED))]
        sides.append(SideSeen("out", reader=opening.reader_out, light=self._light(GREEN_OUT, RED_OUT)))
        return DoorSeen(
            opening.door,
            opening.name,
            opening.outer,
            opening.inner,
            released=self.released() or (opening.turnstile and self.released(entering=False)),
            leaf_open=self._iron.open,
            alive=self.panel.connected,
            turnstile=opening.turnstile,
            sides=sides,
        )

    def close(self) -> None:
        """Take the door down."""
        self.panel.close()
        for board in self._boards.values():
            board.close()

    def _readers(self) -> list[str]:
        lines = []
        for side, lamps in (("in", (GREEN, RED)), ("out", (GREEN_OUT, RED_OUT))):
            if not self.has_reader(side):
                continue
            board = f'options = {{ path = "{self._folder / f"reader-{side}"}", absent_ms = 200 }}'
            pulses = f"options = {{ d0 = {D0}, d1 = {D1} }}"
            lines += [
                "[[door.readers]]",
                f'side = "{side}"',
                f'profile = "{"pn532-hsu" if side in self._boards else "wiegand-26"}"',
                board if side in self._boards else pulses,
                "[[door.indicators]]",
                f'side = "{side}"',
                'profile = "gpio-indicator"',
                f"options = {{ green = {lamps[0]}, red = {lamps[1]}, active_low = false }}",
            ]
        return lines

    def _way_through(self) -> list[str]:
        """Contacts and button of a door, or the second lock and passage outputs of a turnstile."""
        if not self.opening.turnstile:
            pressed = f"options = {{ pin = {BUTTON}, active_when_closed = true }}"
            button = f'exit_button = {{ profile = "gpio-contact", {pressed} }}'
            return [f'contact = {{ profile = "gpio-contact", options = {{ pin = {CONTACT} }} }}', button]
        lock = (
            f'lock_out = {{ profile = "strike-fail-secure", pin = {LOCK_OUT}, fail_safe = false, max_on_ms = 30000 }}'
        )
        passages = [
            f'{name} = {{ profile = "gpio-contact", options = {{ pin = {pin}, active_when_closed = true }} }}'
            for name, pin in (("passage_in", PASSAGE_IN), ("passage_out", PASSAGE_OUT))
        ]
        return [lock, *passages]

    def _move(self, deed: Deed) -> Door:
        with self._changed:
            self._iron = self._iron.with_power(powered=self.released()).after(deed)
            moved = self._iron
        self.panel.drive(CONTACT, level=moved.open)
        return moved

    def _pulse(self, pin: int, seconds: float) -> None:
        """Close a contact to ground for a moment."""
        self.panel.drive(pin, level=False)
        time.sleep(seconds)
        self.panel.drive(pin, level=True)

    def _pin_changed(self, _pin: int, _level: bool) -> None:  # noqa: FBT001 - the panel's hook
        with self._changed:
            self._iron = replace(self._iron, powered=self.released())

    def _light(self, green: int, red: int) -> str:
        outputs = self.panel.outputs
        if not self.panel.connected:
            return "off"
        if outputs.get(green):
            return "granted"
        return "denied" if outputs.get(red) else "ready"
