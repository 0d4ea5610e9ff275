"""Whoever asks by a door's sticker is answered as if they had shown a card; an unknown card is told sealed."""

from functools import partial

from aldaba_edge.last_shown import KEPT, LastShown
from aldaba_shared.decide import DoorMode
from aldaba_shared.door_rules import DoorRules
from aldaba_shared.ids import ControllerId, CredentialId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential
from aldaba_shared.sealed_number import open_number, public_half
from tests.edge.door_fakes import ANA, ANA_CARD, Bench

SECRET = bytes(range(32))
ME, UID = ControllerId("c"), CredentialKind.UID
DIGEST = partial(credential_key, bytes(32))


def with_sticker(*, door: bool = True, plan: bool = True) -> Bench:
    bench = Bench()
    bench.rules.door = DoorRules(sticker=door)
    if plan:
        key = DIGEST(CredentialKind.STICKER, ANA.encode())
        bench.rules.learn(key, Credential(CredentialId("ask_ana"), ANA, CredentialKind.STICKER))
    return bench


def asked(bench: Bench) -> Reason:
    bench.loop.asked_by_sticker(ANA, "cmd_1")
    bench.clock.advance(0.01)
    assert bench.journal.decided.command == "cmd_1"
    return bench.journal.decided.decision.reason


def test_a_member_who_may_enter_is_let_in_and_the_books_say_who_by_which_command() -> None:
    bench = with_sticker()
    assert asked(bench) is Reason.GRANTED
    told = bench.journal.decided
    assert (told.shown.kind, told.decision.holder, told.released) == (CredentialKind.STICKER, ANA, True)
    assert bench.lock.released


def test_a_door_without_a_sticker_opens_to_no_forged_page() -> None:
    bench = with_sticker(door=False)
    assert asked(bench) is Reason.NO_ACCESS_RIGHTS
    assert not bench.lock.released


def test_somebody_whose_plan_comes_without_it_is_unknown_to_the_door() -> None:
    bench = with_sticker(plan=False)
    assert asked(bench) is Reason.UNKNOWN_CREDENTIAL
    assert not bench.lock.released


def test_a_lockdown_and_passback_hold_for_a_sticker_as_for_a_card() -> None:
    bench = with_sticker()
    bench.loop.set_mode(DoorMode.LOCKED_DOWN)
    assert asked(bench) is Reason.DOOR_LOCKED_DOWN
    bench.loop.set_mode(DoorMode.LOCKED)
    assert asked(bench) is Reason.GRANTED
    assert asked(bench) is Reason.PASSBACK


def shown(public: bytes | None = None) -> LastShown:
    return LastShown(ME, DIGEST, lambda: public if public is not None else public_half(SECRET))


def test_the_number_of_the_card_that_was_just_shown_is_sealed_once_for_the_cloud() -> None:
    last = shown()
    key = last.digest(UID, b"1234567")
    sealed = last.sealed(key)
    assert sealed is not None
    assert open_number(SECRET, ME, UID, sealed) == b"1234567"
    assert last.sealed(key) is None


def test_a_pin_is_never_kept_and_a_card_is_forgotten_after_a_few_others() -> None:
    last = shown()
    first, pin = last.digest(UID, b"first"), last.digest(CredentialKind.PIN, b"1234")
    for number in range(KEPT):
        last.digest(UID, bytes([number]))
    assert last.sealed(pin) is None
    assert last.sealed(first) is None


def test_rules_that_name_no_key_tell_no_number() -> None:
    last = LastShown(ME, DIGEST, lambda: None)
    assert last.sealed(last.digest(UID, b"1234567")) is None


def test_only_the_line_of_an_unknown_card_carries_a_number() -> None:
    bench = Bench()
    bench.numbers.update(dict.fromkeys((ANA_CARD, DIGEST(UID, b"nobody's")), b"sealed"))
    bench.tap(DIGEST(UID, b"nobody's"))
    assert bench.journal.decided.decision.reason is Reason.UNKNOWN_CREDENTIAL
    assert bench.journal.decided.number == b"sealed"
    bench.tap(ANA_CARD)
    assert bench.journal.decided.number is None
    bench.rules.broken = True
    bench.tap(DIGEST(UID, b"nobody's"))
    assert bench.journal.decided.number is None
