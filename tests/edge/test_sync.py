import itertools
import random
import shutil
from datetime import timedelta

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aldaba_edge.clock import HandClock
from aldaba_edge.inline import InlineBroker, InlineLink
from aldaba_edge.state import SOON_SECONDS, Slot, peek
from aldaba_edge.uplink import UNHURRIED_SECONDS, Acked
from aldaba_shared.envelope import SigningKey, seal
from aldaba_shared.events import DoorClosed, DoorForced
from aldaba_shared.ids import DoorId, HolderId, ZoneId
from aldaba_shared.messages import (
    Ack,
    Delta,
    Kind,
    Modes,
    Resend,
)
from aldaba_shared.parcel import pack, unpack
from aldaba_shared.presence import Order
from aldaba_shared.snapshot import changes_between
from tests.edge.places import ME, PEER, SITE, START, card_rows, some_rows
from tests.edge.sync_place import (
    OPENED,
    Place,
    command,
    lockdown,
    news,
    place_in,
)

FORCED = DoorForced(OPENED.door)
"""An alarm: somebody waits for it."""


def test_a_controller_says_hello_with_a_fresh_nonce_each_time_it_connects(place: Place) -> None:
    place.link.cut()
    place.link.join()
    place.clock.settle()
    first, second = place.cloud.hellos
    assert first.journal == place.books.journal.id
    assert first.nonce != second.nonce


def test_a_clock_that_was_set_is_in_the_books_before_the_hello_that_shows_it(place: Place) -> None:
    place.link.cut()
    place.clock.settle()
    place.clock.jump(7200)
    place.link.join()
    place.clock.settle()
    before, after = place.cloud.hellos
    assert (before.segment, after.segment) == (0, 1)
    assert place.books.journal.last == 2


def test_a_hello_is_said_again_until_the_cloud_answers_it(place: Place) -> None:
    place.clock.advance(40)
    assert len({hello.nonce for hello in place.cloud.hellos}) == 1
    assert [round((hello.clock - START).total_seconds()) for hello in place.cloud.hellos] == [0, 5, 15, 35]
    said, journal = place.cloud.hellos[-1], place.books.journal
    place.down(Kind.ACK, Ack(ME, journal.id, journal.last, said.nonce, place.clock.now()))
    place.clock.advance(600)
    assert len(place.cloud.hellos) == 4


def test_a_line_is_with_the_cloud_as_soon_as_it_is_durable(place: Place) -> None:
    place.books.journal.record(FORCED)
    place.clock.settle()
    assert len(place.cloud.lines[place.books.journal.id]) == 2
    assert place.cloud.hashes[place.books.journal.id] == place.books.journal.last_hash
    assert place.core.sync.uplink.watermark == 2


def test_a_door_that_opens_and_shuts_behind_somebody_is_one_message(place: Place) -> None:
    place.books.journal.record(OPENED)
    place.clock.advance(2.7)
    place.books.journal.record(DoorClosed(OPENED.door))
    place.clock.settle()
    assert place.core.sync.uplink.watermark == 1
    place.clock.advance(UNHURRIED_SECONDS)
    assert place.core.sync.uplink.watermark == 3
    assert len(place.cloud.batches) == 2


def test_what_somebody_waits_for_takes_the_leaf_along(place: Place) -> None:
    place.books.journal.record(OPENED)
    place.books.journal.record(FORCED)
    place.clock.settle()
    assert place.core.sync.uplink.watermark == 3


def test_an_ack_is_on_the_disk_within_seconds_and_costs_no_commit_of_its_own(place: Place) -> None:
    for _ in range(3):
        place.books.journal.record(FORCED)
        place.clock.settle()
    kept = place.folder / "state.db"
    assert peek(kept, Slot.ACKED, Acked) is None
    place.clock.advance(SOON_SECONDS)
    assert peek(kept, Slot.ACKED, Acked) == Acked(place.books.journal.id, 4)


def test_ten_thousand_lines_after_an_outage_go_up_at_least_fifty_a_message(place: Place) -> None:
    place.link.cut()
    for _ in range(10_000):
        place.books.journal.record(OPENED)
    place.clock.settle()
    place.cloud.batches.clear()
    place.link.join()
    place.clock.settle()
    assert place.core.sync.uplink.watermark == 10_001
    assert min(len(batch.lines) for batch in place.cloud.batches[:-1]) >= 50
    assert sum(len(batch.lines) for batch in place.cloud.batches) == 10_000


def test_what_nobody_acks_is_sent_again_with_longer_and_longer_pauses(place: Place) -> None:
    sent: list[float] = []
    place.cloud.link.cut()

    def hear(_topic: str, payload: bytes) -> None:
        if Kind.BATCH in unpack(payload):
            sent.append(place.clock.monotonic())

    place.cloud.link.start(lambda: None, hear)
    place.clock.settle()
    sent.clear()
    place.books.journal.record(OPENED)
    place.clock.advance(8 * 3_600)
    gaps = [round(b - a) for a, b in itertools.pairwise(sent)]
    assert gaps[:9] == [5, 10, 20, 40, 80, 160, 320, 600, 600]


def test_the_first_word_of_a_cloud_that_was_away_ends_the_long_wait_for_an_answer(place: Place) -> None:
    place.cloud.link.cut()
    place.books.journal.record(OPENED)
    place.clock.advance(4 * 3_600)
    place.cloud.link.join()
    place.clock.advance(1)
    assert place.core.sync.uplink.watermark < place.books.journal.last
    place.down(Kind.MODES, Modes(ME, 1, place.clock.now(), ()))
    place.clock.settle()
    assert place.core.sync.uplink.watermark == place.books.journal.last


def test_the_clock_of_the_cloud_is_measured_and_nothing_is_set_by_it(place: Place) -> None:
    place.clock.jump(-7)
    place.books.journal.record(FORCED)
    place.clock.settle()
    assert place.core.sync.clock_offset == timedelta(0)
    place.cloud.clock = HandClock(START + timedelta(seconds=30))
    place.books.journal.record(FORCED)
    place.clock.settle()
    assert abs(place.core.sync.clock_offset - timedelta(seconds=37)) < timedelta(seconds=1)


def test_a_restored_cloud_gets_the_lines_it_lost_again(place: Place) -> None:
    for _ in range(20):
        place.books.journal.record(OPENED)
    place.clock.settle()
    journal = place.books.journal.id
    del place.cloud.lines[journal][5:]
    place.cloud.hashes.pop(journal)
    place.link.cut()
    place.link.join()
    place.clock.settle()
    place.cloud.send(Kind.RESEND, Resend(ME, journal, 6, place.cloud.hellos[-1].nonce, place.clock.now()))
    place.clock.settle()
    assert len(place.cloud.lines[journal]) == 21
    assert place.core.sync.uplink.watermark == 21


def test_pruned_lines_are_said_to_be_lost_instead_of_sent(place: Place) -> None:
    for _ in range(20):
        place.books.journal.record(OPENED)
    place.stop()  # a month in which nothing ticks
    place.clock.advance(31 * 86_400)
    place.start()
    assert place.books.journal.prune(10, place.keys.me, ME) == 10
    place.clock.settle()
    journal = place.books.journal.id
    place.cloud.lines[journal].clear()
    place.link.cut()
    place.link.join()
    place.clock.settle()
    place.cloud.send(Kind.RESEND, Resend(ME, journal, 1, place.cloud.hellos[-1].nonce, place.clock.now()))
    place.clock.settle()
    assert place.cloud.batches[-1].lost_before == 11
    assert place.cloud.batches[-1].first_sequence == 11


def test_a_door_that_slept_through_two_rotations_still_follows(settled: Place) -> None:
    newest = SigningKey.generate(b"cloud-3")
    settled.cloud.publish(Kind.KEYS, settled.keys.key_list(3, newest.public(Kind.HEAD, Kind.MODES)))
    settled.clock.settle()
    later = settled.keys.head(some_rows(1), at=settled.clock.now())
    settled.down(Kind.HEAD, later, newest)
    assert settled.core.rules.head == later
    settled.down(Kind.MODES, lockdown(9))
    assert ("modes", "envelope_refused") in settled.refusals(), "the old key may sign nothing any more"
    settled.stop()
    settled.start()
    assert settled.core.rules.verified
    assert settled.core.rules.head == later


def test_rules_signed_before_a_rotation_are_believed_after_a_restart(settled: Place) -> None:
    settled.cloud.publish(Kind.KEYS, settled.keys.key_list(2, SigningKey.generate(b"cloud-2").public(Kind.HEAD)))
    settled.clock.settle()
    settled.stop()
    settled.start()
    assert settled.core.rules.verified


def test_a_controller_that_missed_a_delta_takes_a_snapshot(settled: Place) -> None:
    rows = [*some_rows(1), *card_rows(8)]
    settled.files.rows, settled.files.version = rows, 5
    settled.down(Kind.HEAD, settled.keys.head(rows, 5))
    settled.clock.advance(3)
    assert settled.core.rules.generation == (1, 5)


def test_deltas_in_any_order_lead_to_the_newest_rules(settled: Place) -> None:
    sets = [some_rows(n) for n in range(1, 8)]
    deltas = [Delta(settled.keys.head(sets[n], n + 1), n, changes_between(sets[n - 1], sets[n])) for n in range(1, 7)]
    random.Random(5).shuffle(deltas)
    for delta in deltas:
        settled.cloud.send(Kind.DELTA, delta)
    settled.clock.advance(1)
    assert settled.core.rules.generation == (1, 7)
    assert settled.refusals() == []
    assert settled.files.asked == 1, "no snapshot but the first"


def test_a_cloud_whose_snapshots_fail_is_asked_again_with_longer_pauses(place: Place) -> None:
    place.down(Kind.HEAD, place.keys.head(some_rows(1)))
    place.clock.advance(100)
    assert place.files.asked == 5
    place.files.rows = some_rows(1)
    place.clock.advance(300)
    assert place.core.rules.verified


@pytest.mark.parametrize("how", ["head", "delta"])
def test_a_revoke_ends_the_pause_of_who_asked_in_vain_and_only_once(settled: Place, how: str) -> None:
    """A controller that was served nothing for long may be in the middle of five minutes when somebody is revoked."""
    later, last = [*some_rows(1), *card_rows(8)], some_rows(2)
    settled.files.rows = None
    settled.down(Kind.HEAD, settled.keys.head(later, 5))
    settled.clock.advance(1000)
    asked = settled.files.asked
    settled.files.rows, settled.files.version = last, 6
    head = settled.keys.head(last, 6)
    if how == "head":
        settled.down(Kind.HEAD, head)
    else:
        settled.cloud.send(Kind.DELTA, Delta(head, 5, changes_between(later, last)))
    settled.clock.advance(1)
    assert settled.core.rules.generation == (1, 6)
    assert settled.files.asked == asked + 1


def test_a_head_that_is_repeated_makes_nobody_ask_sooner(settled: Place) -> None:
    settled.files.rows = None
    head = settled.keys.head([*some_rows(1), *card_rows(8)], 5)
    settled.down(Kind.HEAD, head)
    settled.clock.advance(1000)
    asked = settled.files.asked
    for _ in range(20):
        settled.down(Kind.HEAD, head)
        settled.clock.advance(1)
    assert settled.files.asked <= asked + 1


def test_peers_merge_and_news_goes_out_signed_and_retained(settled: Place) -> None:
    topic = f"aldaba/1/{SITE}/{PEER}/presence"
    settled.link.deliver(topic, pack({Kind.PRESENCE: seal(Kind.PRESENCE, SITE, news(), settled.keys.peer)}))
    assert settled.core.presences.stays()[HolderId("h9")].zone == "z"
    order = Order(settled.clock.now(), ME, settled.books.journal.id, 2)
    settled.core.presences.move(HolderId("h1"), ZoneId("z"), order)
    settled.clock.advance(1)
    assert f"aldaba/1/{SITE}/{ME}/presence" in settled.broker.retained
    settled.stop()
    settled.start()
    assert set(settled.core.presences.stays()) == {"h9", "h1"}


def test_a_peers_older_news_is_no_way_back_after_a_restart_either(settled: Place) -> None:
    topic = f"aldaba/1/{SITE}/{PEER}/presence"
    newest = replace(news(9), at=START + timedelta(hours=1))
    settled.link.deliver(topic, pack({Kind.PRESENCE: seal(Kind.PRESENCE, SITE, newest, settled.keys.peer)}))
    settled.stop()
    settled.start()
    settled.link.deliver(topic, pack({Kind.PRESENCE: seal(Kind.PRESENCE, SITE, news(8), settled.keys.peer)}))
    assert settled.refusals() == [("presence", "replayed")]


def test_nobody_is_released_at_a_door_the_command_does_not_name(settled: Place) -> None:
    settled.down(Kind.COMMAND, replace(command(settled), door=DoorId("back")))
    assert settled.released[-1] == ("back", "cmd")


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.2, 0.5]),
    bursts=st.lists(st.integers(1, 400), max_size=6),
)
def test_whatever_the_network_does_every_line_is_in_the_cloud_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int, loss: float, bursts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("place")
    dice = random.Random(seed)
    place = place_in(folder)
    deliver = InlineBroker._deliver  # noqa: SLF001 - the network between is what is tested

    def unruly(link: InlineLink, topic: str, payload: bytes) -> None:
        for _ in range(dice.choice((1, 1, 1, 2))):
            if dice.random() >= loss:
                place.clock.call_later(dice.random() * 3, lambda: deliver(place.broker, link, topic, payload))

    place.broker._deliver = unruly  # type: ignore[method-assign]  # noqa: SLF001 - as above
    place.start()
    for burst in bursts:
        for _ in range(burst):
            place.books.journal.record(OPENED)
        place.clock.advance(dice.random() * 8)
        if dice.random() < 0.3:
            place.link.cut()
            place.clock.advance(dice.random() * 30)
            place.link.join()
        if dice.random() < 0.2:
            place.stop()
            place.start()
    loss = 0.0
    place.clock.advance(300)
    kept = [body for _, _, body in place.books.journal.file.lines(1, 10_000)]
    event(f"batches: {min(len(place.cloud.batches) // 10, 9) * 10}+")
    event(f"repeats: {sum(len(b.lines) for b in place.cloud.batches) > len(kept)}")
    assert place.cloud.lines[place.books.journal.id] == kept
    assert place.core.sync.uplink.watermark == len(kept)
    late = {("ack", "unknown_nonce"), ("resend", "unknown_nonce")}
    assert set(place.refusals()) <= late, "answers to what was sent before a restart"
    place.stop()
    shutil.rmtree(folder)
