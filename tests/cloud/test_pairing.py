"""Pairing a controller by its six-digit code: once, for ten minutes, not by guessing."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from aldaba_cloud.authority import Authority
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import pairing, service
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.keys import CloudKeys
from aldaba_cloud.fleet.pairing import BrokerAddress, Pairing, PairRefused
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link.end import CloudEnd
from aldaba_shared.envelope import SigningKey
from aldaba_shared.messages import (
    Head,
    Kind,
    PairAnswer,
    PairRequest,
)
from aldaba_shared.words import four_words
from tests.cloud.conftest import BARCELONA, NETWORK, HandClock
from tests.cloud.test_link import FRONT, Wire, end, keyring, keys, toy, wire
from tests.cloud.toy_controller import START, ToyController

__all__ = ["end", "keyring", "keys", "toy", "wire"]


@pytest.fixture
def pairing_of(keyring: Keyring, keys: CloudKeys) -> Pairing:
    return Pairing(keyring, keys, BrokerAddress("broker.example", 8883, tls=True))


def new_code(database: Database, keyring: Keyring) -> str:
    with database.write() as db:
        work = Work(db, Scope(NETWORK), START)
        return pairing.issue_code(work, keyring, BARCELONA, "Street door", [FRONT])


def try_code(
    database: Database, given: Pairing, code: str, clock: HandClock, key: SigningKey | None = None
) -> PairAnswer | PairRefused:
    spki = (key or SigningKey.generate(b"")).public().public_key
    with database.write() as db:
        return pairing.pair(db, given, PairRequest(code, spki, "toy"), clock.now())


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


@pytest.mark.feature(136)
def test_a_controller_that_shows_its_code_is_paired_with_its_doors(
    toy: ToyController, database: Database, keyring: Keyring, pairing_of: Pairing, clock: HandClock
) -> None:
    key = SigningKey.generate(b"")
    answer = try_code(database, pairing_of, new_code(database, keyring), clock, key)
    assert isinstance(answer, PairAnswer)
    assert (answer.site, answer.doors, answer.kid) == (BARCELONA, (FRONT,), answer.controller.encode())
    assert answer.words == four_words(key.public().public_key, answer.root_key)
    with database.read() as db:
        work = Work(db, Scope(NETWORK), START)
        assert {one.paired for one in controller_keys(work, keyring).values()} == {answer.controller_key}
        assert service.broker_passwords(work, keyring) == {answer.controller: answer.broker_password}
    assert toy.id != answer.controller


def test_pairing_publishes_the_rules_of_the_new_controller(
    *,
    end: CloudEnd,
    toy: ToyController,
    wire: Wire,
    database: Database,
    keyring: Keyring,
    pairing_of: Pairing,
    clock: HandClock,
) -> None:
    answer = try_code(database, pairing_of, new_code(database, keyring), clock)
    assert isinstance(answer, PairAnswer)
    end.tick()
    end.tick()
    heads = [body for body in wire.of(Kind.HEAD) if isinstance(body, Head)]
    assert answer.controller in {head.controller for head in heads}
    assert toy.id not in {head.controller for head in heads}


@pytest.mark.usefixtures("toy")
def test_a_code_works_once(database: Database, keyring: Keyring, pairing_of: Pairing, clock: HandClock) -> None:
    code = new_code(database, keyring)
    assert isinstance(try_code(database, pairing_of, code, clock), PairAnswer)
    assert isinstance(try_code(database, pairing_of, code, clock), PairRefused)


@pytest.mark.usefixtures("toy")
def test_a_code_lives_ten_minutes(database: Database, keyring: Keyring, pairing_of: Pairing, clock: HandClock) -> None:
    code = new_code(database, keyring)
    clock.turn(minutes=10)
    assert isinstance(try_code(database, pairing_of, code, clock), PairRefused)


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(("wrong_tries", "outcome"), [(4, PairAnswer), (5, PairRefused)])
def test_five_wrong_tries_void_a_code(
    *,
    database: Database,
    keyring: Keyring,
    pairing_of: Pairing,
    clock: HandClock,
    wrong_tries: int,
    outcome: type,
) -> None:
    code = new_code(database, keyring)
    for _ in range(wrong_tries):
        assert isinstance(try_code(database, pairing_of, wrong(code), clock), PairRefused)
    assert isinstance(try_code(database, pairing_of, code, clock), outcome)


@pytest.mark.usefixtures("toy")
def test_a_key_that_is_none_is_refused_and_spends_no_code(
    database: Database, keyring: Keyring, pairing_of: Pairing, clock: HandClock
) -> None:
    code = new_code(database, keyring)
    with database.write() as db:
        refused = pairing.pair(db, pairing_of, PairRequest(code, b"no key", "toy"), START)
    assert isinstance(refused, PairRefused)
    assert isinstance(try_code(database, pairing_of, code, clock), PairAnswer)


@pytest.mark.usefixtures("toy")
def test_a_controller_that_asks_for_a_certificate_gets_one_in_the_name_it_was_given(
    database: Database, keyring: Keyring, keys: CloudKeys, clock: HandClock
) -> None:
    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = asked.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)
    given = Pairing(keyring, keys, BrokerAddress("broker.example", 8883, tls=True), Authority(keyring, clock.now()))
    spki = SigningKey.generate(b"").public().public_key
    wanted = PairRequest(new_code(database, keyring), spki, "toy", certificate_request=request)
    with database.write() as db:
        answer = pairing.pair(db, given, wanted, clock.now())
    assert isinstance(answer, PairAnswer)
    made = x509.load_pem_x509_certificate(answer.certificate)
    assert made.subject.rfc4514_string() == f"CN={answer.controller}"
    made.verify_directly_issued_by(x509.load_pem_x509_certificate(answer.broker_authority))


@pytest.mark.usefixtures("toy")
def test_an_unusable_request_for_a_certificate_pairs_nobody_and_spends_no_code(
    database: Database, keyring: Keyring, keys: CloudKeys, clock: HandClock
) -> None:
    given = Pairing(keyring, keys, BrokerAddress("broker.example", 8883, tls=True), Authority(keyring, clock.now()))
    code, spki = new_code(database, keyring), SigningKey.generate(b"").public().public_key
    with database.write() as db:
        refused = pairing.pair(db, given, PairRequest(code, spki, "toy", certificate_request=b"rubbish"), clock.now())
    assert isinstance(refused, PairRefused)
    with database.write() as db:
        assert isinstance(pairing.pair(db, given, PairRequest(code, spki, "toy"), clock.now()), PairAnswer)
