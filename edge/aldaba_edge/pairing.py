"""Pairing: a code from the admin's page becomes an identity for life."""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from aldaba_edge.certificate import Draft, draft, write_certificate
from aldaba_edge.cloud_http import MOST_ANSWER, CloudUnreachable, post
from aldaba_edge.keyfile import IDENTITY, Identity, write_identity
from aldaba_shared.envelope import EnvelopeRefused, KeyRing, SigningKey, kid_of, unseal
from aldaba_shared.errors import AldabaError
from aldaba_shared.messages import KeyList, Kind, PairAnswer, PairRequest, WorkingKey
from aldaba_shared.wire import Malformed

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

    Raises:
        CertificateUnusable: the certificate is not for the key it was asked for.
    """
    certificate = paired.identity.answer.certificate
    if certificate:
        write_certificate(folder, paired.asked, certificate)
    write_identity(folder / IDENTITY, paired.identity)


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
        root = KeyRing([WorkingKey(kid_of(Kind.KEYS, answer.keys), answer.root_key, (Kind.KEYS,))])
        unseal(Kind.KEYS, "*", answer.keys, root, KeyList)
    except (EnvelopeRefused, Malformed, ValueError) as error:
        raise PairingRefused("its keys are not signed by its root", "Tell whoever runs the cloud.") from error
