"""Rules grow old in steps: fresh, stale with a notice, past the grace only for those who are essential."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from aldaba_shared.decide import Notice
from aldaba_shared.ids import CredentialKey
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential, MemoryRules, Right
from tests.edge.door_fakes import ANA, ANA_CARD, MONDAY_NOON, STREET_DOOR, Bench

CLEANERS = CredentialKey(b"cleaner".ljust(32, b"."))
MINUTE = timedelta(minutes=1)
GRACE = timedelta(hours=168)


def bench_with_rules_of(age: timedelta) -> Bench:
    bench = Bench()
    known = bench.rules.known.facts(STREET_DOOR, ANA_CARD)
    assert known.credential is not None
    card: Credential = known.credential
    right: Right = known.rights[0]
    essential = replace(card, essential=True)
    bench.rules.known = MemoryRules({ANA_CARD: card, CLEANERS: essential}, [(STREET_DOOR, ANA, right)])
    assert bench.rules.head is not None
    bench.rules.head = replace(bench.rules.head, issued_at=MONDAY_NOON - age)
    return bench


@pytest.mark.parametrize(
    ("age", "anybody", "stale"),
    [
        pytest.param(MINUTE, Reason.GRANTED, False, id="fresh"),
        pytest.param(5 * MINUTE, Reason.GRANTED, False, id="the last fresh minute"),
        pytest.param(6 * MINUTE, Reason.GRANTED, True, id="stale: works and says so"),
        pytest.param(GRACE - MINUTE, Reason.GRANTED, True, id="the last minute of the grace"),
        pytest.param(GRACE, Reason.RULES_TOO_OLD, True, id="past the grace"),
        pytest.param(52 * GRACE, Reason.RULES_TOO_OLD, True, id="a year later"),
    ],
)
def test_each_step_of_the_ladder(age: timedelta, anybody: Reason, stale: bool) -> None:
    bench = bench_with_rules_of(age)
    bench.tap(ANA_CARD)
    assert bench.journal.decided.decision.reason is anybody
    bench.clock.advance(60)
    bench = bench_with_rules_of(age)
    bench.tap(CLEANERS)
    decision = bench.journal.decided.decision
    assert decision.granted, "who is essential enters on every step"
    assert (Notice.RULES_STALE in decision.notices) is stale


def test_a_head_that_comes_climbs_the_ladder_again() -> None:
    bench = bench_with_rules_of(GRACE)
    bench.tap(ANA_CARD)
    assert not bench.journal.decided.decision.granted
    assert bench.rules.head is not None
    bench.rules.head = replace(bench.rules.head, issued_at=bench.clock.now())
    bench.tap(ANA_CARD)
    assert bench.journal.decided.decision.granted
    assert bench.journal.decided.decision.notices == ()
