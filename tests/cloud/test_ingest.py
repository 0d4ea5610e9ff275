"""Ingest: each line once and in order, whatever the way did to it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace as changed

from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import alarms as alarm_books
from aldaba_cloud.fleet import books, store
from aldaba_cloud.fleet.ingest import Taken, take_batch, take_hello, take_run, verify_chain
from aldaba_cloud.fleet.models import UNREADABLE, BatchRefused, runs
from aldaba_cloud.occupancy import service as occupancy
from aldaba_cloud.occupancy.service import PresenceBooks
from aldaba_cloud.occupancy.store import load_presence
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Zone
from aldaba_shared.decide import Side
from aldaba_shared.events import (
    GENESIS,
    AnyEvent,
    ClockSet,
    DoorForced,
    DoorHeld,
    ExitRequested,
    MessageRefused,
    Passed,
    RulesApplied,
    Tampered,
    Unrecorded,
    chained,
    subject,
)
from aldaba_shared.ids import ControllerId, DoorId, HolderId, ZoneId
from aldaba_shared.messages import Ack, Batch, Hello, Resend
from aldaba_shared.movements import movement
from aldaba_shared.presence import STREET, is_unnamed
from aldaba_shared.turnstile import Passage
from tests.cloud.conftest import BARCELONA, NETWORK
from tests.cloud.toy_controller import START, ToyController, tapped

FRONT = DoorId("door_1")
ANA = HolderId("hld_ana")


@pytest.fixture
def work(database: Database) -> Iterator[Work]:
    with database.write() as db:
        yield Work(db, Scope(NETWORK, frozenset({BARCELONA})), START)


@pytest.fixture
def toy(work: Work) -> ToyController:
    toy = ToyController("ctl_1")
    toy.join(work)
    toy.open()
    return toy


def take(work: Work, toy: ToyController, batch: Batch) -> Taken:
    sender = store.find_controller(work, toy.id)
    assert sender is not None
    return take_batch(work, sender, batch, PresenceBooks())


def greet(work: Work, toy: ToyController, hello: Hello) -> Ack | Resend | None:
    sender = store.find_controller(work, toy.id)
    assert sender is not None
    return take_hello(work, sender, hello, PresenceBooks())


def kept(work: Work, toy: ToyController) -> list[int]:
    return [row.sequence for row in books.journal_lines(work, toy.id, toy.journal)]


def open_alarms(work: Work) -> list[str]:
    return [alarm.kind for alarm in alarm_books.recent(work)]


def test_an_ack_names_the_last_committed_line_and_answers_its_batch(work: Work, toy: ToyController) -> None:
    toy.tap("hld_ana", "zone_open")
    batch = toy.batch()
    assert take(work, toy, batch).answer == Ack(toy.id, "j1", 2, batch.nonce, START)
    assert kept(work, toy) == [1, 2]


@pytest.mark.feature(39)
@pytest.mark.feature(39)
def test_a_repeated_batch_is_acknowledged_and_kept_once(work: Work, toy: ToyController) -> None:
    toy.tap("hld_ana", "zone_open")
    for _ in range(3):
        answer = take(work, toy, toy.batch()).answer
        assert isinstance(answer, Ack)
        assert answer.watermark == 2
    assert kept(work, toy) == [1, 2]


def test_an_overlapping_batch_adds_only_what_is_new(work: Work, toy: ToyController) -> None:
    for _ in range(5):
        toy.tap("hld_ana", "zone_open")
    take(work, toy, toy.batch(1, 3))
    taken = take(work, toy, toy.batch(2, 6))
    assert [line.sequence for _, line in taken.lines] == [4, 5, 6]
    assert kept(work, toy) == [1, 2, 3, 4, 5, 6]


def test_batches_that_follow_each_other_are_taken_as_one(work: Work, toy: ToyController) -> None:
    for _ in range(5):
        toy.tap("hld_ana", "zone_open")
    (run,) = runs([toy.batch(1, 2), toy.batch(3, 4), last := toy.batch(5, 6)])
    taken = take_run(work, toy.record, run, PresenceBooks())
    assert taken.answer == Ack(toy.id, "j1", 6, last.nonce, START)
    assert kept(work, toy) == [1, 2, 3, 4, 5, 6]
    assert verify_chain(work, toy.id, toy.journal) is None


def test_batches_that_do_not_follow_each_other_stay_apart(toy: ToyController) -> None:
    for _ in range(5):
        toy.tap("hld_ana", "zone_open")
    first, next_one = toy.batch(1, 2), toy.batch(3, 4)
    other_past, other_journal = changed(next_one, previous=bytes(32)), changed(next_one, journal="j2")
    after_a_hole, later = changed(next_one, lost_before=3), toy.batch(4, 4)
    nothing = changed(next_one, lines=())
    for second in (other_past, other_journal, after_a_hole, later, nothing, first):
        assert [run.batch for run in runs([first, second])] == [first, second]


def test_a_clock_that_is_put_right_among_batches_taken_together_puts_presence_right(work: Work) -> None:
    toy = ToyController("ctl_1", behind=-timedelta(hours=1))
    toy.join(work)
    toy.tap("hld_ana", "zone_open", START - timedelta(hours=2))
    old = toy.batch()
    toy.journal, toy.lines, toy.hashes = "j2", [], [GENESIS]
    toy.open()
    presence = occupancy.GatheredMoves()
    for batch in (old, toy.batch()):
        take_batch(work, toy.record, batch, presence)
    presence.finish()
    assert load_presence(work, BARCELONA)[ANA].since == START - timedelta(hours=2)
    assert occupancy.verify(work, BARCELONA) == []


def test_a_batch_from_beyond_is_asked_for_again(work: Work, toy: ToyController) -> None:
    for _ in range(5):
        toy.tap("hld_ana", "zone_open")
    take(work, toy, toy.batch(1, 2))
    batch = toy.batch(4)
    assert take(work, toy, batch).answer == Resend(toy.id, "j1", 3, batch.nonce, START)
    assert kept(work, toy) == [1, 2]


def test_lines_are_a_hole_only_when_the_controller_says_so(work: Work, toy: ToyController) -> None:
    for _ in range(5):
        toy.tap("hld_ana", "zone_open")
    take(work, toy, toy.batch(1, 2))
    answer = take(work, toy, toy.batch(5, lost_before=5)).answer
    assert isinstance(answer, Ack)
    assert answer.watermark == 6
    assert kept(work, toy) == [1, 2, 5, 6]
    assert open_alarms(work) == ["journal_hole"]


def forked(toy: ToyController, at: int) -> ToyController:
    """The same controller, gone on differently from a line."""
    other = ToyController(toy.name)
    other.key, other.lines, other.hashes = toy.key, toy.lines[: at - 1], toy.hashes[:at]
    while len(other.lines) < len(toy.lines):
        other.tap("hld_eve", "zone_open")
    return other


@pytest.mark.parametrize(("first", "last"), [(1, 6), (4, 6), (3, 4), (4, 4)])
def test_a_journal_that_went_on_differently_is_kept_aside_and_alarmed(
    work: Work, toy: ToyController, first: int, last: int
) -> None:
    for _ in range(5):
        toy.tap("hld_ana", "zone_open")
    take(work, toy, toy.batch())
    other = forked(toy, 4)
    for _ in range(2):
        taken = take(work, toy, other.batch(first, last))
        assert taken.forked
        assert taken.answer is None
    assert open_alarms(work) == ["journal_forked"]
    assert HolderId("hld_eve") not in load_presence(work, BARCELONA)
    assert verify_chain(work, toy.id, "j1") is None


def test_new_lines_on_another_past_are_a_fork_too(work: Work, toy: ToyController) -> None:
    toy.tap("hld_ana", "zone_open")
    take(work, toy, toy.batch())
    other = forked(toy, 2)
    other.tap("hld_eve", "zone_open")
    assert take(work, toy, other.batch(3)).forked


def test_a_batch_of_another_controller_is_refused(work: Work, toy: ToyController) -> None:
    with pytest.raises(BatchRefused, match="names another controller"):
        take(work, toy, changed(toy.batch(), controller=ControllerId("ctl_2")))


@pytest.mark.parametrize(
    "spoil",
    [{"first_sequence": 0}, {"first_sequence": -5}, {"first_sequence": 1 << 70}, {"journal": ""}, {"previous": b"x"}],
    ids=str,
)
def test_a_batch_without_sense_is_refused(work: Work, toy: ToyController, spoil: dict[str, int]) -> None:
    with pytest.raises(BatchRefused):
        take(work, toy, changed(toy.batch(), **spoil))


def test_a_kind_of_a_later_release_is_kept_with_its_bytes(work: Work, toy: ToyController) -> None:
    later = msgspec.json.encode(
        {
            "sequence": 2,
            "at": "2026-11-23T11:00:00Z",
            "boot": "b",
            "segment": 0,
            "monotonic_us": 1,
            "event": {"kind": "door_sang", "door": "door_9", "song": ["la", 3]},
            "more": 1,
        }
    )
    toy.lines.append(later)
    toy.hashes.append(chained(toy.hashes[-1], later))
    take(work, toy, toy.batch())
    row = books.find_event(work, toy.id, "j1", 2)
    assert row is not None
    assert (row.kind, row.door_id, row.body) == ("door_sang", "door_9", later)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\xff",
        b"7",
        b'{"sequence":2}',
        b'{"sequence":9,"at":1}',
        b'{"sequence":2,"at":"2026-11-23T11:00:00Z","boot":"b","segment":0,"event":{"kind":"access_decided"}}',
        b'{"sequence":2,"at":"2026-11-23T11:00:00","boot":"b","segment":0,"event":{"kind":"door_sang"}}',
        b'{"sequence":2,"at":"2026-11-23T11:00:00Z","boot":"b","segment":-1,"event":{"kind":"door_sang"}}',
        b'{"sequence":2,"at":"2026-11-23T11:00:00Z","boot":"b\\u0000","segment":0,"event":{"kind":"door_sang"}}',
        b'{"sequence":2,"at":"2026-11-23T11:00:00Z","boot":"\\ud800","segment":0,"event":{"kind":"door_sang"}}',
        b'{"sequence":2,"at":"9999-12-31T23:59:59-14:00","boot":"b","segment":0,"event":{"kind":"door_sang"}}',
        b"[" * 60_000,
    ],
    ids=lambda line: line[:90].decode("ascii", "replace"),
)
def test_a_line_that_is_none_is_kept_and_alarmed(work: Work, toy: ToyController, rubbish: bytes) -> None:
    toy.lines.append(rubbish)
    toy.hashes.append(chained(toy.hashes[-1], rubbish))
    take(work, toy, toy.batch())
    assert open_alarms(work) == [UNREADABLE]
    assert kept(work, toy) == [1, 2]


def test_one_line_that_is_none_spoils_none_of_its_batch(work: Work, toy: ToyController) -> None:
    for number in range(150):
        toy.tap(f"hld_{number}", "zone_open")
    toy.lines.append(b"rubbish")
    toy.hashes.append(chained(toy.hashes[-1], b"rubbish"))
    for number in range(150, 260):
        toy.tap(f"hld_{number}", "zone_open")
    take(work, toy, toy.batch())
    rows = [books.find_event(work, toy.id, "j1", sequence) for sequence in range(2, 263)]
    said = [(row.holder_id, row.body, row.hash) for row in rows if row and row.kind == "access_decided"]
    taps = [(line, toy.hashes[place]) for place, line in enumerate(toy.lines, 1) if place not in {1, 152}]
    assert said == [(f"hld_{number}", *line) for number, line in enumerate(taps)]
    assert kept(work, toy) == list(range(1, 263))


EVERY_KIND_FILED: list[AnyEvent] = [
    tapped("hld_ana", "zone_open", START),
    changed(tapped("hld_ana", "zone_open", START), into=None),
    ExitRequested(FRONT),
    Passed(FRONT, Side.IN, ANA, ZoneId("zone_open")),
    Passed(FRONT, Side.IN, None, ZoneId("zone_open")),
]


@pytest.mark.parametrize("event", EVERY_KIND_FILED, ids=lambda event: type(event).__name__)
def test_the_columns_say_what_the_shared_rules_say(work: Work, toy: ToyController, event: AnyEvent) -> None:
    sequence = toy.write(event)
    take(work, toy, toy.batch())
    row = books.find_event(work, toy.id, "j1", sequence)
    assert row is not None
    told, moved = subject(event), movement(event)
    assert (row.door_id, row.holder_id, row.credential_id, row.reason) == (
        told.door,
        told.holder,
        told.credential,
        told.reason,
    )
    assert row.zone_id == (moved.zone if moved else None)


@pytest.mark.parametrize(
    "event",
    [
        DoorForced(FRONT),
        DoorHeld(FRONT, 20_000),
        Tampered(FRONT),
        MessageRefused("delta", "signature"),
        Unrecorded(2, "power_cut"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_somebody_on_duty_sees_alarms_until_they_are_acknowledged(
    work: Work, toy: ToyController, event: AnyEvent
) -> None:
    toy.write(event)
    take(work, toy, toy.batch())
    (alarm,) = alarm_books.recent(work)
    assert alarm.sequence == 2
    assert alarm_books.acknowledge(work, alarm.id)
    assert not alarm_books.acknowledge(work, alarm.id)
    assert alarm_books.recent(work) == []


def test_a_controller_confirms_its_rules_in_its_journal(work: Work, toy: ToyController) -> None:
    toy.write(RulesApplied(1, 7, b"h" * 32))
    assert take(work, toy, toy.batch()).confirmed
    known = store.find_controller(work, toy.id)
    assert known is not None
    assert (known.confirmed, known.set_hash, known.confirmed_at) == ((1, 7), b"h" * 32, START)


def test_a_late_confirmation_takes_nothing_back(work: Work, toy: ToyController) -> None:
    greet(work, toy, changed(toy.hello(), epoch=1, version=9))
    toy.write(RulesApplied(1, 7, b"h" * 32))
    assert not take(work, toy, toy.batch()).confirmed


def test_a_hello_is_told_where_its_journal_stands(work: Work, toy: ToyController) -> None:
    hello = toy.hello()
    assert greet(work, toy, hello) == Resend(toy.id, "j1", 1, hello.nonce, START)
    take(work, toy, toy.batch())
    again = toy.hello()
    assert greet(work, toy, again) == Ack(toy.id, "j1", 1, again.nonce, START)


def test_a_hello_that_comes_twice_is_answered_twice(work: Work, toy: ToyController) -> None:
    hello = toy.hello()
    assert greet(work, toy, hello) == greet(work, toy, hello)
    assert open_alarms(work) == []


def test_a_hello_of_an_earlier_connection_is_a_replay(work: Work, toy: ToyController) -> None:
    old, new = toy.hello(), toy.hello()
    greet(work, toy, old)
    greet(work, toy, new)
    assert greet(work, toy, old) is None
    assert open_alarms(work) == ["message_refused"]
    known = store.find_controller(work, toy.id)
    assert known is not None
    assert known.hello is not None
    assert known.hello.nonce == new.nonce


WRONG = timedelta(hours=-3)


def times(work: Work, toy: ToyController) -> list[timedelta]:
    rows = sorted(books.recent_events(work), key=lambda row: int(row.sequence))
    return [row.at - START for row in rows if row.controller_id == toy.id]


def test_a_clock_that_is_wrong_is_put_right_before_and_after_it_is_known(work: Work) -> None:
    slow = ToyController("ctl_2", behind=timedelta(hours=3))
    slow.join(work)
    slow.tap("hld_ana", "zone_open")
    take(work, slow, slow.batch())
    assert times(work, slow) == [WRONG]
    greet(work, slow, slow.hello())
    slow.tap("hld_ana", "zone_open")
    take(work, slow, slow.batch(2))
    assert times(work, slow) == [timedelta(), timedelta()]
    assert {row.recorded_at - START for row in books.recent_events(work)} == {WRONG}


def test_a_late_offset_puts_presence_right_too(work: Work, toy: ToyController) -> None:
    slow = ToyController("ctl_2", behind=timedelta(hours=3))
    slow.join(work)
    toy.tap("hld_ana", "zone_open", START - timedelta(hours=1))
    slow.tap("hld_ana", "street")
    take(work, toy, toy.batch())
    take(work, slow, slow.batch())
    assert load_presence(work, BARCELONA)[ANA].zone == "zone_open"
    greet(work, slow, slow.hello())
    assert load_presence(work, BARCELONA)[ANA].zone == "street"
    assert occupancy.verify(work, BARCELONA) == []


@pytest.mark.feature(9)
def test_people_without_a_card_are_in_the_number_on_no_list_and_follow_the_clock(
    work: Work, toy: ToyController
) -> None:
    slow = ToyController("ctl_2", behind=timedelta(hours=3))
    slow.join(work)
    floor, door = ZoneId("zone_open"), DoorId("door_1")
    places.add_zone(work, Zone(floor, BARCELONA, "Open space", counted=True))
    toy.tap("hld_ana", "zone_open", START - timedelta(minutes=9))
    slow.write(Passed(door, Side.IN, None, floor, Passage.SECOND_PERSON, STREET))
    slow.write(Passed(door, Side.IN, None, floor, Passage.UNASKED, STREET))
    slow.write(Passed(door, Side.EGRESS, None, STREET, Passage.WRONG_WAY, floor))
    for each in (toy, slow):
        take(work, each, each.batch())
    greet(work, slow, slow.hello())
    (zone,) = occupancy.zones_now(work, BARCELONA)
    assert (zone.count, zone.unnamed) == (2, 1)
    site = places.find_site(work, BARCELONA)
    assert site is not None
    assert set(occupancy.inside_now(work, site)) == {ANA}
    assert occupancy.verify(work, BARCELONA) == []
    in_two_days = replace(work, now=START + timedelta(days=2))
    assert occupancy.zones_now(in_two_days, BARCELONA)[0].unnamed == 0
    slow.write(Passed(door, Side.IN, None, floor, Passage.UNASKED, STREET), at=in_two_days.now)
    take(in_two_days, slow, slow.batch())
    kept = [holder for holder in load_presence(work, BARCELONA) if is_unnamed(holder)]
    assert len(kept) == 1, "those that a night reset ended are dropped when new ones come"
    assert occupancy.verify(in_two_days, BARCELONA) == []


def test_an_offset_carries_over_the_jump_of_the_clock(work: Work) -> None:
    slow = ToyController("ctl_2", behind=timedelta(hours=3))
    slow.join(work)
    slow.tap("hld_ana", "zone_open")
    slow.behind, slow.segment = timedelta(), 1
    slow.write(ClockSet(3 * 3600 * 1000))
    slow.tap("hld_ana", "street")
    greet(work, slow, slow.hello())
    take(work, slow, slow.batch())
    assert times(work, slow) == [timedelta()] * 3


def test_a_line_that_comes_in_time_takes_back_what_a_delayed_hello_taught(work: Work) -> None:
    door = ToyController("ctl_2")
    door.join(work)
    door.tap("hld_ana", "zone_open")
    late = replace(work, now=START + timedelta(seconds=20))
    take(late, door, door.batch())
    greet(late, door, door.hello())
    assert times(work, door) == [timedelta(seconds=20)]
    door.tap("hld_ana", "street", START + timedelta(minutes=1))
    take(replace(work, now=START + timedelta(minutes=1)), door, door.batch(2))
    assert times(work, door) == [timedelta(), timedelta(minutes=1)]


def test_a_line_that_comes_in_time_tells_of_the_clock_before_any_hello(work: Work) -> None:
    door = ToyController("ctl_2")
    door.join(work)
    door.tap("hld_ana", "zone_open")
    take(work, door, door.batch())
    door.behind, door.segment = timedelta(hours=-3), 1
    door.write(ClockSet(3 * 3600 * 1000))
    door.tap("hld_ana", "street")
    take(replace(work, now=START + timedelta(hours=1)), door, door.batch(2))
    assert times(work, door) == [timedelta()] * 3


def test_a_hello_after_the_clock_was_set_says_nothing_of_the_lines_before(work: Work) -> None:
    slow = ToyController("ctl_2", behind=timedelta(hours=3))
    slow.join(work)
    slow.tap("hld_ana", "zone_open")
    slow.behind, slow.segment = timedelta(), 1
    greet(work, slow, slow.hello())
    slow.write(ClockSet(3 * 3600 * 1000))
    take(work, slow, slow.batch())
    assert times(work, slow) == [timedelta()] * 2


def test_a_small_error_of_a_clock_is_left_alone(work: Work) -> None:
    slow = ToyController("ctl_2", behind=timedelta(seconds=1.5))
    slow.join(work)
    slow.tap("hld_ana", "zone_open")
    greet(work, slow, slow.hello())
    take(work, slow, slow.batch())
    assert times(work, slow) == [timedelta(seconds=-1.5)]


def test_who_delays_a_hello_turns_no_clock(work: Work, toy: ToyController) -> None:
    toy.tap("hld_ana", "zone_open")
    greet(work, toy, toy.hello())
    take(work, toy, toy.batch())
    late = replace(work, now=START + timedelta(hours=2))
    greet(late, toy, toy.hello())
    assert times(work, toy) == [timedelta(), timedelta()]
