"""The keys of a site's own cards: from one root to each card's keys, and how a door is told of them.

A key set is a version of the site's card keys. Its root never leaves the cloud;
from it follow, one way, a master key for each purpose, and from those each
card's own keys (NXP AN10922), so that a card that is taken apart says nothing
about the others. A door gets the masters with which it reads, never those with
which cards are made. The card says the version it was written with, so doors
hold the old set and the new one while cards move from one to the other.

What a door must keep secret travels in its signed rules as one `setting` row,
sealed with AES-SIV (RFC 5297) under a key that follows from the controller's
own: deterministic, because compiling the same rules twice must give the same
rows, and sealed, because a broker or a copied rule set is no place for keys.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from aldaba_shared.ids import ControllerId
from aldaba_shared.wire import Malformed, decode, encode

SETTING: Final = "secrets"
"""The name of the `setting` row."""

KEY_BYTES: Final = 16
ROOT_BYTES: Final = 32
UID_BYTES: Final = 7
VERSIONS: Final = range(1, 255)
"""A card keeps the version in one byte; 0 is what the factory writes and 255 is kept for later."""

SYSTEM: Final = b"aldaba"
"""AN10922's system identifier. With a UID and an application id, the input is longer than one block."""

DESFIRE_AID: Final = bytes.fromhex("a1daba")
"""The application on a DESFire card, as the card wants its bytes."""

NTAG_AID: Final = bytes.fromhex("a1dab4")
"""What stands in the place of an application id for NTAG 424 tags, whose one application has a longer name."""

_BLOCK: Final = 16
_LONGEST_INPUT: Final = 31
_AES128: Final = b"\x01"
_DOUBLING: Final = 0x87


class KeySet(Struct, frozen=True, array_like=True):
    """One version of a site's card keys, as a door has it: what it takes to read, each 16 bytes."""

    version: int
    desfire_read: bytes
    sun_meta: bytes
    """Decrypts what every NTAG 424 of the site says of itself; shared by all, because the UID is inside."""
    sun_file: bytes
    """From it follows each tag's own key."""

    def __post_init__(self) -> None:
        """Refuse what no card could hold; msgspec reports it as a body of another shape."""
        if self.version not in VERSIONS:
            raise ValueError("a key version outside 1 to 254")
        if any(len(key) != KEY_BYTES for key in (self.desfire_read, self.sun_meta, self.sun_file)):
            raise ValueError("a card key that is not 16 bytes")

    def __repr__(self) -> str:
        """Which set it is, and never a key."""
        return f"KeySet(version={self.version})"

    def desfire(self, uid: bytes) -> bytes:
        """The read key of the DESFire card with this UID."""
        return diversified(self.desfire_read, uid + DESFIRE_AID + SYSTEM)

    def sun(self, uid: bytes) -> bytes:
        """The file key of the NTAG 424 with this UID."""
        return diversified(self.sun_file, uid + NTAG_AID + SYSTEM)


class MakingKeys(Struct, frozen=True, array_like=True):
    """With what cards of one set are made: the cloud's alone, never a door's."""

    version: int
    desfire_master: bytes
    ntag_master: bytes

    def __repr__(self) -> str:
        """Which set it is, and never a key."""
        return f"MakingKeys(version={self.version})"

    def desfire(self, uid: bytes) -> bytes:
        """Key 0 of the DESFire card with this UID."""
        return diversified(self.desfire_master, uid + DESFIRE_AID + SYSTEM)

    def ntag(self, uid: bytes) -> bytes:
        """Key 0 of the NTAG 424 with this UID."""
        return diversified(self.ntag_master, uid + NTAG_AID + SYSTEM)


class DoorSecrets(Struct, frozen=True):
    """What a controller must keep secret beside its identity.

    `digest_key` takes the place of the controller key for digesting credentials
    once it was changed; None while it never was.
    """

    key_sets: tuple[KeySet, ...] = ()
    digest_key: bytes | None = None

    def __repr__(self) -> str:
        """How much there is, and never a key."""
        return f"DoorSecrets(key_sets={self.key_sets!r}, digest_key={'set' if self.digest_key else None})"


NO_SECRETS: Final = DoorSecrets()


def key_set(root: bytes, version: int) -> KeySet:
    """What a door gets of a set; the root does not follow from it."""
    return KeySet(version, *(_purpose(root, version, name) for name in ("desfire read", "sun meta", "sun file")))


def making_keys(root: bytes, version: int) -> MakingKeys:
    """What the cloud makes cards of a set with."""
    return MakingKeys(version, *(_purpose(root, version, name) for name in ("desfire master", "ntag master")))


def card_number(root: bytes, version: int, uid: bytes) -> bytes:
    """The 16 bytes in the file of a DESFire card: no other card's, and nobody's to guess without the root."""
    return _purpose(root, version, f"number {uid.hex()}")


def _purpose(root: bytes, version: int, name: str) -> bytes:
    info = f"aldaba/1/cards/{version}/{name}".encode("ascii")
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(root)


def diversified(master: bytes, seed: bytes) -> bytes:
    """A card's own AES-128 key from a master key and 1 to 31 bytes of what is the card's own (AN10922, 2.2).

    It is a CMAC over `01 ‖ seed` with one difference that is easily missed: an
    input shorter than two blocks is always padded to two, also where plain CMAC
    would be content with one.

    >>> diversified(bytes.fromhex("00112233445566778899aabbccddeeff"),
    ...             bytes.fromhex("04782e21801d803042f54e585020416275")).hex()
    'a8dd63a3b89d54b37ca802473fda9175'

    Raises:
        ValueError: the seed is empty or longer than 31 bytes.
    """
    if not 1 <= len(seed) <= _LONGEST_INPUT:
        message = f"AN10922 takes 1 to {_LONGEST_INPUT} bytes of diversification input, not {len(seed)}."
        raise ValueError(message)
    message_bytes = _AES128 + seed
    whole = len(message_bytes) == 2 * _BLOCK
    padded = message_bytes if whole else (message_bytes + b"\x80").ljust(2 * _BLOCK, b"\x00")
    first = _doubled(_encrypted(master, bytes(_BLOCK)))
    mask = first if whole else _doubled(first)
    last = bytes(left ^ right for left, right in zip(padded[_BLOCK:], mask, strict=True))
    return _encrypted(master, padded[:_BLOCK] + last)[_BLOCK:]


def _encrypted(key: bytes, blocks: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK))).encryptor()
    return encryptor.update(blocks) + encryptor.finalize()


def _doubled(block: bytes) -> bytes:
    """A subkey of CMAC from the one before (NIST SP 800-38B, 6.1)."""
    value = int.from_bytes(block) << 1
    if value >> 128:
        value ^= (1 << 128) | _DOUBLING
    return value.to_bytes(_BLOCK, "big")


def seal_secrets(secrets: DoorSecrets, controller: ControllerId, controller_key: bytes) -> bytes:
    """The body of the `setting` row; the same secrets always give the same bytes."""
    return _box(controller_key).encrypt(encode(secrets), [controller.encode()])


def open_secrets(body: bytes, controller: ControllerId, controller_key: bytes) -> DoorSecrets:
    """What the row says to the controller it is for.

    Raises:
        Malformed: it was sealed for another controller, or is damaged.
    """
    try:
        plain = _box(controller_key).decrypt(body, [controller.encode()])
    except (InvalidTag, ValueError) as error:
        raise Malformed(SETTING, "it was not sealed for this controller") from error
    return decode(plain, DoorSecrets)


def _box(controller_key: bytes) -> AESSIV:
    return AESSIV(HKDF(SHA256(), 64, salt=None, info=b"aldaba/1/door secrets").derive(controller_key))
