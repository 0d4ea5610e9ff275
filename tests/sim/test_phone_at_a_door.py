"""A phone at a door: in once with a code, never with the same again, and not at all when its time is unsure."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from aldaba_edge.ports import PassSeen
from aldaba_shared.decide import Side
from aldaba_shared.ids import CredentialId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.presence import STREET
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential
from aldaba_sim.phone import SimulatedPhone
from tests.edge.door_fakes import ANA, Bench

PHONE = SimulatedPhone.fresh()
STRANGER = SimulatedPhone.fresh()
ENROLLED = Credential(CredentialId("phone"), ANA, CredentialKind.PHONE)


def bench(credential: Credential = ENROLLED) -> Bench:
    made = Bench()
    key = credential_key(bytes(32), CredentialKind.PHONE, PHONE.key_id)
    made.rules.learn(key, credential)
    made.rules.public_keys[key] = PHONE.public
    return made


def show(made: Bench, *, age: float = 0.0, site: str = "site", phone: SimulatedPhone = PHONE) -> Reason:
    made.loop.read(Side.IN, PassSeen(phone.code(site, made.clock.now() - timedelta(seconds=age))))
    made.clock.advance(0.01)
    return made.journal.decided.decision.reason


def leave(made: Bench) -> None:
    made.presences.known = {}
    made.clock.advance(20)


@pytest.mark.feature(154)
@pytest.mark.feature(35)
def test_a_phone_opens_and_its_moment_is_on_the_disk_first() -> None:
    made = bench()
    made.journal.disk_seconds = 0.4
    assert show(made) is Reason.GRANTED
    made.clock.advance(0.3)
    assert not made.lock.released
    made.clock.advance(0.2)
    assert made.lock.released
    assert made.journal.spent[0].name == "phone"


def test_a_screenshot_opens_nothing_however_soon_it_is_shown() -> None:
    made = bench()
    text = PHONE.code("site", made.clock.now())
    made.loop.read(Side.IN, PassSeen(text))
    made.clock.advance(6)
    made.presences.known = {}
    made.loop.read(Side.IN, PassSeen(text))
    assert made.journal.decided.decision.reason is Reason.PASS_REPLAYED


@pytest.mark.parametrize("age", [16.0, -16.0])
def test_a_code_out_of_its_time_opens_nothing(age: float) -> None:
    assert show(bench(), age=age) is Reason.PASS_REPLAYED


def test_an_older_code_than_the_last_accepted_opens_nothing() -> None:
    made = bench()
    assert show(made) is Reason.GRANTED
    made.presences.known = {}
    made.clock.advance(7)
    assert show(made, age=10) is Reason.PASS_REPLAYED
    made.clock.advance(4)
    assert show(made) is Reason.GRANTED


@pytest.mark.parametrize(
    ("site", "phone", "reason"),
    [
        pytest.param("elsewhere", PHONE, Reason.PASS_UNREADABLE, id="signed for another site"),
        pytest.param("site", STRANGER, Reason.UNKNOWN_CREDENTIAL, id="a key nobody enrolled"),
    ],
)
def test_a_code_of_somebody_else_opens_nothing(site: str, phone: SimulatedPhone, reason: Reason) -> None:
    assert show(bench(), site=site, phone=phone) is reason


def test_a_code_under_a_borrowed_key_id_opens_nothing_and_names_nobody() -> None:
    made = bench()
    forged = SimulatedPhone.fresh()
    forged.key_id = PHONE.key_id
    assert show(made, phone=forged) is Reason.PASS_UNREADABLE
    assert made.journal.decided.decision.holder is None


def test_a_phone_that_was_revoked_opens_nothing() -> None:
    assert show(bench(replace(ENROLLED, enabled=False))) is Reason.CREDENTIAL_DISABLED


def test_a_phone_is_refused_while_the_clock_is_unsure() -> None:
    made = bench()
    made.trust.clock_trusted = False
    assert show(made, age=3600) is Reason.CLOCK_UNTRUSTED


def test_a_phone_that_is_held_to_the_scanner_is_answered_once() -> None:
    made = bench()
    for _ in range(5):
        show(made)
        made.clock.advance(3)
    assert made.journal.names().count("access_decided") == 1
    leave(made)
    assert show(made) is Reason.GRANTED


def test_toward_the_street_a_phone_lets_out_whatever_its_code_says() -> None:
    made = bench()
    made.trust.clock_trusted = False
    made.loop.read(Side.EGRESS, PassSeen(PHONE.code("site", made.clock.now())))
    assert made.lock.released
    assert made.presences.zone_of(ANA) == STREET
