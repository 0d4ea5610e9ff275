"""An NTAG 424 DNA tag: one NDEF file whose address it writes anew at every tap (SUN), five AES keys."""

import secrets
from dataclasses import dataclass, field

from aldaba_edge.codecs import ev2, ntag424
from aldaba_edge.codecs.apdu import Command, read_command
from aldaba_edge.codecs.malformed import Malformed
from aldaba_sim import ev2_card as status
from aldaba_sim.cards import INSTRUCTION_UNKNOWN, LENGTH_WRONG, OK
from aldaba_sim.ev2_card import CardKey, Ev2Keys

NDEF = 0x02
FILE_BYTES = 256
KEYS = 5
VERSION = bytes.fromhex("04040230001105")
"""The first frame of GetVersion: NXP, NTAG, 424 DNA."""
MIRROR = 0x40
"""The bit of the file options that turns SUN on."""


@dataclass
class Mirrors:
    """Where the tag writes into its file, and with which keys: the part of its settings that SUN needs."""

    meta_key: int
    file_key: int
    picc_at: int
    mac_input_at: int
    mac_at: int


@dataclass
class Ntag424Card:
    """A tag; its counter rises when its file is first read after it was selected."""

    uid: bytes = field(default_factory=lambda: b"\x04" + secrets.token_bytes(6))
    atqa: bytes = b"\x03\x44"
    sak: int = 0x20
    ats: bytes = bytes.fromhex("067777710280")
    counter: int = 0
    content: bytearray = field(default_factory=lambda: bytearray(FILE_BYTES))
    mirrors: Mirrors | None = None
    access: Ev2Keys = field(default_factory=lambda: Ev2Keys([CardKey() for _ in range(KEYS)]))
    _application: bool = False
    _file: bool = False
    _shown: bytes | None = None

    def transmit(self, command: bytes) -> bytes:
        """Answer ISO 7816 file commands and wrapped native ones."""
        asked = read_command(command)
        if isinstance(asked, Malformed):
            return LENGTH_WRONG
        if asked.cla == 0x90 and self._application:  # noqa: PLR2004 - the class of wrapped native commands
            return self._native(asked)
        if (asked.cla, asked.ins) == (0x00, 0xA4):
            return self._select(asked)
        if (asked.cla, asked.ins) == (0x00, 0xB0) and self._file:
            return self._read(asked)
        if (asked.cla, asked.ins) == (0x00, 0xD6) and self._file:
            return self._update(asked)
        return INSTRUCTION_UNKNOWN

    def _select(self, asked: Command) -> bytes:
        self._shown = None
        self.access.forget()
        if asked.p1 == 0x04:  # noqa: PLR2004 - by name
            self._application, self._file = asked.data == ntag424.NDEF_APPLICATION, False
            return OK if self._application else b"\x6a\x82"
        self._file = self._application and asked.data == ntag424.NDEF_FILE
        return OK if self._file else b"\x6a\x82"

    def _read(self, asked: Command) -> bytes:
        if self._shown is None:
            self._shown = self._mirrored()
        offset = asked.p1 << 8 | asked.p2
        return self._shown[offset : offset + (asked.expected or 0)] + OK

    def _mirrored(self) -> bytes:
        """The file as it reads now, with the tap's own bytes written into it."""
        content, where = bytearray(self.content), self.mirrors
        if where is None:
            return bytes(content)
        self.counter += 1
        sun = ntag424.Sun(self.uid, self.counter)
        plain = b"\xc7" + self.uid + self.counter.to_bytes(3, "little") + secrets.token_bytes(5)
        picc = ev2.encrypt(self.access.keys[where.meta_key].value, plain).hex().upper().encode()
        content[where.picc_at : where.picc_at + len(picc)] = picc
        covered = bytes(content[where.mac_input_at : where.mac_at])
        mac = ntag424.sun_mac(self.access.keys[where.file_key].value, sun, covered).hex().upper().encode()
        content[where.mac_at : where.mac_at + len(mac)] = mac
        return bytes(content)

    def _native(self, asked: Command) -> bytes:
        match asked.ins:
            case 0x60:
                return VERSION + status.MORE
            case 0x64:
                return self.access.version(asked.data)
            case 0x71:
                return self.access.begin(asked.data)
            case 0xAF:
                return self.access.proceed(asked.data)
            case 0x5F if self.access.session is not None and self.access.session.key_no == 0:
                return self._settings(asked)
            case 0xC4 if self.access.session is not None and self.access.session.key_no == 0:
                return self.access.change(asked)
        return self.access.refuse(status.ILLEGAL_COMMAND)

    def _update(self, asked: Command) -> bytes:
        """UPDATE BINARY: anyone writes to the file as delivered, and nobody once SUN is on."""
        offset = asked.p1 << 8 | asked.p2
        if self.mirrors is not None:
            return b"\x69\x82"
        if offset + len(asked.data) > FILE_BYTES:
            return LENGTH_WRONG
        self.content[offset : offset + len(asked.data)] = asked.data
        return OK

    def _settings(self, asked: Command) -> bytes:
        """ChangeFileSettings with SUN (NT4H2421Gx, 10.7.1): encrypted PICC data, MAC, both in ASCII."""
        body = self.access.body(asked)
        plain = self.access.plain(body[1:]) if body else None
        if not body or body[0] != NDEF or plain is None or len(plain) != 15:  # noqa: PLR2004 - the form this project writes
            return self.access.refuse(status.PARAMETER_ERROR)
        if not plain[0] & MIRROR or plain[3] != 0xC1:  # noqa: PLR2004 - UID and counter, in ASCII
            return self.access.refuse(status.PARAMETER_ERROR)
        picc_at, mac_input_at, mac_at = (int.from_bytes(plain[at : at + 3], "little") for at in (6, 9, 12))
        rights = int.from_bytes(plain[4:6], "little")
        self.mirrors = Mirrors((rights >> 12) & 0xF, (rights >> 8) & 0xF, picc_at, mac_input_at, mac_at)
        return self.access.answer()


def sun_tag(uid: bytes, meta_key: bytes, file_key: bytes, address: str = "https://aldaba.example/t") -> Ntag424Card:
    """A tag that was made ours already."""
    tag = Ntag424Card(uid)
    message = ntag424.build_uri(f"{address}?e={'0' * 32}&c={'0' * 16}")
    tag.content[: 2 + len(message)] = len(message).to_bytes(2) + message
    picc_at = tag.content.index(b"?e=") + 3
    mac_at = tag.content.index(b"&c=") + 3
    tag.mirrors = Mirrors(1, 2, picc_at, mac_at, mac_at)
    tag.access.keys[1], tag.access.keys[2] = CardKey(meta_key, 1), CardKey(file_key, 1)
    return tag
