"""A Wiegand reader's side of the two lines: frames as pulses with times of their own, on a panel's pins."""

from aldaba_edge.codecs.wiegand import CardNumber, WiegandFormat, build_bits, build_key
from aldaba_sim.pin_panel import Edge, PinPanel

PULSE_SECONDS = 50e-6
INTERVAL_SECONDS = 2e-3


def pulses_of(bits: str, d0: int, d1: int) -> list[Edge]:
    """The edges of a frame: each bit pulls its line low for 50 µs, one every 2 ms, as most readers do."""
    edges: list[Edge] = []
    for position, bit in enumerate(bits):
        line, start = (d1 if bit == "1" else d0), position * INTERVAL_SECONDS
        edges += [(line, False, start), (line, True, start + PULSE_SECONDS)]
    return edges


class WiegandSender:
    """A Wiegand reader in the street, wired to two pins of a panel."""

    def __init__(self, panel: PinPanel, d0: int, d1: int) -> None:
        self._panel = panel
        self._d0, self._d1 = d0, d1
        for pin in (d0, d1):
            panel.drive(pin, level=True)

    def hold(self, card: CardNumber, known: WiegandFormat) -> None:
        """Hold a card to the reader."""
        self.send(build_bits(card, known))

    def press(self, key: int, *, length: int = 4) -> None:
        """Press one key; 10 is * and 11 is #."""
        self.send(build_key(key, length=length))

    def send(self, bits: str) -> None:
        """Send any frame, right or wrong."""
        self._panel.burst(pulses_of(bits, self._d0, self._d1))
