"""The identity file: what pairing gave this controller for life, for its owner's eyes only."""

import os
import stat
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key
from msgspec import Struct

from aldaba_edge.durable import sync
from aldaba_shared.envelope import SigningKey
from aldaba_shared.errors import AldabaError
from aldaba_shared.messages import PairAnswer

IDENTITY: Final = "identity"
"""The file's name in the controller's data directory."""
CERTIFICATE: Final = "certificate.pem"
"""Beside it: the key and the certificate that the broker asks for (`aldaba_edge.certificate`)."""
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class IdentityUnusable(AldabaError):
    """The identity file is missing, unreadable, or readable by others."""

    code = "identity_unusable"

    def __init__(self, path: Path, why: str, way_out: str) -> None:
        super().__init__(f"The identity {path} cannot be used: {why}. {way_out}")
        self.path = path


class Identity(Struct, frozen=True):
    """The answer of the cloud at pairing, and the private key that never left this controller (PKCS #8, DER)."""

    answer: PairAnswer
    private_key: bytes
    cloud_url: str = ""
    """Where it was paired, and where whole rule sets come from."""

    def signing_key(self) -> SigningKey:
        """The controller's own key, under the name the cloud knows it by."""
        private = load_der_private_key(self.private_key, password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise TypeError("the identity holds a key of another kind than P-256")
        return SigningKey(private, self.answer.kid)


def write_identity(path: Path, identity: Identity) -> None:
    """Keep the identity, for its owner's eyes only."""
    write_private(path, msgspec.json.encode(identity))


def write_private(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all, mode 0600 from its first byte on."""
    new = path.with_name(path.name + ".new")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.rename(path)
    sync(path.parent)


def read_identity(path: Path) -> Identity:
    """Read the identity.

    Raises:
        IdentityUnusable: missing, malformed, or readable by anyone but its owner.
    """
    try:
        mode = path.stat().st_mode
        if mode & OTHERS:
            raise IdentityUnusable(path, "others may read it", f"Run `chmod 600 {path}`, and pair again if they did.")
        identity = msgspec.json.decode(path.read_bytes(), type=Identity)
        identity.signing_key()
    except FileNotFoundError as error:
        raise IdentityUnusable(path, "it does not exist", "Run `aldaba-edge pair` first.") from error
    except OSError as error:
        raise IdentityUnusable(path, str(error), "Run as the user that owns it.") from error
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, TypeError) as error:
        raise IdentityUnusable(path, "it is damaged", "Run `aldaba-edge pair` again.") from error
    return identity
