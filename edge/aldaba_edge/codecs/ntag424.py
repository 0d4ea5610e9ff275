"""NTAG 424 DNA with SUN, Secure Unique NFC: a tag whose web address is another one at every tap.

The tag writes into the address its UID and a counter, encrypted, and a MAC over
both. An address that was seen once is worthless as soon as a door has seen a
higher counter; the counter is the caller's to compare and to keep.

Sources: NXP AN12196 chapter 3 (SUN), NT4H2421Gx data sheet (files), NFC Forum
Type 4 Tag and URI Record Type Definition.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.constant_time import bytes_eq

from aldaba_edge.codecs import ev2
from aldaba_edge.codecs.apdu import LONGEST_ANSWER, Command
from aldaba_edge.codecs.exchange import Exchange, NotSuch, Proven, Refused, Verdict, tell
from aldaba_edge.codecs.malformed import Malformed
from aldaba_shared.card_keys import UID_BYTES, KeySet

NDEF_APPLICATION: Final = bytes.fromhex("D2760000850101")
NDEF_FILE: Final = bytes.fromhex("E104")
SELECT_NDEF: Final = Command(0x00, 0xA4, 0x04, 0x00, NDEF_APPLICATION, expected=LONGEST_ANSWER)
SELECT_FILE: Final = Command(0x00, 0xA4, 0x00, 0x0C, NDEF_FILE)
LONGEST_MESSAGE: Final = 254
"""What the NDEF file of an NTAG 424 holds, its two bytes of length apart."""

PICC_BYTES: Final = 16
MAC_BYTES: Final = 8
URI_PREFIXES: Final = {0x00: "", 0x01: "http://www.", 0x02: "https://www.", 0x03: "http://", 0x04: "https://"}

_MAC_LABEL: Final = bytes.fromhex("3cc300010080")
_PICC_TAG: Final = 0xC7
"""The UID and the counter are both there, and the UID has seven bytes."""
_SUN: Final = re.compile(r"[?&]e=([0-9A-Fa-f]{32})(?:&|$)(?:.*&)?c=([0-9A-Fa-f]{16})(?:&|$)")
_URI_RECORD: Final = b"U"
_SHORT: Final = 0xD1
"""One whole short record of a well-known type."""


@dataclass(frozen=True, slots=True)
class Sun:
    """What a genuine address says."""

    uid: bytes = field(repr=False)
    counter: int


def present(uid: bytes, key_sets: Sequence[KeySet]) -> Exchange[Verdict]:
    """Read the tag's address and check it; a tag without one of ours is of another kind."""
    message = yield from read_ndef()
    if isinstance(message, NotSuch):
        return message
    if isinstance(message, Malformed):
        return Refused(message.why)
    address = read_uri(message)
    found = sun_of(address) if address is not None else None
    if found is None:
        return NotSuch()
    sun = verified(*found, key_sets)
    if sun is None:
        return Refused("sun_not_genuine")
    if len(uid) == UID_BYTES and uid != sun.uid:
        return Refused("sun_of_another_tag")
    return Proven(sun.uid, sun.counter)


def read_ndef() -> Exchange[bytes | Malformed | NotSuch]:
    """The NDEF message of a Type 4 tag; the length first, then all of it in one answer."""
    for command in (SELECT_NDEF, SELECT_FILE):
        selected = yield from tell(command)
        if isinstance(selected, Malformed) or not selected.ok:
            return NotSuch()
    counted = yield from tell(_read_binary(0, 2))
    if isinstance(counted, Malformed) or not counted.ok or len(counted.data) != 2:  # noqa: PLR2004 - NLEN has two bytes
        return Malformed("ndef_length_missing")
    length = int.from_bytes(counted.data)
    if not 0 < length <= LONGEST_MESSAGE:
        return NotSuch() if not length else Malformed("ndef_too_long")
    answer = yield from tell(_read_binary(2, length))
    if isinstance(answer, Malformed) or not answer.ok or len(answer.data) != length:
        return Malformed("ndef_cut")
    return answer.data


def _read_binary(offset: int, length: int) -> Command:
    return Command(0x00, 0xB0, offset >> 8, offset & 0xFF, expected=length)


def read_uri(message: bytes) -> str | None:
    """The address in an NDEF message of one URI record; None for any other."""
    if len(message) < 5 or message[0] != _SHORT or message[1] != 1 or message[3:4] != _URI_RECORD:  # noqa: PLR2004 - head, type and prefix
        return None
    payload = message[4 : 4 + message[2]]
    if len(payload) != message[2] or not payload or payload[0] not in URI_PREFIXES:
        return None
    try:
        return URI_PREFIXES[payload[0]] + payload[1:].decode("ascii")
    except UnicodeDecodeError:
        return None


def build_uri(address: str) -> bytes:
    """An NDEF message of one URI record."""
    code, prefix = max(
        ((code, prefix) for code, prefix in URI_PREFIXES.items() if address.startswith(prefix)),
        key=lambda one: len(one[1]),
    )
    payload = bytes([code]) + address[len(prefix) :].encode("ascii")
    return bytes([_SHORT, 1, len(payload)]) + _URI_RECORD + payload


def sun_of(address: str) -> tuple[bytes, bytes] | None:
    """The encrypted part and the MAC of an address, or None for an address that has none."""
    found = _SUN.search(address)
    return (bytes.fromhex(found[1]), bytes.fromhex(found[2])) if found else None


def verified(picc: bytes, mac: bytes, key_sets: Sequence[KeySet]) -> Sun | None:
    """What the address says, if one of the key sets made it."""
    for one in key_sets:
        sun = opened(picc, one.sun_meta)
        if sun is not None and bytes_eq(sun_mac(one.sun(sun.uid), sun), mac):
            return sun
    return None


def opened(picc: bytes, meta_key: bytes) -> Sun | None:
    """UID and counter out of the encrypted part; None when the key is another one (AN12196, 3.4.2)."""
    if len(picc) != PICC_BYTES:
        return None
    plain = ev2.decrypt(meta_key, picc)
    if plain[0] != _PICC_TAG:
        return None
    return Sun(plain[1 : 1 + UID_BYTES], int.from_bytes(plain[1 + UID_BYTES : 4 + UID_BYTES], "little"))


def sun_mac(file_key: bytes, sun: Sun, covered: bytes = b"") -> bytes:
    """The MAC of the address, under a key made for this very tap (AN12196, 3.4.4)."""
    context = sun.uid + sun.counter.to_bytes(3, "little")
    return ev2.short_mac(ev2.cmac(file_key, _MAC_LABEL + context), covered)
