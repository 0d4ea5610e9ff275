"""A DESFire EV2 card: applications with AES keys, standard data files, EV2 secure messaging; blank from the factory."""

import secrets
from dataclasses import dataclass, field

from aldaba_edge.codecs.apdu import Command, read_command
from aldaba_edge.codecs.malformed import Malformed
from aldaba_sim import ev2_card as status
from aldaba_sim.cards import INSTRUCTION_UNKNOWN, LENGTH_WRONG
from aldaba_sim.ev2_card import CardKey, Ev2Keys

PICC = bytes(3)
VERSION_FRAMES = (bytes.fromhex("04010112001805"), bytes.fromhex("04010102011805"))
"""GetVersion of an EV2 4K: hardware, then software; the UID and the batch come in the third frame."""
BATCH = bytes.fromhex("ba5500000000" + "2116")
CHANGE_UNDER_ITSELF = 0xE
FULL = 0x03
MAC = 0x01
FREE = 0xE


@dataclass
class StandardFile:
    """A standard data file: how it travels, who may read and write it, and what is in it."""

    mode: int
    rights: int
    content: bytearray

    def allows(self, key_no: int, *, write: bool) -> bool:
        """Whether the session's key may; the nibbles are read, write, read and write, change."""
        wanted = ((self.rights >> (8 if write else 12)) & 0xF, (self.rights >> 4) & 0xF)
        return key_no in wanted or FREE in wanted


@dataclass
class Application:
    """One application: its settings, its keys, its files."""

    settings: int
    access: Ev2Keys
    files: dict[int, StandardFile] = field(default_factory=dict)


@dataclass
class DesfireCard:
    """A DESFire EV2 4K with nothing on it."""

    uid: bytes = field(default_factory=lambda: b"\x04" + secrets.token_bytes(6))
    atqa: bytes = b"\x03\x44"
    sak: int = 0x20
    ats: bytes = bytes.fromhex("067577810280")
    applications: dict[bytes, Application] = field(default_factory=dict)
    _selected: bytes = PICC
    _frames: list[bytes] = field(default_factory=list)

    def transmit(self, command: bytes) -> bytes:
        """Answer a wrapped native command; anything else is unknown, as on a card without ISO files."""
        asked = read_command(command)
        if isinstance(asked, Malformed):
            return LENGTH_WRONG
        if asked.cla != 0x90:  # noqa: PLR2004 - the class of wrapped native commands
            return b"\x6a\x82" if asked.ins == 0xA4 else INSTRUCTION_UNKNOWN  # noqa: PLR2004 - SELECT
        return self._native(asked)

    def _native(self, asked: Command) -> bytes:
        application = self.applications.get(self._selected)
        if asked.ins != 0xAF:  # noqa: PLR2004 - another command ends an answer of several frames
            self._frames = []
        match asked.ins:
            case 0x60:
                self._frames = [VERSION_FRAMES[1], self.uid + BATCH]
                return VERSION_FRAMES[0] + status.MORE
            case 0xAF if self._frames:
                return self._frames.pop(0) + (status.MORE if self._frames else status.DONE)
            case 0x5A:
                return self._select(asked.data)
            case 0x6A:
                return b"".join(sorted(self.applications)) + status.DONE
            case 0x6E:
                return (4096).to_bytes(3, "little") + status.DONE
            case 0x45 if application is None:
                return bytes([0x0F, 0x01]) + status.DONE
            case 0x64 if application is None:
                return b"\x00" + status.DONE
            case 0xCA:
                return self._create(asked.data)
        return status.ILLEGAL_COMMAND if application is None else self._in_application(asked, application)

    def _in_application(self, asked: Command, application: Application) -> bytes:
        access = application.access
        match asked.ins:
            case 0x45:
                return bytes([application.settings, 0x80 | len(access.keys)]) + status.DONE
            case 0x64:
                return access.version(asked.data)
            case 0x71:
                return access.begin(asked.data)
            case 0xAF:
                return access.proceed(asked.data)
            case 0xCD:
                return self._create_file(asked, application)
            case 0xAD:
                return self._read(asked, application)
            case 0x8D:
                return self._write(asked, application)
            case 0xC4:
                return self._change_key(asked, application)
        return access.refuse(status.ILLEGAL_COMMAND)

    def _select(self, aid: bytes) -> bytes:
        for application in self.applications.values():
            application.access.forget()
        if aid != PICC and aid not in self.applications:
            self._selected = PICC
            return status.APPLICATION_NOT_FOUND
        self._selected = aid
        return status.DONE

    def _create(self, data: bytes) -> bytes:
        if self._selected != PICC:
            return status.PERMISSION_DENIED
        if len(data) != 5 or not data[4] & 0x80:  # noqa: PLR2004 - the id, two bytes of settings, AES
            return status.PARAMETER_ERROR
        if data[:3] in self.applications:
            return status.DUPLICATE
        keys = Ev2Keys([CardKey() for _ in range(data[4] & 0x0F)])
        self.applications[data[:3]] = Application(data[3], keys)
        return status.DONE

    def _create_file(self, asked: Command, application: Application) -> bytes:
        access = application.access
        body = access.body(asked)
        if body is None or access.session is None or access.session.key_no != 0:
            return access.refuse(status.INTEGRITY_ERROR if access.session else status.PERMISSION_DENIED)
        if len(body) != 7:  # noqa: PLR2004 - number, mode, rights, size
            return access.refuse(status.LENGTH_ERROR)
        if body[0] in application.files:
            return access.refuse(status.DUPLICATE)
        size = int.from_bytes(body[4:7], "little")
        rights = int.from_bytes(body[2:4], "little")
        application.files[body[0]] = StandardFile(body[1], rights, bytearray(size))
        return access.answer()

    def _file(self, body: bytes | None, application: Application, *, write: bool) -> StandardFile | bytes:
        """The file a command names, or the status it is refused with."""
        access = application.access
        if access.session is None:
            return status.AUTHENTICATION_ERROR
        if body is None or len(body) < 7:  # noqa: PLR2004 - number, offset, length
            return status.INTEGRITY_ERROR
        file = application.files.get(body[0])
        if file is None:
            return status.FILE_NOT_FOUND
        return file if file.allows(access.session.key_no, write=write) else status.PERMISSION_DENIED

    def _read(self, asked: Command, application: Application) -> bytes:
        access = application.access
        body = access.body(asked)
        file = self._file(body, application, write=False)
        if isinstance(file, bytes) or body is None:
            return access.refuse(file if isinstance(file, bytes) else status.INTEGRITY_ERROR)
        offset, length = (int.from_bytes(body[at : at + 3], "little") for at in (1, 4))
        if offset + length > len(file.content):
            return access.refuse(b"\x91\xbe")
        return access.answer(bytes(file.content[offset : offset + length]), full=file.mode == FULL)

    def _write(self, asked: Command, application: Application) -> bytes:
        access = application.access
        body = access.body(asked)
        file = self._file(body, application, write=True)
        if isinstance(file, bytes) or body is None:
            return access.refuse(file if isinstance(file, bytes) else status.INTEGRITY_ERROR)
        offset, length = (int.from_bytes(body[at : at + 3], "little") for at in (1, 4))
        data = access.plain(body[7:]) if file.mode == FULL else body[7:]
        if data is None or len(data) != length or offset + length > len(file.content):
            return access.refuse(status.LENGTH_ERROR)
        file.content[offset : offset + length] = data
        return access.answer()

    def _change_key(self, asked: Command, application: Application) -> bytes:
        access = application.access
        if access.session is None or not asked.data:
            return access.refuse(status.AUTHENTICATION_ERROR)
        needed = application.settings >> 4
        allowed = asked.data[0] if needed == CHANGE_UNDER_ITSELF else needed
        if access.session.key_no != allowed:
            return access.refuse(status.PERMISSION_DENIED)
        return access.change(asked)
