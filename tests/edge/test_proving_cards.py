"""What a door makes of cards that prove themselves, of tags that count, and of cards that could not prove a thing."""

from dataclasses import replace as changed

import pytest
from msgspec.structs import replace

from aldaba_edge.ports import CardRefused, CardSeen, Reading, Use
from aldaba_shared.decide import Side
from aldaba_shared.ids import CredentialKey
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from tests.edge.door_fakes import ANA_CARD, MONDAY_NOON, Bench

TAG = CardSeen(CredentialKind.NTAG424, ANA_CARD, counter=41)


def read(bench: Bench, reading: Reading, side: Side = Side.IN) -> Reason:
    bench.loop.read(side, reading)
    bench.clock.advance(0.002)
    return bench.journal.decided.decision.reason


@pytest.mark.feature(35)
def test_a_tags_counter_must_rise_and_is_kept_with_its_tap() -> None:
    bench = Bench()
    assert read(bench, TAG) is Reason.GRANTED
    assert [(use.name, use.value) for use in bench.journal.spent] == [("card", 42)]
    for old in (41, 40, 0):
        assert read(bench, changed(TAG, counter=old)) is Reason.PASS_REPLAYED
    assert len(bench.journal.spent) == 1, "an old address takes nothing back"
    assert bench.lock.told.count("release") == 1


def test_the_first_tap_of_all_counts_too() -> None:
    bench = Bench()
    read(bench, changed(TAG, counter=0))
    assert bench.lock.told.count("release") == 1
    assert read(bench, changed(TAG, counter=0)) is Reason.PASS_REPLAYED


def test_a_counter_told_by_another_door_refuses_a_copy_here() -> None:
    bench = Bench()
    bench.journal.spent.append(Use("card", 42, MONDAY_NOON))
    assert read(bench, TAG) is Reason.PASS_REPLAYED
    assert bench.lock.told.count("release") == 0


def test_an_address_is_spent_even_when_the_door_says_no() -> None:
    bench = Bench()
    bench.rules.verified = False
    assert read(bench, TAG) is Reason.RULES_UNVERIFIED
    bench.rules.verified = True
    assert read(bench, TAG) is Reason.PASS_REPLAYED


def test_nobody_opens_with_a_counter_that_is_not_on_the_disk() -> None:
    bench = Bench()
    bench.journal.disk_seconds = 3.0
    bench.loop.read(Side.IN, TAG)
    bench.clock.advance(2.9)
    assert not bench.lock.released
    bench.clock.advance(0.2)
    assert bench.lock.released


def test_an_unknown_tag_leaves_nothing_behind() -> None:
    bench = Bench()
    assert read(bench, replace_key(TAG)) is Reason.UNKNOWN_CREDENTIAL
    assert bench.journal.spent == []


def replace_key(seen: CardSeen) -> CardSeen:
    return changed(seen, key=CredentialKey(b"?" * 32))


@pytest.mark.feature(35)
def test_a_door_that_takes_no_copyable_card_says_so_to_its_holder() -> None:
    bench = Bench()
    copyable = CardSeen(CredentialKind.UID, ANA_CARD, refusal=Reason.CARD_COPYABLE)
    assert read(bench, copyable) is Reason.CARD_COPYABLE
    assert bench.journal.decided.decision.holder is not None, "the books say who still carries one"
    assert bench.lock.told.count("release") == 0


def test_a_card_that_cannot_prove_itself_opens_nothing_and_still_lets_out() -> None:
    bench = Bench()
    assert read(bench, CardRefused(CredentialKind.PKOC, "pkoc_signature_wrong")) is Reason.CARD_NOT_GENUINE
    assert bench.lock.told.count("release") == 0
    assert read(bench, CardRefused(CredentialKind.PKOC, "pkoc_signature_wrong"), Side.EGRESS) is Reason.GRANTED
    assert bench.lock.told.count("release") == 1


def test_the_event_explains_itself_with_the_refusal_it_carries() -> None:
    bench = Bench()
    read(bench, TAG)
    read(bench, TAG)
    told = bench.journal.decided
    assert told.again() == told.decision
    assert replace(told.facts, refusal=None) != told.facts
