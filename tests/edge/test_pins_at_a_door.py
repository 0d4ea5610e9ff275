"""PINs at a door: alone, after a card, under duress, guessed at; and doors that want two people."""

import pytest
from structlog.testing import capture_logs

from aldaba_edge.keypads import LONGEST_FREEZE_SECONDS, Tries, freeze_seconds
from aldaba_edge.ports import CardSeen, KeyPressed, PinTyped, Signal
from aldaba_edge.shown import shown
from aldaba_shared.decide import Side
from aldaba_shared.door_rules import DoorRules
from aldaba_shared.events import AccessDecided, EnteredTogether, Line
from aldaba_shared.ids import CredentialId, CredentialKey, HolderId, ScheduleId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential
from aldaba_shared.schedule import always, weekly
from tests.edge.door_fakes import ANA, ANA_CARD, FLOOR, LOST_CARD, MONDAY_NOON, Bench, FakeKept

PIN, DURESS, BEAS_PIN, WRONG = b"480217", b"913355", b"552901", b"000000"
BEA = HolderId("bea")
BEAS_CARD = CredentialKey(b"b" * 32)
NIGHT = ScheduleId("night")
PIN_ALONE = DoorRules(pin_alone=True)
CARD_AND_PIN = DoorRules(second_factor=NIGHT)


def bench(rules: DoorRules, *, kept: FakeKept | None = None) -> Bench:
    made = Bench(kept=kept)
    made.rules.door = rules
    made.rules.schedules[NIGHT] = always("Europe/Madrid")
    for digits, holder, duress in ((PIN, ANA, False), (DURESS, ANA, True), (BEAS_PIN, BEA, False)):
        name = CredentialId(f"pin-{digits.decode()}")
        made.rules.learn(pin_key(digits), Credential(name, holder, CredentialKind.PIN, duress=duress))
    made.rules.learn(BEAS_CARD, Credential(CredentialId("bea"), BEA, CredentialKind.UID))
    return made


def pin_key(digits: bytes) -> CredentialKey:
    return credential_key(bytes(32), CredentialKind.PIN, digits)


def typed(made: Bench, digits: bytes, side: Side = Side.IN) -> Reason:
    made.loop.read(side, PinTyped(pin_key(digits)))
    made.clock.advance(0.01)
    return made.journal.decided.decision.reason


def tapped(made: Bench, key: CredentialKey) -> Reason:
    made.loop.read(Side.IN, CardSeen(CredentialKind.UID, key))
    made.clock.advance(0.01)
    return made.journal.decided.decision.reason


@pytest.mark.feature(182)
def test_a_pin_opens_alone_where_the_door_says_so_and_nowhere_else() -> None:
    assert typed(bench(PIN_ALONE), PIN) is Reason.GRANTED
    assert typed(bench(DoorRules()), PIN) is Reason.SECOND_FACTOR_NEEDED


def test_card_and_pin_open_together_in_either_order_and_neither_alone() -> None:
    made = bench(CARD_AND_PIN)
    assert tapped(made, ANA_CARD) is Reason.SECOND_FACTOR_NEEDED
    assert made.shows[Side.IN].shown[-1] is Signal.WAIT
    assert not made.lock.released
    assert typed(made, PIN) is Reason.GRANTED
    assert made.lock.released
    assert made.journal.decided.door.first_factor == "card"
    other = bench(CARD_AND_PIN)
    assert (typed(other, PIN), tapped(other, ANA_CARD)) == (Reason.SECOND_FACTOR_NEEDED, Reason.GRANTED)


def test_two_cards_or_two_pins_of_one_person_are_one_factor() -> None:
    made = bench(CARD_AND_PIN)
    assert (tapped(made, ANA_CARD), tapped(made, ANA_CARD)) == (Reason.SECOND_FACTOR_NEEDED,) * 2
    made = bench(CARD_AND_PIN)
    assert (typed(made, PIN), typed(made, DURESS)) == (Reason.SECOND_FACTOR_NEEDED,) * 2


def test_another_persons_pin_is_a_wrong_one_and_names_nobody() -> None:
    made = bench(CARD_AND_PIN)
    tapped(made, ANA_CARD)
    assert typed(made, BEAS_PIN) is Reason.PIN_WRONG
    assert made.journal.decided.decision.holder is None
    assert typed(made, PIN) is Reason.GRANTED


def test_a_second_factor_that_comes_too_late_begins_anew() -> None:
    made = bench(CARD_AND_PIN)
    tapped(made, ANA_CARD)
    made.clock.advance(16)
    assert made.shows[Side.IN].shown[-1] is Signal.READY
    assert typed(made, PIN) is Reason.SECOND_FACTOR_NEEDED


def test_the_schedule_says_when_a_pin_is_asked_for() -> None:
    made = bench(CARD_AND_PIN)
    made.rules.schedules[NIGHT] = weekly("Europe/Madrid", {})
    assert tapped(made, ANA_CARD) is Reason.GRANTED


def test_duress_looks_like_a_grant_at_the_door_and_is_told_to_the_cloud_alone() -> None:
    told = []
    for digits in (PIN, DURESS):
        made = bench(PIN_ALONE)
        with capture_logs() as log:
            assert typed(made, digits) is Reason.GRANTED
        event = made.journal.decided
        line = shown(Line(1, MONDAY_NOON, "b", 0, 0, event))
        told.append((log, line, made.shows[Side.IN].shown, made.lock.told, made.journal.names()))
        assert event.facts.credential is not None
        assert event.facts.credential.duress is (digits == DURESS)
    assert told[0] == told[1]


def test_three_wrong_pins_freeze_the_keypad_and_never_the_cards() -> None:
    made = bench(PIN_ALONE)
    assert [typed(made, WRONG) for _ in range(3)] == [Reason.PIN_WRONG] * 3
    assert typed(made, PIN) is Reason.PIN_FROZEN
    assert tapped(made, ANA_CARD) is Reason.GRANTED
    made.clock.advance(29)
    made.presences.known = {}
    assert typed(made, PIN) is Reason.PIN_FROZEN
    made.clock.advance(1)
    assert typed(made, PIN) is Reason.GRANTED


def test_neither_a_right_card_nor_a_right_pin_takes_a_wrong_try_back() -> None:
    made = bench(PIN_ALONE)
    for _ in range(2):
        typed(made, WRONG)
        made.presences.known = {}
        assert tapped(made, ANA_CARD) is Reason.GRANTED
        made.presences.known = {}
        assert typed(made, PIN) is Reason.GRANTED
    assert typed(made, WRONG) is Reason.PIN_WRONG
    assert typed(made, PIN) is Reason.PIN_FROZEN


def test_a_freeze_outlives_a_restart_and_a_clock_that_was_set() -> None:
    kept = FakeKept()
    made = bench(PIN_ALONE, kept=kept)
    for _ in range(3):
        typed(made, WRONG)
    again = bench(PIN_ALONE, kept=kept)
    assert typed(again, PIN) is Reason.PIN_FROZEN
    again.clock.jump(2 * 86_400)
    assert typed(again, PIN) is Reason.PIN_FROZEN
    again.clock.advance(31)
    assert typed(again, PIN) is not Reason.PIN_FROZEN


def test_each_freeze_is_twice_as_long_up_to_a_quarter_of_an_hour() -> None:
    assert [freeze_seconds(before) for before in range(7)] == [30, 60, 120, 240, 480, 900, 900]
    at, lengths = 0.0, []
    tries = Tries()
    for _ in range(7):
        for _ in range(3):
            tries = tries.one_more(at)
        lengths.append(tries.frozen_until - at)
        at = tries.frozen_until
    assert lengths == [30, 60, 120, 240, 480, LONGEST_FREEZE_SECONDS, LONGEST_FREEZE_SECONDS]


def test_time_forgives_a_try_every_five_minutes_and_all_after_an_hour() -> None:
    two = Tries().one_more(10).one_more(20)
    assert two.one_more(320).wrong == 2
    assert two.one_more(4000) == Tries(1, 4000)


def test_toward_the_street_any_digits_let_out_and_are_no_guess() -> None:
    made = bench(PIN_ALONE)
    for _ in range(4):
        assert typed(made, WRONG, Side.EGRESS) is Reason.GRANTED
    assert typed(made, PIN) is Reason.GRANTED


def test_every_key_sounds_alike() -> None:
    made = bench(PIN_ALONE)
    for _ in range(3):
        made.loop.read(Side.IN, KeyPressed())
    assert made.shows[Side.IN].shown == [Signal.KEY] * 3


def test_a_door_for_two_waits_for_a_second_person_and_moves_both() -> None:
    made = bench(DoorRules(persons=2))
    assert tapped(made, ANA_CARD) is Reason.SECOND_PERSON_NEEDED
    assert tapped(made, ANA_CARD) is Reason.SECOND_PERSON_NEEDED
    assert tapped(made, LOST_CARD) is Reason.UNKNOWN_CREDENTIAL
    assert not made.lock.released
    assert tapped(made, BEAS_CARD) is Reason.GRANTED
    assert made.lock.released
    assert {made.presences.zone_of(ANA), made.presences.zone_of(BEA)} == {FLOOR}
    assert EnteredTogether(made.loop.id, Side.IN, ANA, FLOOR) in made.journal.events


def test_the_first_of_two_waits_only_for_as_long_as_the_door_says() -> None:
    made = bench(DoorRules(persons=2, second_person_seconds=5))
    tapped(made, ANA_CARD)
    made.clock.advance(6)
    assert tapped(made, BEAS_CARD) is Reason.SECOND_PERSON_NEEDED


def test_a_door_for_two_with_a_second_factor_asks_each_for_both() -> None:
    made = bench(DoorRules(persons=2, second_factor=NIGHT, second_person_seconds=60))
    asked = [tapped(made, ANA_CARD), typed(made, PIN), tapped(made, BEAS_CARD), typed(made, BEAS_PIN)]
    assert asked == [
        Reason.SECOND_FACTOR_NEEDED,
        Reason.SECOND_PERSON_NEEDED,
        Reason.SECOND_FACTOR_NEEDED,
        Reason.GRANTED,
    ]


def test_every_answer_explains_itself_again() -> None:
    made = bench(DoorRules(persons=2, second_factor=NIGHT))
    tapped(made, ANA_CARD)
    typed(made, WRONG)
    typed(made, PIN)
    decided = [one for one in made.journal.events if isinstance(one, AccessDecided)]
    assert [one.again() for one in decided] == [one.decision for one in decided]
    assert len(decided) == 3
