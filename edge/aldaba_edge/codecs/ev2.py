"""EV2 secure messaging: how DESFire EV2/EV3 and NTAG 424 DNA prove themselves and talk afterwards.

Both sides prove that they know one AES key without saying it, and both derive
two session keys and share a transaction id. From then on every message carries
a MAC over a counter that rises with each command, so nothing can be repeated,
left out or changed. `FULL` messages are encrypted too, each from an initial
vector of its own (DESFire EV1 chained them; EV2 does not).

Sources: NXP AN12196 (NTAG 424 DNA features and hints) and AN12343 (DESFire
Light features and hints), which print every byte of worked examples.
"""

import zlib
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.constant_time import bytes_eq

from aldaba_edge.codecs.apdu import LONGEST_ANSWER, LONGEST_DATA, Answer, Command
from aldaba_edge.codecs.exchange import Exchange, tell
from aldaba_edge.codecs.malformed import Malformed

OK: Final = 0x9100
MORE: Final = 0x91AF
BLOCK: Final = 16
MAC_BYTES: Final = 8
ZERO_KEY: Final = bytes(16)
"""What every key is when a card leaves the factory."""

AUTHENTICATE_EV2_FIRST: Final = 0x71
CONTINUE: Final = 0xAF
CHANGE_KEY: Final = 0xC4

_ENC_LABEL: Final = bytes.fromhex("a55a00010080")
_MAC_LABEL: Final = bytes.fromhex("5aa500010080")
_COMMAND_IV: Final = bytes.fromhex("a55a")
_ANSWER_IV: Final = bytes.fromhex("5aa5")
_TI_BYTES: Final = 4
_MOST_COUNTER: Final = 0xFFFF


def native(ins: int, data: bytes = b"") -> Command:
    """A native command in its ISO 7816-4 wrapping."""
    return Command(0x90, ins, 0x00, 0x00, data, expected=LONGEST_ANSWER)


def encrypt(key: bytes, plain: bytes, iv: bytes = bytes(BLOCK)) -> bytes:
    """AES-CBC without padding."""
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plain) + encryptor.finalize()


def decrypt(key: bytes, ciphered: bytes, iv: bytes = bytes(BLOCK)) -> bytes:
    """AES-CBC without padding."""
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return decryptor.update(ciphered) + decryptor.finalize()


def cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC (NIST SP 800-38B), 16 bytes."""
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def short_mac(key: bytes, message: bytes) -> bytes:
    """The CMAC as cards send it: the bytes at odd places (AN12196, 4.1)."""
    return cmac(key, message)[1::2]


def padded(plain: bytes) -> bytes:
    """ISO/IEC 9797-1 padding method 2: always at least one byte."""
    length = (len(plain) // BLOCK + 1) * BLOCK
    return (plain + b"\x80").ljust(length, b"\x00")


def unpadded(plain: bytes) -> bytes | None:
    """What stood before the padding; None when there is none."""
    body = plain.rstrip(b"\x00")
    return body[:-1] if body.endswith(b"\x80") and len(plain) - len(body) < BLOCK else None


def rotated(block: bytes) -> bytes:
    """One byte to the left, as the proofs are."""
    return block[1:] + block[:1]


def session_keys(key: bytes, rnd_a: bytes, rnd_b: bytes) -> tuple[bytes, bytes]:
    """The keys for encryption and for MACs (AN12196, 4.2: SV1 and SV2)."""
    mixed = bytes(left ^ right for left, right in zip(rnd_a[2:8], rnd_b[:6], strict=True))
    context = rnd_a[:2] + mixed + rnd_b[6:] + rnd_a[8:]
    return cmac(key, _ENC_LABEL + context), cmac(key, _MAC_LABEL + context)


@dataclass(slots=True)
class Session:
    """What both sides know after authentication; the same for a card and a reader. Its repr shows no key."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    ti: bytes
    key_no: int
    counter: int = 0

    def iv(self, label: bytes) -> bytes:
        """Where the encryption of a message begins."""
        return encrypt(self.enc, label + self.ti + self._count() + bytes(8))

    def command_mac(self, ins: int, body: bytes) -> bytes:
        """Over the instruction, the count, the session and everything that is sent."""
        return short_mac(self.mac, bytes([ins]) + self._count() + self.ti + body)

    def answer_mac(self, status: int, body: bytes) -> bytes:
        """Over the status, the count after the command, the session and everything that came back."""
        return short_mac(self.mac, bytes([status & 0xFF]) + self._count() + self.ti + body)

    def command(self, ins: int, header: bytes = b"", plain: bytes = b"", *, full: bool = False) -> Command:
        """A command with its MAC; `plain` is encrypted when `full`. Short enough for one frame, or a mistake of ours.

        Raises:
            ValueError: it does not fit.
        """
        sent = encrypt(self.enc, padded(plain), self.iv(_COMMAND_IV)) if full and plain else plain
        body = header + sent
        if len(body) + MAC_BYTES > LONGEST_DATA:
            message = "A command with its MAC must fit one short APDU."
            raise ValueError(message)
        return native(ins, body + self.command_mac(ins, body))

    def opened(self, answer: Answer, *, full: bool = False) -> bytes | Malformed:
        """The data of a good answer, once its MAC has been found right; counts the command."""
        self.counter += 1
        if self.counter > _MOST_COUNTER or len(answer.data) < MAC_BYTES:
            return Malformed("ev2_answer_cut")
        body, mac = answer.data[:-MAC_BYTES], answer.data[-MAC_BYTES:]
        if not bytes_eq(mac, self.answer_mac(answer.status, body)):
            return Malformed("ev2_answer_mac_wrong")
        return self.deciphered(body) if full and body else body

    def deciphered(self, body: bytes) -> bytes | Malformed:
        """The plain bytes of the answer that was opened last, where it came encrypted."""
        if len(body) % BLOCK:
            return Malformed("ev2_answer_length")
        plain = unpadded(decrypt(self.enc, body, self.iv(_ANSWER_IV)))
        return Malformed("ev2_answer_padding") if plain is None else plain

    def key_change(self, key_no: int, new: bytes, version: int, old: bytes = ZERO_KEY) -> Command:
        """ChangeKey (AN12196, 6.16): the session's own key is sent as it is, another one mixed with its old value."""
        if key_no == self.key_no:
            body = new + bytes([version])
        else:
            mixed = bytes(left ^ right for left, right in zip(new, old, strict=True))
            body = mixed + bytes([version]) + crc32_nxp(new)
        return self.command(CHANGE_KEY, bytes([key_no]), body, full=True)

    def _count(self) -> bytes:
        return self.counter.to_bytes(2, "little")


def crc32_nxp(key: bytes) -> bytes:
    """The CRC-32 of IEEE 802.3 without its last inversion, least significant byte first (AN12196, table 26)."""
    return (zlib.crc32(key) ^ 0xFFFFFFFF).to_bytes(4, "little")


def authenticate(key_no: int, key: bytes, rnd_a: bytes) -> Exchange[Session | Malformed]:
    """AuthenticateEV2First with AES (AN12196, 6.6); `rnd_a` is 16 fresh random bytes."""
    first = yield from tell(native(AUTHENTICATE_EV2_FIRST, bytes([key_no, 0x00])))
    if isinstance(first, Malformed):
        return first
    if first.status != MORE or len(first.data) != BLOCK:
        return Malformed("ev2_no_challenge")
    rnd_b = decrypt(key, first.data)
    second = yield from tell(native(CONTINUE, encrypt(key, rnd_a + rotated(rnd_b))))
    if isinstance(second, Malformed):
        return second
    if second.status != OK or len(second.data) != 2 * BLOCK:
        return Malformed("ev2_not_authenticated")
    plain = decrypt(key, second.data)
    if not bytes_eq(plain[_TI_BYTES : _TI_BYTES + BLOCK], rotated(rnd_a)):
        return Malformed("ev2_card_not_genuine")
    enc, mac = session_keys(key, rnd_a, rnd_b)
    return Session(enc, mac, plain[:_TI_BYTES], key_no)


def transmit(session: Session, command: Command, *, full: bool = False) -> Exchange[bytes | Malformed]:
    """One command of a session and its answer, checked and opened."""
    answer = yield from tell(command)
    if isinstance(answer, Malformed):
        return answer
    if answer.status != OK:
        return Malformed(f"ev2_status_{answer.status & 0xFF:02x}")
    return session.opened(answer, full=full)
