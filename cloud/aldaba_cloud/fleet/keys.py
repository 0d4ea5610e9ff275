"""The cloud's own keys: a root that is kept offline, and the working key it vouches for.

Doors pin the root's public half at pairing and believe whatever it signs. So its
private half is only needed to make a new list of working keys; keep its file
away from the machine that serves.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from aldaba_cloud.keyring import Keyring
from aldaba_shared.envelope import KeyRing, SigningKey, seal, unseal
from aldaba_shared.errors import AldabaError
from aldaba_shared.messages import KeyList, Kind, WorkingKey

EVERYBODY: Final = "*"
SIGNS: Final = (
    Kind.HEAD,
    Kind.DELTA,
    Kind.MODES,
    Kind.COMMAND,
    Kind.ACK,
    Kind.RESEND,
    Kind.PASS,
    Kind.CONFIGURE,
)
"""What a working key may sign."""


class KeysMissing(AldabaError):
    """The cloud has no working key yet."""

    code = "keys_missing"

    def __init__(self, directory: Path) -> None:
        super().__init__(f"There are no signing keys in {directory}. Make them once with `aldaba-cloud init`.")


class RootMissing(AldabaError):
    """There is no root key in a file."""

    code = "root_missing"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no root key. Name the file that `aldaba-cloud init` told you to keep offline.")


@dataclass(frozen=True, slots=True)
class CloudKeys:
    """What the cloud signs with, and what doors check it by."""

    root_key: bytes
    """X.509 SubjectPublicKeyInfo, DER."""
    keys: bytes
    """The `KeyList` in its envelope."""
    serial: int
    working: SigningKey


def make_keys(keyring: Keyring, root_file: Path, now: datetime) -> CloudKeys:
    """Make a working key and have the root sign the list; made once more, it is a rotation.

    The root's file is made if there is none. The key that was in use stays on
    the list, so that what it signed is believed until doors have the next one.
    """
    root = _root(root_file)
    before = load_keys(keyring) if _serial(keyring) else None
    serial = before.serial + 1 if before else 1
    working = _signing_key(keyring.file(f"working-{serial}.key", _fresh))
    known = [working.public(*SIGNS), *([before.working.public(*SIGNS)] if before else [])]
    listed = seal(Kind.KEYS, EVERYBODY, KeyList(serial, now, tuple(known)), root)
    keyring.file("root.pub", lambda: root.public().public_key)
    keyring.file(f"keys-{serial}.envelope", lambda: listed)
    return load_keys(keyring)


def load_keys(keyring: Keyring) -> CloudKeys:
    """The newest working key and its list.

    Raises:
        KeysMissing: there is none.
    """
    serial = _serial(keyring)
    if not serial:
        raise KeysMissing(keyring.directory)
    root_key = (keyring.directory / "root.pub").read_bytes()
    listed = (keyring.directory / f"keys-{serial}.envelope").read_bytes()
    ring = KeyRing([WorkingKey(_kid(root_key), root_key, (Kind.KEYS,))])
    if unseal(Kind.KEYS, EVERYBODY, listed, ring, KeyList).serial != serial:
        raise KeysMissing(keyring.directory)
    working = _signing_key((keyring.directory / f"working-{serial}.key").read_bytes())
    return CloudKeys(root_key, listed, serial, working)


def load_root(path: Path) -> SigningKey:
    """The root's private half, for what is signed by hand.

    Raises:
        RootMissing: there is none in this file.
    """
    try:
        return _signing_key(path.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise RootMissing(path) from error


def _serial(keyring: Keyring) -> int:
    found = [int(path.stem.removeprefix("keys-")) for path in keyring.directory.glob("keys-*.envelope")]
    return max(found, default=0)


def _root(path: Path) -> SigningKey:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            out.write(_fresh())
    return _signing_key(path.read_bytes())


def _fresh() -> bytes:
    return SigningKey.generate(b"").private_bytes()


def _signing_key(der: bytes) -> SigningKey:
    private = load_der_private_key(der, None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError(type(private))
    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SigningKey(private, _kid(spki))


def _kid(spki: bytes) -> bytes:
    return sha256(spki).digest()[:8]
