"""The 40-pin header of a Raspberry Pi, drawn as text and as SVG with what hangs on each pin.

Positions count as on the board: odd on the side of the chip, even on the edge,
1 beside the SD card (Raspberry Pi documentation, GPIO and the 40-pin header).
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

BCM_AT: Final[Mapping[int, int]] = {
    3: 2,
    5: 3,
    7: 4,
    8: 14,
    10: 15,
    11: 17,
    12: 18,
    13: 27,
    15: 22,
    16: 23,
    18: 24,
    19: 10,
    21: 9,
    22: 25,
    23: 11,
    24: 8,
    26: 7,
    27: 0,
    28: 1,
    29: 5,
    31: 6,
    32: 12,
    33: 13,
    35: 19,
    36: 16,
    37: 26,
    38: 20,
    40: 21,
}
"""The BCM number at each position that has one."""
POSITION_OF: Final = {bcm: position for position, bcm in BCM_AT.items()}
SUPPLY_AT: Final = {1: "3.3 V", 17: "3.3 V", 2: "5 V", 4: "5 V"}
ROWS: Final = 20
ROW_PIXELS: Final = 26
SIDE_PIXELS: Final = 330


def name_of(position: int) -> str:
    """What a position is: a supply, ground, or a GPIO."""
    if position in BCM_AT:
        return f"GPIO{BCM_AT[position]}"
    return SUPPLY_AT.get(position, "ground")


def text(used: Mapping[int, str]) -> str:
    """The header as text; `used` says what hangs on a BCM pin."""
    rows = [(_label(odd, used), odd, odd + 1, _label(odd + 1, used)) for odd in range(1, 2 * ROWS, 2)]
    width = max(len(left) for left, *_ in rows)
    return "\n".join(f"{left:>{width}}  {odd:>2} o o {even:<2}  {right}".rstrip() for left, odd, even, right in rows)


def svg(title: str, used: Mapping[int, str]) -> str:
    """The header as a drawing that a browser shows and a printer prints."""
    height = ROW_PIXELS * (ROWS + 2)
    width = 2 * SIDE_PIXELS + 80
    body = "\n".join(_pins(used))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="13" role="img">\n<title>{escape(title)}</title>\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n'
        f'<text x="{width / 2:g}" y="20" text-anchor="middle" font-weight="bold">{escape(title)}</text>\n'
        f"{body}\n</svg>\n"
    )


def _label(position: int, used: Mapping[int, str]) -> str:
    hangs = used.get(BCM_AT[position]) if position in BCM_AT else None
    return f"{name_of(position)}: {hangs}" if hangs else name_of(position)


def _pins(used: Mapping[int, str]) -> Iterator[str]:
    for position in range(1, 2 * ROWS + 1):
        even = position % 2 == 0
        x = SIDE_PIXELS + (55 if even else 25)
        y = ROW_PIXELS * ((position + 1) // 2 + 1)
        taken = BCM_AT.get(position) in used
        yield f'<circle cx="{x}" cy="{y}" r="9" fill="{_colour(position, taken=taken)}"/>'
        yield f'<text x="{x}" y="{y + 4}" text-anchor="middle" font-size="9" fill="white">{position}</text>'
        anchor, at = ("start", x + 15) if even else ("end", x - 15)
        weight = ' font-weight="bold"' if taken else ""
        said = escape(_label(position, used))
        yield f'<text x="{at}" y="{y + 4}" text-anchor="{anchor}"{weight}>{said}</text>'


def _colour(position: int, *, taken: bool) -> str:
    """Red for what burns pins, black for ground, green for what is used; each dark enough for white figures."""
    if position in SUPPLY_AT:
        return "#b00020"
    if position not in BCM_AT:
        return "#222222"
    return "#006b3c" if taken else "#767676"
