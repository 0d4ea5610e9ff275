"""Pairing: a new controller shows a six-digit code once and gets its keys for life.

The code proves that somebody stands before the controller. It lives ten minutes,
works once, and five wrong tries void every code that is open: who guesses has
five chances in a million. The caller commits whatever the outcome is, because a
wrong try must be counted; so a refusal is returned and not raised.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from sqlalchemy import Connection

from aldaba_cloud import audit, outbox
from aldaba_cloud.authority import Authority, RequestUnusable
from aldaba_cloud.db import Scope, Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import certificates, configurations, store
from aldaba_cloud.fleet.keys import CloudKeys
from aldaba_cloud.fleet.models import Controller
from aldaba_cloud.fleet.service import retire
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.places import store as places
from aldaba_shared.envelope import seal
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ControllerId, DoorId, SiteId
from aldaba_shared.messages import ConfigurationKept, Kind, PairAnswer, PairRequest
from aldaba_shared.words import four_words

CODE_LIVES: Final = timedelta(minutes=10)
WRONG_TRIES: Final = 5
PAIRED: Final = "controller.paired"


class PairRefused(AldabaError):
    """A controller was not paired."""

    code = "pair_refused"

    def __init__(self, why: str) -> None:
        super().__init__(f"The controller was not paired: {why}. Make a new code with `aldaba-cloud pair-code`.")
        self.why = why


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where controllers reach the broker."""

    host: str
    port: int
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Pairing:
    """What pairing gives out and seals with; without an authority the broker knows its clients by password alone."""

    keyring: Keyring
    keys: CloudKeys
    broker: BrokerAddress
    authority: Authority | None = None


def issue_code(work: Work, keyring: Keyring, site: SiteId, name: str, doors: Sequence[DoorId]) -> str:
    """Make a code for one controller and its doors; the answer is the only place where it stands.

    Raises:
        Missing: one of the doors is not at this site, or not the caller's to see.
    """
    for door in doors:
        found = places.find_door(work, door)
        if found is None or found.site != site:
            raise Missing("door", door)
    code = f"{secrets.randbelow(1_000_000):06}"
    while store.find_code(work.db, _digest(keyring, code), work.now):
        code = f"{secrets.randbelow(1_000_000):06}"
    wanted = store.Code(work.new_id("par"), work.scope.network, site, name, tuple(doors))
    store.add_code(work, wanted, _digest(keyring, code), work.now + CODE_LIVES)
    audit.note(work, site, "pairing_code_issued", name, doors=list(doors))
    return code


def pair(db: Connection, pairing: Pairing, request: PairRequest, now: datetime) -> PairAnswer | PairRefused:
    """Pair a controller that shows a good code, or count a wrong try."""
    if not _is_p256(request.public_key):
        return PairRefused("its public key is no P-256 key")
    code = store.find_code(db, _digest(pairing.keyring, request.code), now)
    if code is None:
        store.count_wrong_try(db, now, WRONG_TRIES)
        return PairRefused("there is no such code, or it is used, too old, or void after five wrong tries")
    work = Work(db, Scope(code.network, frozenset({code.site})), now, actor="pairing")
    controller = ControllerId(work.new_id("ctl"))
    try:
        certificate = _certified(work, pairing, controller, code.site, request.certificate_request)
    except RequestUnusable as error:
        return PairRefused(error.why)
    store.use_code(work, code)
    return _join(work, pairing, request, code, (controller, certificate))


def _certified(work: Work, pairing: Pairing, controller: ControllerId, site: SiteId, request: bytes) -> bytes:
    """The controller's certificate in PEM; empty when none was asked for or there is no authority."""
    if pairing.authority is None or not request:
        return b""
    issued = pairing.authority.controller(request, controller, work.now)
    certificates.keep(work, site, controller, issued)
    return issued.pem


def _join(
    work: Work, pairing: Pairing, request: PairRequest, code: store.Code, named: tuple[ControllerId, bytes]
) -> PairAnswer:
    controller, certificate = named
    controller_key, password = secrets.token_bytes(32), secrets.token_urlsafe(24)
    row = Controller(
        id=controller,
        network=code.network,
        site=code.site,
        name=code.name,
        kid=controller.encode(),
        public_key=request.public_key,
        sealed_controller_key=pairing.keyring.seal(controller_key),
        software=request.software[:80].replace("\x00", ""),
        epoch=0,
        version=0,
        set_hash=b"",
        confirmed_at=None,
        paired_at=work.now,
        last_contact_at=None,
        retired_at=None,
        hello=None,
        modes_counter=0,
        modes_confirmed=0,
    )
    store.add_controller(work, row, pairing.keyring.seal(password.encode()))
    configuration = _inherited(work, pairing, controller, code)
    _take_over(work, controller, code.doors)
    audit.note(work, code.site, "controller_paired", controller, doors=list(code.doors))
    outbox.tell(work, code.site, PAIRED, controller)
    return PairAnswer(
        network=code.network,
        site=code.site,
        controller=controller,
        doors=code.doors,
        kid=row.kid,
        controller_key=controller_key,
        root_key=pairing.keys.root_key,
        keys=pairing.keys.keys,
        broker_host=pairing.broker.host,
        broker_port=pairing.broker.port,
        broker_username=controller,
        broker_password=password,
        broker_tls=pairing.broker.tls,
        words=four_words(request.public_key, pairing.keys.root_key),
        certificate=certificate,
        broker_authority=pairing.authority.certificate if pairing.authority else b"",
        configuration=configuration,
    )


def _inherited(work: Work, pairing: Pairing, controller: ControllerId, code: store.Code) -> bytes:
    """What the last controller of these doors was told on the spot, sealed; kept for the new one as well."""
    before = configurations.for_doors(work, code.site, code.doors)
    if before is None:
        return b""
    configurations.keep(work, code.site, replace(before, controller=controller))
    kept = ConfigurationKept(controller, before.controller, before.kept_at, before.text)
    return seal(Kind.CONFIGURE, controller, kept, pairing.keys.working)


def _take_over(work: Work, controller: ControllerId, doors: Sequence[DoorId]) -> None:
    """Bind the doors; a controller that had one of them is retired, because a door has one."""
    for door in doors:
        found = places.find_door(work, door)
        if found and found.controller:
            retire(work, found.controller)
        places.bind_door(work, door, controller)


def _digest(keyring: Keyring, code: str) -> str:
    return keyring.fingerprint(b"pairing code " + code.encode())


def _is_p256(spki: bytes) -> bool:
    try:
        key = load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
