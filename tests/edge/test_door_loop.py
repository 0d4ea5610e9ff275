from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from aldaba_edge.devices import LockLine
from aldaba_edge.mechanics import DoorMechanics, LeafTimes
from aldaba_edge.ports import PassSeen, ReaderBack, ReaderLost, ReaderTampered, Signal, Unreadable
from aldaba_shared import events, passes
from aldaba_shared.decide import DoorMode, Side
from aldaba_shared.ids import CredentialId, DoorId, HolderId, RightId, SiteId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.presence import STREET
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential, MemoryRules, Right
from aldaba_shared.schedule import Window, weekly
from aldaba_shared.turnstile import Passage
from tests.edge.door_fakes import ANA, ANA_CARD, FLOOR, LOST_CARD, MONDAY_NOON, PASS_KEY, SLOW_CARD, STREET_DOOR, Bench

if TYPE_CHECKING:
    from collections.abc import Callable

VISIT = passes.Pass(
    "network",
    HolderId("visitor"),
    SiteId("site"),
    (STREET_DOOR,),
    MONDAY_NOON - timedelta(hours=1),
    MONDAY_NOON + timedelta(hours=1),
    b"0123456789abcdef",
    uses=2,
)


def show_pass(bench: Bench, shown: passes.Pass = VISIT, side: Side = Side.IN) -> Reason:
    bench.loop.read(side, PassSeen(passes.issue(shown, PASS_KEY).encode()))
    bench.clock.advance(0.002)
    return bench.journal.decided.decision.reason


def test_a_good_card_opens_is_in_the_books_once_and_moves_its_holder() -> None:
    bench = Bench()
    bench.tap()
    assert bench.lock.released
    assert bench.journal.names() == ["access_decided"]
    assert bench.journal.decided.released
    assert bench.presences.zone_of(ANA) == FLOOR
    assert bench.shows[Side.IN].shown == [Signal.GRANTED]


def test_a_release_ends_by_itself() -> None:
    bench = Bench()
    bench.tap()
    bench.clock.advance(5)
    assert not bench.lock.released


def test_who_needs_more_time_gets_it() -> None:
    bench = Bench()
    bench.tap(SLOW_CARD)
    bench.clock.advance(14)
    assert bench.lock.released
    bench.clock.advance(1)
    assert not bench.lock.released


def test_an_unknown_card_is_told_so_and_is_in_the_books() -> None:
    bench = Bench()
    bench.tap(LOST_CARD)
    assert not bench.lock.released
    assert bench.journal.decided.decision.reason is Reason.UNKNOWN_CREDENTIAL
    assert bench.shows[Side.IN].shown == [Signal.DENIED]


def test_the_journal_comes_first_on_an_entry() -> None:
    bench = Bench()
    bench.journal.disk_seconds = 0.02
    bench.tap(wait=0.019)
    assert not bench.lock.released
    bench.clock.advance(0.002)
    assert bench.lock.released
    assert bench.journal.names() == ["access_decided"]


def test_nobody_waits_longer_than_25_ms_for_the_disk() -> None:
    bench = Bench()
    bench.journal.disk_seconds = 0.4
    bench.tap(wait=0.024)
    assert not bench.lock.released
    bench.clock.advance(0.002)
    assert bench.lock.released
    bench.clock.advance(0.5)
    assert bench.journal.events[-1] == events.RecordedLate(sequence=1, waited_ms=400)
    assert bench.lock.told.count("release") == 1


def test_a_disk_that_never_answers_opens_the_door_all_the_same() -> None:
    bench = Bench()
    bench.journal.disk_seconds = 1e9
    bench.tap(wait=0.026)
    assert bench.lock.released


@pytest.mark.parametrize("mode", DoorMode)
def test_toward_the_street_the_lock_comes_before_the_books_whatever_fails(mode: DoorMode) -> None:
    bench = Bench()
    bench.loop.set_mode(mode)
    bench.rules.broken = True
    bench.rules.verified = False
    bench.journal.disk_seconds = 1e9
    bench.partner_secured = False
    bench.tap(LOST_CARD, Side.EGRESS, wait=0)
    assert bench.lock.released
    assert bench.journal.decided.decision.granted


@pytest.mark.parametrize("mode", DoorMode)
def test_the_exit_button_lets_out_in_every_mode(mode: DoorMode) -> None:
    bench = Bench()
    bench.loop.set_mode(mode)
    bench.loop.exit_requested()
    assert bench.lock.released
    assert bench.journal.names()[-1] == "exit_requested"


def test_who_taps_out_is_in_the_street() -> None:
    bench = Bench()
    bench.tap()
    bench.tap(side=Side.EGRESS)
    assert bench.presences.zone_of(ANA) == STREET


def test_a_second_entry_without_an_exit_is_refused_where_passback_is_hard() -> None:
    bench = Bench()
    bench.tap()
    bench.clock.advance(60)
    bench.tap()
    assert bench.journal.decided.decision.reason is Reason.PASSBACK


def test_lockdown_refuses_entry() -> None:
    bench = Bench()
    bench.loop.set_mode(DoorMode.LOCKED_DOWN)
    bench.tap()
    assert bench.journal.decided.decision.reason is Reason.DOOR_LOCKED_DOWN
    assert not bench.lock.released


def test_rules_that_cannot_be_read_open_nothing_and_stop_nothing() -> None:
    bench = Bench()
    bench.rules.broken = True
    with capture_logs() as lines:
        bench.tap()
    assert bench.journal.decided.decision.reason is Reason.RULES_UNVERIFIED
    assert lines[0]["event"] == "rules_unreadable"
    bench.rules.broken = False
    bench.tap()
    assert bench.lock.released


def test_an_open_partner_refuses_entry() -> None:
    bench = Bench()
    bench.partner_secured = False
    bench.tap()
    assert bench.journal.decided.decision.reason is Reason.INTERLOCKED


def test_an_event_explains_itself_on_the_facts_it_carries() -> None:
    bench = Bench()
    for key in (ANA_CARD, LOST_CARD, ANA_CARD):
        bench.tap(key)
        assert bench.journal.decided.again() == bench.journal.decided.decision


def test_a_broken_lock_stays_its_own_trouble() -> None:
    bench = Bench()
    bench.lock.broken = True
    with capture_logs() as lines:
        bench.tap()
    assert [one["event"] for one in lines] == ["device_failed", "device_lost", "access_decided"]
    bench.lock.broken = False
    bench.clock.advance(60)
    bench.tap(side=Side.EGRESS)
    assert bench.lock.released


def test_a_broken_lamp_opens_all_the_same() -> None:
    bench = Bench()
    bench.shows[Side.IN].broken = True
    bench.tap()
    assert bench.lock.released


def test_a_lost_reader_is_said_once_and_once_more_when_it_is_back() -> None:
    bench = Bench()
    for reading in (ReaderLost("gone"), ReaderLost("gone"), ReaderBack(), ReaderBack()):
        bench.loop.read(Side.IN, reading)
    assert bench.journal.names() == ["reader_lost", "reader_back"]
    assert not bench.loop.lost_readers


def test_noise_is_counted_once_a_minute() -> None:
    bench = Bench()
    for _ in range(7):
        bench.loop.read(Side.IN, Unreadable("bad_checksum"))
    bench.clock.advance(60)
    bench.loop.read(Side.IN, Unreadable("bad_checksum"))
    bench.clock.advance(60)
    assert [getattr(one, "times", None) for one in bench.journal.events] == [7, 1]


def test_a_leaf_that_stays_open_warns_and_then_alarms() -> None:
    bench = Bench()
    bench.tap()
    bench.leaf(opened=True)
    assert not bench.lock.released
    bench.clock.advance(20)
    assert bench.shows[Side.IN].shown[-1] is Signal.PRE_ALARM
    bench.clock.advance(10)
    assert bench.journal.events[-1] == events.DoorHeld(STREET_DOOR, 30_000)
    bench.leaf(opened=False)
    assert bench.journal.names()[-1] == "door_closed"


def test_a_reader_that_says_it_was_opened_is_an_alarm_of_its_side() -> None:
    bench = Bench()
    bench.loop.read(Side.IN, ReaderTampered("osdp_tamper"))
    assert bench.journal.events == [events.Tampered(STREET_DOOR, Side.IN, "osdp_tamper")]


def test_somebody_who_needs_longer_is_shown_longer() -> None:
    bench = Bench()
    bench.tap(SLOW_CARD)
    assert bench.shows[Side.IN].shown[-1] is Signal.LONG_ACCESS


def test_a_leaf_that_opens_without_a_release_is_forced() -> None:
    bench = Bench()
    bench.leaf(opened=True)
    assert bench.journal.names() == ["door_forced"]


def test_an_unlocked_door_locks_when_its_moment_has_come() -> None:
    bench = Bench()
    bench.loop.set_mode(DoorMode.UNLOCKED, MONDAY_NOON + timedelta(minutes=90))
    bench.clock.advance(89 * 60)
    assert bench.lock.released
    bench.clock.advance(60)
    assert (bench.loop.mode, bench.lock.released) == (DoorMode.LOCKED, False)
    assert bench.journal.names() == ["door_mode_changed", "door_mode_changed"]


def test_a_mode_whose_moment_has_passed_is_no_mode() -> None:
    bench = Bench()
    bench.loop.set_mode(DoorMode.UNLOCKED, MONDAY_NOON - timedelta(seconds=1))
    assert (bench.loop.mode, bench.lock.released) == (DoorMode.LOCKED, False)


@pytest.mark.parametrize("spoil", ["old rules", "unsure clock"])
def test_an_unlocked_door_locks_when_it_knows_too_little(spoil: str) -> None:
    bench = Bench()
    bench.loop.set_mode(DoorMode.UNLOCKED)
    if spoil == "old rules":
        bench.rules.head = None
    else:
        bench.trust.clock_trusted = False
    bench.clock.advance(60)
    assert not bench.lock.released


def test_a_command_releases_and_is_in_the_books() -> None:
    bench = Bench()
    bench.loop.release("cloud", "command-1")
    assert bench.lock.released
    assert bench.journal.events == [events.DoorReleased(STREET_DOOR, "cloud", "command-1")]


def test_the_log_never_says_who() -> None:
    bench = Bench()
    with capture_logs() as lines:
        bench.tap()
        show_pass(bench)
    assert lines[0]["event"] == "access_decided"
    assert not any(secret in str(lines) for secret in (ANA, "visitor", str(ANA_CARD), VISIT.id.hex()))


@pytest.mark.feature(38)
def test_a_pass_opens_as_often_as_it_says() -> None:
    bench = Bench()
    leave = bench.presences.known
    reasons = []
    for _ in range(3):
        bench.presences.known = leave
        reasons.append(show_pass(bench))
    assert reasons == [Reason.GRANTED, Reason.GRANTED, Reason.PASS_USED_UP]


def test_a_pass_waits_for_the_disk_so_that_no_use_is_given_back() -> None:
    bench = Bench()
    bench.journal.disk_seconds = 0.4
    show_pass(bench)
    bench.clock.advance(0.3)
    assert not bench.lock.released
    bench.clock.advance(0.2)
    assert bench.lock.released


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        pytest.param(replace(VISIT, doors=(DoorId("door-other"),)), Reason.PASS_WRONG_DOOR, id="another door"),
        pytest.param(replace(VISIT, site=SiteId("elsewhere")), Reason.PASS_WRONG_DOOR, id="another site"),
        pytest.param(replace(VISIT, valid_until=MONDAY_NOON), Reason.CREDENTIAL_NOT_IN_FORCE, id="over"),
        pytest.param(
            replace(VISIT, valid_from=MONDAY_NOON + timedelta(minutes=1)),
            Reason.CREDENTIAL_NOT_IN_FORCE,
            id="too early",
        ),
        pytest.param(replace(VISIT, uses=0), Reason.PASS_USED_UP, id="without uses"),
    ],
)
def test_a_pass_that_does_not_fit_says_why(shown: passes.Pass, reason: Reason) -> None:
    bench = Bench()
    assert show_pass(bench, shown) is reason
    assert not bench.lock.released
    assert not bench.journal.spent


@pytest.mark.feature(38)
def test_a_cancelled_pass_is_refused() -> None:
    bench = Bench()
    bench.trust.cancelled_passes = frozenset({VISIT.id})
    assert show_pass(bench) is Reason.CREDENTIAL_DISABLED


def test_a_pass_is_refused_while_the_clock_is_unsure() -> None:
    bench = Bench()
    bench.trust.clock_trusted = False
    assert show_pass(bench) is Reason.CLOCK_UNTRUSTED


def test_a_code_that_is_no_pass_is_answered_and_opens_nothing() -> None:
    bench = Bench()
    bench.loop.read(Side.IN, PassSeen(b"https://example.org"))
    assert bench.journal.decided.decision.reason is Reason.PASS_UNREADABLE
    assert not bench.lock.released


def test_a_turnstile_counts_the_person_and_not_the_tap() -> None:
    bench = Bench(turnstile=True)
    bench.tap()
    assert bench.lock.released
    assert bench.presences.zone_of(ANA) is None
    bench.arm(Side.IN)
    assert bench.presences.zone_of(ANA) == FLOOR
    assert not bench.lock.released
    assert bench.journal.events[-1] == events.Passed(STREET_DOOR, Side.IN, ANA, FLOOR)


def test_a_turnstile_nobody_turned_moves_nobody() -> None:
    bench = Bench(turnstile=True)
    bench.tap()
    bench.clock.advance(5)
    assert bench.journal.events[-1] == events.PassageNotTaken(STREET_DOOR, ANA)
    assert bench.presences.zone_of(ANA) is None


def test_a_second_person_behind_the_holder_is_nobody_we_know() -> None:
    bench = Bench(turnstile=True)
    bench.tap()
    bench.arm(Side.IN)
    bench.arm(Side.IN)
    assert bench.journal.events[-1] == events.Passed(STREET_DOOR, Side.IN, None, FLOOR, Passage.SECOND_PERSON, STREET)


def test_who_leaves_through_a_turnstile_leaves_by_name() -> None:
    bench = Bench(turnstile=True)
    bench.tap(side=Side.EGRESS)
    assert bench.lock_out.released
    bench.arm(Side.EGRESS)
    assert bench.journal.events[-1] == events.Passed(STREET_DOOR, Side.EGRESS, ANA, STREET)


@given(
    st.lists(st.sampled_from(["tap", "lost", "out", "button", "open", "close", "wait", "down", "lock"]), max_size=15)
)
def test_no_release_outlives_its_time_whatever_happens(history: list[str]) -> None:
    bench = Bench()
    acts: dict[str, Callable[[], object]] = {
        "tap": bench.tap,
        "lost": lambda: bench.tap(LOST_CARD),
        "out": lambda: bench.tap(side=Side.EGRESS),
        "button": bench.loop.exit_requested,
        "open": lambda: bench.leaf(opened=True),
        "close": lambda: bench.leaf(opened=False),
        "wait": lambda: bench.clock.advance(1.5),
        "down": lambda: bench.loop.set_mode(DoorMode.LOCKED_DOWN),
        "lock": lambda: bench.loop.set_mode(DoorMode.LOCKED),
    }
    for act in history:
        acts[act]()
        if act in ("out", "button"):
            assert bench.lock.released
    event("released" if bench.lock.released else "secured")
    bench.clock.advance(5.1)
    assert not bench.lock.released


def test_on_a_way_out_the_lock_is_free_before_anybody_is_asked() -> None:
    bench = Bench()
    asked: list[bool] = []
    bench.rules.before_facts = lambda: asked.append(bench.lock.released)
    bench.tap(side=Side.EGRESS)
    assert asked == [True]


@pytest.mark.parametrize("doors", [VISIT.doors, (DoorId("another"),)], ids=["here", "at another door"])
def test_a_pass_lets_out_whatever_it_is_good_for(doors: tuple[DoorId, ...]) -> None:
    bench = Bench()
    show_pass(bench, replace(VISIT, doors=doors), Side.EGRESS)
    assert bench.lock.released


@pytest.mark.parametrize("turnstile", [False, True], ids=["leaf", "arm"])
def test_a_start_holds_every_lock_before_anything_else(turnstile: bool) -> None:
    bench = Bench(turnstile=turnstile)
    assert bench.lock.told[0] == "secure"
    assert bench.lock_out.told == (["secure"] if turnstile else [])


def test_a_leaf_found_open_at_a_start_is_held_once_it_shuts_and_no_release_is_resumed() -> None:
    bench = Bench()
    leaf = DoorMechanics(
        STREET_DOOR,
        bench.clock,
        LockLine(bench.lock, bench.clock, bench.loop),
        record=bench.loop.tell,
        show=bench.loop.show_everywhere,
        times=LeafTimes(),
        found_open=True,
    )
    assert not leaf.released
    leaf.leaf(opened=False)
    assert leaf.secured
    assert "release" not in bench.lock.told


@pytest.mark.parametrize(
    ("left", "back", "reason"),
    [
        pytest.param(5, 10, Reason.GRANTED, id="a cigarette after closing"),
        pytest.param(-5, 10, Reason.OUT_OF_SCHEDULE, id="gone before closing"),
        pytest.param(5, 15, Reason.OUT_OF_SCHEDULE, id="too long outside"),
    ],
)
def test_who_was_inside_at_closing_comes_back_for_a_while(left: int, back: int, reason: Reason) -> None:
    bench = Bench()
    closing = MONDAY_NOON + timedelta(hours=2)  # 15:00 in Barcelona
    hours = replace(weekly("Europe/Madrid", {0: [Window(9 * 60, 15 * 60)]}), reentry_minutes=15)
    right = Right(RightId("right"), hours, MONDAY_NOON - timedelta(days=30))
    card = Credential(CredentialId("card"), ANA, CredentialKind.UID)
    bench.rules.known = MemoryRules({ANA_CARD: card}, [(STREET_DOOR, ANA, right)])
    bench.tap()
    bench.clock.advance((closing + timedelta(minutes=left) - bench.clock.now()).total_seconds())
    bench.tap(side=Side.EGRESS)
    assert bench.presences.zone_of(ANA) == STREET
    bench.clock.advance((closing + timedelta(minutes=back) - bench.clock.now()).total_seconds())
    bench.tap()
    assert bench.journal.decided.decision.reason is reason
