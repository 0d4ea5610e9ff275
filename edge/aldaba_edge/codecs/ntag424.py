"""NTAG 424 DNA with SUN, Secure Unique NFC: a tag whose web address is another one at every tap.

The tag writes into the address its UID and a counter, encrypted, and a MAC over
both. An address that was seen once is worthless as soon as a door has seen a
higher counter; the counter is the caller's to compare and to keep.

Sources: NXP AN12196 chapter 3 (SUN), NT4H2421Gx data sheet (files), NFC Forum
Type 4 Tag and URI Record Type Definition.
"""

import re
from collections.abc import Callable, Sequence
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
MASTER_KEY: Final = 0
META_KEY: Final = 1
FILE_KEY: Final = 2
NDEF_FILE_NO: Final = 2
CHANGE_FILE_SETTINGS: Final = 0x5F
GET_KEY_VERSION: Final = 0x64
SECURITY_STATE: Final = 0x6982
SUN_ON: Final = 0x40
SUN_OPTIONS: Final = 0xC1
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


@dataclass(frozen=True, slots=True)
class TagMade:
    """What a tag is to become: the keys are the tag's own already, but for the one that all tags of the site share."""

    version: int
    master_key: bytes = field(repr=False)
    meta_key: bytes = field(repr=False)
    file_key: bytes = field(repr=False)
    address: str
    """Where the tag leads whoever holds a phone to it; the tag adds `e` and `c`."""


def personalise(made: TagMade, random: Callable[[int], bytes]) -> Exchange[Malformed | None]:
    """Make a blank tag ours: its address, where it writes into it, its keys, key 0 last; None when it is done.

    A tag that was pulled away in the middle is taken up where it was left.
    """
    message = build_uri(f"{made.address}?e={'0' * 2 * PICC_BYTES}&c={'0' * 2 * MAC_BYTES}")
    content = len(message).to_bytes(2) + message
    for command in (SELECT_NDEF, SELECT_FILE):
        selected = yield from tell(command)
        if isinstance(selected, Malformed) or not selected.ok:
            return Malformed("ntag_no_such_tag")
    version = yield from _version(MASTER_KEY)
    if isinstance(version, Malformed):
        return version
    if version == made.version:
        return None
    written = yield from tell(Command(0x00, 0xD6, 0x00, 0x00, content))
    if isinstance(written, Malformed) or (not written.ok and written.status != SECURITY_STATE):
        return Malformed("ntag_will_not_write")
    session = yield from ev2.authenticate(MASTER_KEY, ev2.ZERO_KEY, random(ev2.BLOCK))
    if isinstance(session, Malformed):
        return session
    settings = session.command(CHANGE_FILE_SETTINGS, bytes([NDEF_FILE_NO]), file_settings(content), full=True)
    changed = yield from ev2.transmit(session, settings)
    if isinstance(changed, Malformed):
        return changed
    return (yield from _install_keys(session, made))


def file_settings(content: bytes) -> bytes:
    """SUN on for a file with these bytes (NT4H2421Gx, 10.7.1): UID and counter encrypted, then the MAC, in ASCII.

    Anyone reads, key 0 writes and changes; key 1 encrypts, key 2 makes the MAC,
    and the counter is told to nobody in plain.
    """
    picc_at, mac_at = content.index(b"?e=") + 3, content.index(b"&c=") + 3
    offsets = b"".join(at.to_bytes(3, "little") for at in (picc_at, mac_at, mac_at))
    return bytes([SUN_ON]) + bytes.fromhex("00e0") + bytes([SUN_OPTIONS]) + bytes.fromhex("ff12") + offsets


def _install_keys(session: ev2.Session, made: TagMade) -> Exchange[Malformed | None]:
    for key_no, key in ((META_KEY, made.meta_key), (FILE_KEY, made.file_key)):
        known = yield from _version(key_no)
        if isinstance(known, Malformed):
            return known
        if known != made.version:
            changed = yield from ev2.transmit(session, session.key_change(key_no, key, made.version))
            if isinstance(changed, Malformed):
                return changed
    last = yield from tell(session.key_change(MASTER_KEY, made.master_key, made.version))
    return None if not isinstance(last, Malformed) and last.status == ev2.OK else Malformed("ntag_key_not_changed")


def _version(key_no: int) -> Exchange[int | Malformed]:
    answer = yield from tell(ev2.native(GET_KEY_VERSION, bytes([key_no])))
    if isinstance(answer, Malformed) or answer.status != ev2.OK or len(answer.data) != 1:
        return Malformed("ntag_no_key_version")
    return answer.data[0]
