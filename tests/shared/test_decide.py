"""The decision, one defect at a time: a granted visit with one thing changed."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from aldaba_shared.decide import (
    Decision,
    DoorMode,
    DoorNow,
    Notice,
    Passback,
    PresenceNow,
    Presented,
    Side,
    UnsureClock,
    decide,
)
from aldaba_shared.ids import ContractId, CredentialId, DoorId, HolderId, RightId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import NOTHING_KNOWN, Credential, Facts, Right
from aldaba_shared.schedule import Window, weekly

MONDAY_NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
ANA = HolderId("ana")
OFFICE_HOURS = weekly("Europe/Madrid", {day: [Window(9 * 60, 18 * 60)] for day in range(5)})
SHOWN = Presented(DoorId("front"), Side.IN, CredentialKind.UID, MONDAY_NOON)
CREDENTIAL = Credential(CredentialId("card-1"), ANA, CredentialKind.UID)
RIGHT = Right(RightId("right-1"), OFFICE_HOURS, MONDAY_NOON - timedelta(days=30))
PAID = replace(RIGHT, contract=ContractId("contract-1"), valid_until=MONDAY_NOON + timedelta(days=7), renews=True)
FACTS = Facts(CREDENTIAL, (PAID,))
OUTSIDE = PresenceNow()
DOOR = DoorNow(rules_issued_at=MONDAY_NOON)


def answer(
    shown: Presented = SHOWN, facts: Facts = FACTS, presence: PresenceNow = OUTSIDE, door: DoorNow = DOOR
) -> Decision:
    return decide(shown, facts, presence, door)


def with_credential(**changes: object) -> Facts:
    return replace(FACTS, credential=replace(CREDENTIAL, **changes))


def with_right(**changes: object) -> Facts:
    return replace(FACTS, rights=(replace(PAID, **changes),))


def test_a_member_in_good_standing_enters_in_office_hours() -> None:
    assert answer() == Decision(Reason.GRANTED, ANA)


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        pytest.param(answer(door=replace(DOOR, mode=DoorMode.LOCKED_DOWN)), Reason.DOOR_LOCKED_DOWN, id="lockdown"),
        pytest.param(answer(door=replace(DOOR, rules_verified=False)), Reason.RULES_UNVERIFIED, id="forged rules"),
        pytest.param(answer(facts=replace(FACTS, refusal=Reason.PASS_USED_UP)), Reason.PASS_USED_UP, id="used pass"),
        pytest.param(answer(facts=NOTHING_KNOWN), Reason.UNKNOWN_CREDENTIAL, id="unknown card"),
        pytest.param(answer(facts=with_credential(enabled=False)), Reason.CREDENTIAL_DISABLED, id="lost card"),
        pytest.param(
            answer(facts=with_credential(valid_until=MONDAY_NOON)),
            Reason.CREDENTIAL_NOT_IN_FORCE,
            id="the end is excluded",
        ),
        pytest.param(
            answer(facts=with_credential(valid_from=MONDAY_NOON + timedelta(seconds=1))),
            Reason.CREDENTIAL_NOT_IN_FORCE,
            id="not yet in force",
        ),
        pytest.param(
            answer(
                shown=replace(SHOWN, kind=CredentialKind.PASS, clock_trusted=False),
            ),
            Reason.CLOCK_UNTRUSTED,
            id="a timed pass without a clock",
        ),
        pytest.param(
            answer(door=replace(DOOR, rules_issued_at=MONDAY_NOON - timedelta(hours=168))),
            Reason.RULES_TOO_OLD,
            id="from hour 168",
        ),
        pytest.param(answer(door=replace(DOOR, rules_issued_at=None)), Reason.RULES_TOO_OLD, id="never had a head"),
        pytest.param(
            answer(facts=with_right(good_standing=False)), Reason.CONTRACT_NOT_IN_GOOD_STANDING, id="blocked contract"
        ),
        pytest.param(
            answer(facts=with_right(valid_until=MONDAY_NOON)),
            Reason.CONTRACT_NOT_IN_GOOD_STANDING,
            id="a renewal that was not paid",
        ),
        pytest.param(
            answer(facts=with_right(valid_until=MONDAY_NOON, renews=False)),
            Reason.NO_ACCESS_RIGHTS,
            id="a right that ended by itself",
        ),
        pytest.param(answer(facts=replace(FACTS, rights=())), Reason.NO_ACCESS_RIGHTS, id="no right"),
        pytest.param(
            answer(shown=replace(SHOWN, at=MONDAY_NOON.replace(hour=17))),
            Reason.OUT_OF_SCHEDULE,
            id="closing time is outside",
        ),
        pytest.param(
            answer(presence=PresenceNow(passback=Passback.HARD, inside=True)), Reason.PASSBACK, id="hard passback"
        ),
        pytest.param(
            answer(
                presence=PresenceNow(passback=Passback.TIMED, inside=True, entered_at=MONDAY_NOON, passback_minutes=5)
            ),
            Reason.PASSBACK,
            id="timed passback",
        ),
        pytest.param(answer(presence=PresenceNow(occupancy=40, safety_limit=40)), Reason.ZONE_FULL, id="full"),
        pytest.param(answer(door=replace(DOOR, partner_open=True)), Reason.INTERLOCKED, id="interlock"),
        pytest.param(answer(door=replace(DOOR, second_factor=True)), Reason.SECOND_FACTOR_NEEDED, id="card and PIN"),
        pytest.param(answer(door=replace(DOOR, persons_needed=2)), Reason.SECOND_PERSON_NEEDED, id="first of two"),
        pytest.param(
            answer(door=replace(DOOR, persons_needed=2, first_person=ANA)),
            Reason.SECOND_PERSON_NEEDED,
            id="the same person twice",
        ),
    ],
)
def test_a_denial_names_its_reason(decision: Decision, reason: Reason) -> None:
    assert decision.reason is reason


def test_staff_without_a_contract_is_refused_by_no_billing_state() -> None:
    staff = replace(FACTS, rights=(replace(RIGHT, good_standing=False, renews=True),))
    assert answer(facts=staff).granted


def test_an_unpaid_contract_never_shuts_the_door_of_another_one() -> None:
    blocked = replace(PAID, id=RightId("right-0"), good_standing=False)
    assert answer(facts=replace(FACTS, rights=(blocked, PAID))).granted


def test_an_essential_holder_enters_while_the_rules_are_too_old() -> None:
    old = replace(DOOR, rules_issued_at=MONDAY_NOON - timedelta(days=30))
    assert answer(facts=with_credential(essential=True), door=old).granted


def test_soft_passback_lets_in_and_says_so() -> None:
    decision = answer(presence=PresenceNow(passback=Passback.SOFT, inside=True, occupancy=40, safety_limit=40))
    assert decision == Decision(Reason.GRANTED, ANA, (Notice.PASSBACK_SOFT,))


def test_a_door_that_lost_its_cloud_works_and_says_so() -> None:
    stale = replace(DOOR, rules_issued_at=MONDAY_NOON - timedelta(minutes=6))
    assert answer(door=stale).notices == (Notice.RULES_STALE,)


@pytest.mark.parametrize("kind", [CredentialKind.PASS, CredentialKind.PHONE])
def test_nothing_that_lives_by_the_minute_opens_while_the_time_is_unsure(kind: CredentialKind) -> None:
    unsure = replace(SHOWN, kind=kind, clock_trusted=False)
    assert answer(shown=unsure, facts=with_credential(essential=True)).reason is Reason.CLOCK_UNTRUSTED


def test_the_door_says_who_enters_with_a_card_while_the_time_is_unsure() -> None:
    unsure = replace(SHOWN, clock_trusted=False)
    strict = replace(DOOR, unsure_clock=UnsureClock.ESSENTIAL)
    assert answer(shown=unsure).granted
    assert answer(shown=unsure, door=strict).reason is Reason.CLOCK_UNTRUSTED
    assert answer(shown=unsure, door=strict, facts=with_credential(essential=True)).granted
    assert answer(door=strict).granted, "the policy is asked only while the time is unsure"


CLOSED_AT = MONDAY_NOON.replace(hour=17)
"""18:00 in Barcelona, where the office hours of these tests end."""


@pytest.mark.parametrize(
    ("minutes", "seen", "reason"),
    [
        pytest.param(10, timedelta(minutes=5), Reason.GRANTED, id="went out for a cigarette after closing"),
        pytest.param(10, timedelta(minutes=10), Reason.GRANTED, id="is still inside and passes an inner door"),
        pytest.param(10, timedelta(), Reason.GRANTED, id="left as it closed"),
        pytest.param(10, timedelta(minutes=-1), Reason.OUT_OF_SCHEDULE, id="had left before it closed"),
        pytest.param(10, None, Reason.OUT_OF_SCHEDULE, id="was never in"),
        pytest.param(15, timedelta(minutes=5), Reason.OUT_OF_SCHEDULE, id="comes when the time for it is over"),
    ],
)
def test_whoever_was_inside_at_closing_may_come_back_for_a_while(
    minutes: int, seen: timedelta | None, reason: Reason
) -> None:
    hours = replace(OFFICE_HOURS, reentry_minutes=15)
    presence = PresenceNow(on_site_at=None if seen is None else CLOSED_AT + seen)
    at = CLOSED_AT + timedelta(minutes=minutes)
    door = replace(DOOR, rules_issued_at=at)
    decision = answer(replace(SHOWN, at=at), with_right(schedule=hours), presence, door)
    assert decision.reason is reason
    assert decision.notices == ((Notice.CAME_BACK,) if decision.granted else ())


def test_nobody_comes_back_where_no_schedule_says_so_nor_on_a_right_that_is_not_paid_for() -> None:
    at = CLOSED_AT + timedelta(minutes=5)
    shown, inside = replace(SHOWN, at=at), PresenceNow(on_site_at=at)
    assert answer(shown, presence=inside).reason is Reason.OUT_OF_SCHEDULE
    unpaid = with_right(schedule=replace(OFFICE_HOURS, reentry_minutes=15), good_standing=False)
    assert answer(shown, unpaid, inside).reason is Reason.CONTRACT_NOT_IN_GOOD_STANDING


def test_in_its_hours_nobody_comes_back_they_just_come() -> None:
    hours = replace(OFFICE_HOURS, reentry_minutes=15)
    assert answer(facts=with_right(schedule=hours), presence=PresenceNow(on_site_at=MONDAY_NOON)).notices == ()


def test_the_second_of_two_persons_opens() -> None:
    assert answer(door=replace(DOOR, persons_needed=2, first_person=HolderId("bea"))).granted


def test_nothing_keeps_anyone_in() -> None:
    way_out = replace(SHOWN, side=Side.EGRESS, clock_trusted=False)
    worst = DoorNow(DoorMode.LOCKED_DOWN, rules_verified=False, partner_open=True, second_factor=True)
    full = PresenceNow(Passback.HARD, inside=True, occupancy=9, safety_limit=1)
    for facts in (NOTHING_KNOWN, with_credential(enabled=False), replace(FACTS, refusal=Reason.PIN_FROZEN)):
        assert decide(way_out, facts, full, worst).granted
