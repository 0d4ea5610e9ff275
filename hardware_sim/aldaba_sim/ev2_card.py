"""The card's side of EV2 secure messaging, as DESFire EV2 and NTAG 424 share it: keys, a session, MACs.

Written from NXP's application notes and apart from the reader's side; what both
share is AES, CMAC and the derivation of session keys, which are held to NXP's
printed bytes by tests of their own.
"""

import secrets
from dataclasses import dataclass, field

from aldaba_edge.codecs import ev2
from aldaba_edge.codecs.apdu import Command

DONE = b"\x91\x00"
MORE = b"\x91\xaf"
NO_CHANGES = b"\x91\x0c"
ILLEGAL_COMMAND = b"\x91\x1c"
INTEGRITY_ERROR = b"\x91\x1e"
NO_SUCH_KEY = b"\x91\x40"
LENGTH_ERROR = b"\x91\x7e"
PERMISSION_DENIED = b"\x91\x9d"
PARAMETER_ERROR = b"\x91\x9e"
APPLICATION_NOT_FOUND = b"\x91\xa0"
AUTHENTICATION_ERROR = b"\x91\xae"
DUPLICATE = b"\x91\xde"
FILE_NOT_FOUND = b"\x91\xf0"


@dataclass
class CardKey:
    """One AES key of a card with its version; factory-fresh it is all zeros."""

    value: bytes = field(default=ev2.ZERO_KEY, repr=False)
    version: int = 0


@dataclass
class Ev2Keys:
    """The keys of one application and who is authenticated with which."""

    keys: list[CardKey]
    session: ev2.Session | None = None
    _challenge: tuple[int, bytes] | None = None

    def forget(self) -> None:
        """The field went, or another application was selected."""
        self.session = self._challenge = None

    def version(self, data: bytes) -> bytes:
        """GetKeyVersion: anyone may ask."""
        if len(data) != 1 or data[0] >= len(self.keys):
            return NO_SUCH_KEY
        return bytes([self.keys[data[0]].version]) + DONE

    def begin(self, data: bytes) -> bytes:
        """AuthenticateEV2First, part one."""
        self.forget()
        if len(data) < 2:  # noqa: PLR2004 - the key's number and the length of capabilities
            return LENGTH_ERROR
        if data[0] >= len(self.keys):
            return NO_SUCH_KEY
        rnd_b = secrets.token_bytes(16)
        self._challenge = (data[0], rnd_b)
        return ev2.encrypt(self.keys[data[0]].value, rnd_b) + MORE

    def proceed(self, data: bytes) -> bytes:
        """AuthenticateEV2First, part two."""
        challenge, self._challenge = self._challenge, None
        if challenge is None:
            return ILLEGAL_COMMAND
        key_no, rnd_b = challenge
        key = self.keys[key_no].value
        if len(data) != 32:  # noqa: PLR2004 - both random numbers
            return LENGTH_ERROR
        plain = ev2.decrypt(key, data)
        rnd_a, proof = plain[:16], plain[16:]
        if proof != rnd_b[1:] + rnd_b[:1]:
            return AUTHENTICATION_ERROR
        ti = secrets.token_bytes(4)
        enc, mac = ev2.session_keys(key, rnd_a, rnd_b)
        self.session = ev2.Session(enc, mac, ti, key_no)
        return ev2.encrypt(key, ti + rnd_a[1:] + rnd_a[:1] + bytes(12)) + DONE

    def body(self, asked: Command) -> bytes | None:
        """The data of a command of the session without its MAC; None when the MAC is wrong or there is no session."""
        session = self.session
        if session is None or len(asked.data) < 8:  # noqa: PLR2004 - the MAC
            return None
        body, mac = asked.data[:-8], asked.data[-8:]
        counted = bytes([asked.ins]) + session.counter.to_bytes(2, "little") + session.ti + body
        return body if ev2.cmac(session.mac, counted)[1::2] == mac else None

    def plain(self, ciphered: bytes) -> bytes | None:
        """What was sent encrypted."""
        session = self.session
        if session is None or not ciphered or len(ciphered) % 16:
            return None
        return ev2.unpadded(ev2.decrypt(session.enc, ciphered, self._iv(session, b"\xa5\x5a")))

    def answer(self, data: bytes = b"", *, full: bool = False) -> bytes:
        """A good answer of the session: counted, encrypted when `full`, with its MAC."""
        session = self.session
        if session is None:
            return AUTHENTICATION_ERROR
        session.counter += 1
        sent = ev2.encrypt(session.enc, ev2.padded(data), self._iv(session, b"\x5a\xa5")) if full and data else data
        counted = b"\x00" + session.counter.to_bytes(2, "little") + session.ti + sent
        return sent + ev2.cmac(session.mac, counted)[1::2] + DONE

    def refuse(self, status: bytes) -> bytes:
        """A refusal ends the session, as it does on a real card."""
        self.forget()
        return status

    def change(self, asked: Command) -> bytes:
        """ChangeKey: under the session's own key as it is, another one mixed with its old value and a CRC."""
        body = self.body(asked)
        plain = self.plain(body[1:]) if body else None
        if self.session is None or not body or plain is None:
            return self.refuse(INTEGRITY_ERROR)
        key_no = body[0]
        if key_no >= len(self.keys):
            return self.refuse(NO_SUCH_KEY)
        if key_no == self.session.key_no:
            if len(plain) != 17:  # noqa: PLR2004 - the key and its version
                return self.refuse(LENGTH_ERROR)
            self.keys[key_no] = CardKey(plain[:16], plain[16])
            self.forget()
            return DONE
        new = bytes(a ^ b for a, b in zip(plain[:16], self.keys[key_no].value, strict=True))
        if len(plain) != 21 or plain[17:] != ev2.crc32_nxp(new):  # noqa: PLR2004 - key, version, CRC
            return self.refuse(INTEGRITY_ERROR)
        self.keys[key_no] = CardKey(new, plain[16])
        return self.answer()

    @staticmethod
    def _iv(session: ev2.Session, label: bytes) -> bytes:
        return ev2.encrypt(session.enc, label + session.ti + session.counter.to_bytes(2, "little") + bytes(8))
