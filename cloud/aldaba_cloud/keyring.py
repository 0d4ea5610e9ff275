"""Keys that lie in files beside the database, never in it: who steals one has not the other."""

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aldaba_shared.errors import AldabaError

SEAL = "seal"
FINGERPRINT = "fingerprint"
NUMBERS = "numbers"
"""The private half of the key under which doors seal the numbers of unknown cards."""
NONCE_BYTES = 12


class KeyMissing(AldabaError):
    """Something in the database was sealed with a key that is not in the key directory."""

    code = "key_missing"

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"A sealed value does not open with the keys in {directory}. "
            "Put back the key directory that belongs to this database (aldaba-cloud restore does both)."
        )


class Keyring:
    """The key directory: made on first use, readable by its owner alone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._secrets: dict[str, bytes] = {}
        self._aes: AESGCM | None = None

    def secret(self, name: str) -> bytes:
        """The named 32-byte secret, made once from the system's randomness."""
        if name not in self._secrets:
            self._secrets[name] = self.file(f"{name}.key", lambda: secrets.token_bytes(32))
        return self._secrets[name]

    def file(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The bytes of a key file; made by `make` if there is none, never overwritten."""
        path = self.directory / name
        if not path.exists():
            self._make(path, make())
        return path.read_bytes()

    def _make(self, path: Path, content: bytes) -> None:
        """Whole or not at all: written aside and linked, so that two starting processes agree on one key."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(aside)
        aside.unlink()

    def seal(self, plain: bytes) -> bytes:
        """Encrypt and authenticate a value for the database (AES-256-GCM, a fresh nonce in front)."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher().encrypt(nonce, plain, None)

    def unseal(self, sealed: bytes) -> bytes:
        """Open a sealed value, or say which directory lacks the key."""
        try:
            return self._cipher().decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            raise KeyMissing(self.directory) from None

    def fingerprint(self, plain: bytes) -> str:
        """A keyed digest by which the database can tell that two sealed values are the same."""
        return hmac.new(self.secret(FINGERPRINT), plain, hashlib.sha256).hexdigest()

    def _cipher(self) -> AESGCM:
        if self._aes is None:
            self._aes = AESGCM(self.secret(SEAL))
        return self._aes
