"""Pairing: a code from the admin's page becomes an identity for life."""

import hmac
import os
import tomllib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from aldaba_edge.certificate import Draft, draft, write_certificate
from aldaba_edge.cloud_http import CloudUnreachable, post
from aldaba_edge.config import Config, parse
from aldaba_edge.keyfile import CERTIFICATE, IDENTITY, Identity, write_identity, write_private
from aldaba_shared.envelope import EnvelopeRefused, KeyRing, SigningKey, kid_of, unseal
from aldaba_shared.errors import AldabaError
from aldaba_shared.messages import (
    LONGEST_CONFIGURATION,
    ConfigurationKept,
    KeyList,
    Kind,
    PairAnswer,
    PairRequest,
    WorkingKey,
)
from aldaba_shared.wire import Malformed

MOST_ANSWER: Final = 64 * 1024 + 2 * LONGEST_CONFIGURATION
"""In base64 a configuration is a third longer."""
REFUSED: Final = (400, 401, 403, 404, 409, 410, 422, 429)


class PairingRefused(AldabaError):
    """The cloud did not take the code, or what answered is not the cloud the code came from."""

    code = "pairing_refused"

    def __init__(self, why: str, way_out: str) -> None:
        super().__init__(f"This controller was not paired: {why}. {way_out}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Paired:
    """A new identity. Unless `vouched`, a person must find the same four words on the admin's page."""

    identity: Identity
    vouched: bool
    asked: Draft
    """The key whose certificate is in the answer, if there is one."""

    @property
    def words(self) -> str:
        """The four words."""
        return self.identity.answer.words


def pair(cloud_url: str, code: str, root_fingerprint: str | None, software: str) -> Paired:
    """Show a code to the cloud and take what it answers; the private key is made here and stays here.

    The cloud is vouched for by public TLS or by the fingerprint of its root (from
    the pairing QR: SHA-256 of its DER, hexadecimal).

    Raises:
        PairingRefused: wrong or spent code, another root than the fingerprint's, or keys it did not sign.
        CloudUnreachable: nothing usable answered.
    """
    key = SigningKey.generate(b"new")
    asked = draft()
    request = PairRequest(code.strip(), key.public().public_key, software, certificate_request=asked.request)
    answer = _asked(cloud_url.rstrip("/") + "/api/v1/pair", request)
    if root_fingerprint is not None and not _same_root(answer.root_key, root_fingerprint):
        raise PairingRefused("the root key is another one", "Scan the pairing QR again; someone may be in between.")
    _check_keys(answer)
    vouched = root_fingerprint is not None or cloud_url.startswith("https://")
    return Paired(Identity(answer, key.private_bytes(), cloud_url), vouched, asked)


def keep(folder: Path, paired: Paired) -> None:
    """Write what pairing gave; the identity last, because with it the controller is paired.

    What root writes here belongs to whom the folder belongs: the daemon is not root.

    Raises:
        CertificateUnusable: the certificate is not for the key it was asked for.
    """
    answer = paired.identity.answer
    if answer.certificate:
        write_certificate(folder, paired.asked, answer.certificate)
        _give(folder / CERTIFICATE, folder)
    write_identity(folder / IDENTITY, replace(paired.identity, answer=replace(answer, configuration=b"")))
    _give(folder / IDENTITY, folder)


def take_configuration(path: Path, paired: Paired) -> Config:
    """Write the configuration that the last controller of these doors had, where there is none.

    Raises:
        PairingRefused: the cloud has none, did not sign it for us, or it is none for a controller of today.
    """
    answer = paired.identity.answer
    if not answer.configuration:
        raise PairingRefused(
            f"{path} does not exist, and the cloud has none of an earlier controller of these doors",
            "Write it, make another code, and pair again.",
        )
    try:
        ring = KeyRing(_keys_of(answer).keys)
        kept = unseal(Kind.CONFIGURE, answer.controller, answer.configuration, ring, ConfigurationKept)
        found = parse(tomllib.loads(kept.text))
    except (EnvelopeRefused, Malformed, ValueError) as error:
        raise PairingRefused("the configuration it was sent is not the cloud's", "Write it yourself.") from error
    if found.config is None:
        why = f"the last controller's configuration is none for this software: {'; '.join(found.mistakes)}"
        raise PairingRefused(why, f"Write {path} yourself, make another code, and pair again.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, kept.text.encode())
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 0, path.parent.stat().st_gid)
    return found.config


def _give(path: Path, folder: Path) -> None:
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _asked(url: str, request: PairRequest) -> PairAnswer:
    body = bytearray()
    try:
        post(url, msgspec.json.encode(request), "application/json", body.extend, MOST_ANSWER)
        return msgspec.json.decode(bytes(body), type=PairAnswer)
    except CloudUnreachable as error:
        if error.status in REFUSED:
            raise PairingRefused("the code was not accepted", "Ask for a new one on the page of the door.") from error
        raise
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise CloudUnreachable(url, "its answer is none of ours") from error


def _same_root(root_key: bytes, fingerprint: str) -> bool:
    wanted = fingerprint.replace(":", "").strip().lower()
    return hmac.compare_digest(sha256(root_key).hexdigest().encode(), wanted.encode())


def _check_keys(answer: PairAnswer) -> None:
    try:
        _keys_of(answer)
    except (EnvelopeRefused, Malformed, ValueError) as error:
        raise PairingRefused("its keys are not signed by its root", "Tell whoever runs the cloud.") from error


def _keys_of(answer: PairAnswer) -> KeyList:
    root = KeyRing([WorkingKey(kid_of(Kind.KEYS, answer.keys), answer.root_key, (Kind.KEYS,))])
    return unseal(Kind.KEYS, "*", answer.keys, root, KeyList)
