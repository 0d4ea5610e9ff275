"""A sealed code opens once, in the dark, and is told as an alarm as soon as anybody can be told."""

from datetime import timedelta

from aldaba_edge.ports import PinTyped
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.events import AccessDecided, EmergencyCodeUsed
from aldaba_shared.ids import CredentialId, CredentialKey, HolderId, RightId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential, MemoryRules, Right
from aldaba_shared.schedule import always
from tests.edge.door_fakes import MONDAY_NOON, STREET_DOOR, Bench

KEY = bytes(32)
TYPED = credential_key(KEY, CredentialKind.PIN, b"48151623")
CODE = CredentialId("cred-sealed-1")


def bench_with_a_code() -> Bench:
    bench = Bench()
    held = Credential(CODE, HolderId("emergency"), CredentialKind.EMERGENCY, essential=True)
    right = Right(RightId("own"), always("UTC"), MONDAY_NOON - timedelta(days=1))
    bench.rules.known = MemoryRules({TYPED: held}, [(STREET_DOOR, held.holder, right)])
    return bench


def type_code(bench: Bench, key: CredentialKey = TYPED) -> AccessDecided:
    bench.loop.read(Side.IN, PinTyped(key))
    bench.clock.advance(1)
    return [one for one in bench.journal.events if isinstance(one, AccessDecided)][-1]


def alarms(bench: Bench) -> list[EmergencyCodeUsed]:
    return [one for one in bench.journal.events if isinstance(one, EmergencyCodeUsed)]


def test_the_rules_know_a_code_by_what_a_keypad_can_tell() -> None:
    assert credential_key(KEY, CredentialKind.EMERGENCY, b"48151623") == TYPED


def test_a_code_opens_once_and_says_so_in_the_books() -> None:
    bench = bench_with_a_code()
    first = type_code(bench)
    assert first.decision.granted
    assert first.shown.kind is CredentialKind.EMERGENCY
    assert alarms(bench) == [EmergencyCodeUsed(STREET_DOOR, CODE)]
    assert type_code(bench).decision.reason is Reason.PASS_USED_UP
    assert len(alarms(bench)) == 1


def test_a_code_opens_when_the_rules_are_a_year_old_and_the_time_is_unsure() -> None:
    bench = bench_with_a_code()
    bench.trust.clock_trusted = False
    bench.clock.advance(365 * 86_400)
    assert type_code(bench).decision.granted


def test_a_refused_code_is_not_spent() -> None:
    bench = bench_with_a_code()
    bench.loop.set_mode(DoorMode.LOCKED_DOWN)
    assert type_code(bench).decision.reason is Reason.DOOR_LOCKED_DOWN
    bench.loop.set_mode(DoorMode.LOCKED)
    assert type_code(bench).decision.granted
