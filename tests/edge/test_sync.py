import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aldaba_edge.books import Books
from aldaba_edge.clock import HandClock
from aldaba_edge.core import Core, Ways, open_core
from aldaba_edge.inline import InlineBroker, InlineLink
from aldaba_edge.rules_file import verified_hash
from aldaba_edge.runner import InlineRunner
from aldaba_shared.decide import DoorMode
from aldaba_shared.envelope import SigningKey, seal
from aldaba_shared.events import DoorOpened, MessageRefused
from aldaba_shared.ids import DoorId, HolderId, ZoneId
from aldaba_shared.messages import (
    Ack,
    Command,
    Delta,
    Head,
    KeyList,
    Kind,
    ModeNow,
    Modes,
    PresenceNews,
    Resend,
)
from aldaba_shared.parcel import pack
from aldaba_shared.presence import Order, Stay
from aldaba_shared.snapshot import Row, changes_between
from tests.edge.naive_cloud import DOWN, STATE, NaiveCloud
from tests.edge.places import FRONT, ME, PEER, SITE, START, Keys, books_in, card_rows, some_rows, write_rules

OPENED = DoorOpened(FRONT)


class CloudFiles:
    """The `Snapshots` port over a set of rows the test chooses."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.rows: list[Row] | None = None
        self.version = 1
        self.asked = 0

    def fetch(self, request: bytes, into: Path, then: Callable[[bool], None]) -> None:
        assert request
        self.asked += 1
        if self.rows is None:
            then(False)  # noqa: FBT003 - the shape of the port
            return
        head = self.keys.head(self.rows, self.version)
        write_rules(into, self.rows, self.keys.seal_head(head), head.set_hash)
        then(True)  # noqa: FBT003 - the shape of the port


@dataclass
class Place:
    """A controller and its naive cloud on one hand-turned clock."""

    folder: Path
    clock: HandClock
    keys: Keys
    broker: InlineBroker
    cloud: NaiveCloud
    files: CloudFiles
    books: Books = field(init=False)
    link: InlineLink = field(init=False)
    core: Core = field(init=False)
    released: list[tuple[str, str]] = field(default_factory=list)
    modes: list[Modes] = field(default_factory=list)

    def start(self) -> None:
        self.books = books_in(self.folder, self.clock)
        self.link = InlineLink(self.broker, (DOWN, STATE, f"aldaba/1/{SITE}/+/presence"))
        ways = Ways(self.link, self.files, InlineRunner(self.clock.post), verified_hash)
        self.core = open_core(self.folder, self.books, self.keys.identity(), self.clock, ways, software="test")
        self.core.sync.on_release = lambda door, command: self.released.append((door, command))
        self.core.sync.on_modes = self.modes.append
        self.core.start()
        self.clock.settle()

    def stop(self) -> None:
        self.core.stop()
        self.books.close()

    def follow(self, before: list[Row], after: list[Row], version: int) -> None:
        """The cloud publishes the next rule set as a delta."""
        delta = Delta(self.keys.head(after, version), version - 1, changes_between(before, after))
        self.down(Kind.DELTA, delta)

    def refusals(self) -> list[tuple[str, str]]:
        self.clock.settle()
        events = (line.event for line in self.books.journal.file.events())
        return [(one.what, one.why) for one in events if isinstance(one, MessageRefused)]

    def down(self, kind: Kind, body: object, key: SigningKey | None = None, audience: str = ME) -> None:
        self.cloud.publish(kind, seal(kind, audience, body, key or self.keys.cloud))
        self.clock.settle()


def place_in(folder: Path) -> Place:
    clock, keys = HandClock(START), Keys()
    broker = InlineBroker(clock.post)
    return Place(folder, clock, keys, broker, NaiveCloud(clock, keys, broker), CloudFiles(keys))


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Iterator[Place]:
    place = place_in(tmp_path)
    place.start()
    yield place
    place.stop()


def test_a_controller_says_hello_with_a_fresh_nonce_each_time_it_connects(place: Place) -> None:
    place.link.cut()
    place.link.join()
    place.clock.settle()
    first, second = place.cloud.hellos
    assert first.journal == place.books.journal.id
    assert first.nonce != second.nonce


def test_a_line_is_with_the_cloud_as_soon_as_it_is_durable(place: Place) -> None:
    place.books.journal.record(OPENED)
    place.clock.settle()
    assert len(place.cloud.lines[place.books.journal.id]) == 2
    assert place.cloud.hashes[place.books.journal.id] == place.books.journal.last_hash
    assert place.core.sync.uplink.watermark == 2


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
    place.cloud.link.start(lambda: None, lambda _topic, _payload: sent.append(place.clock.monotonic()))
    place.clock.settle()
    sent.clear()
    place.books.journal.record(OPENED)
    place.clock.advance(120)
    gaps = [round(b - a) for a, b in itertools.pairwise(sent)]
    assert gaps[:4] == [5, 10, 20, 40]


def test_the_clock_of_the_cloud_is_measured_and_nothing_is_set_by_it(place: Place) -> None:
    place.clock.jump(-7)
    place.books.journal.record(OPENED)
    place.clock.settle()
    assert place.core.sync.clock_offset == timedelta(0)
    place.cloud.clock = HandClock(START + timedelta(seconds=30))
    place.books.journal.record(OPENED)
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
    place.clock.advance(31 * 86_400)
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


# Each of these is right but for one thing.


def nonce(place: Place) -> bytes:
    return place.cloud.batches[-1].nonce


def ack(place: Place) -> Ack:
    return Ack(ME, place.books.journal.id, 1, nonce(place), place.clock.now())


def command(place: Place) -> Command:
    expires = place.clock.now() + timedelta(seconds=30)
    return Command("cmd", ME, FRONT, "release", place.cloud.hellos[-1].nonce, 5, expires)


def lockdown(counter: int = 3) -> Modes:
    return Modes(ME, counter, START, (ModeNow(FRONT, DoorMode.LOCKED_DOWN),))


def news(counter: int = 5) -> PresenceNews:
    order = Order(START, PEER, "j2", 9)
    return PresenceNews(PEER, "j2", counter, START, ((HolderId("h9"), Stay(ZoneId("z"), START, order)),))


Forged = Callable[[Place], tuple[Kind, bytes]]


def signed(kind: Kind, body: Callable[[Place], object], *, by: str = "cloud", to: str = ME) -> Forged:
    return lambda place: (kind, seal(kind, to, body(place), getattr(place.keys, by)))


def flipped(kind: Kind, body: Callable[[Place], object]) -> Forged:
    def spoiled(place: Place) -> tuple[Kind, bytes]:
        envelope = bytearray(seal(kind, ME, body(place), place.keys.cloud))
        envelope[-3] ^= 1
        return kind, bytes(envelope)

    return spoiled


def good_head(place: Place) -> Head:
    return place.keys.head(some_rows(), 2, at=place.clock.now() + timedelta(minutes=1))


def good_delta(place: Place) -> Delta:
    return Delta(good_head(place), 1, changes_between(some_rows(1), some_rows()))


FORGERIES: dict[str, Forged] = {
    "an ack with a flipped bit": flipped(Kind.ACK, ack),
    "an ack of a peer": signed(Kind.ACK, ack, by="peer"),
    "an ack for another controller": signed(Kind.ACK, ack, to="c9"),
    "an ack of an older batch": signed(Kind.ACK, lambda p: replace(ack(p), nonce=bytes(16))),
    "an ack beyond the last line": signed(Kind.ACK, lambda p: replace(ack(p), watermark=10_000)),
    "an ack of another journal": signed(Kind.ACK, lambda p: replace(ack(p), journal="j9")),
    "an ack that is a head": lambda p: (Kind.ACK, seal(Kind.HEAD, ME, good_head(p), p.keys.cloud)),
    "a resend of an older batch": signed(
        Kind.RESEND, lambda p: Resend(ME, p.books.journal.id, 1, bytes(16), p.clock.now())
    ),
    "a head with a flipped bit": flipped(Kind.HEAD, good_head),
    "a head of the root": signed(Kind.HEAD, good_head, by="root"),
    "a head of a peer": signed(Kind.HEAD, good_head, by="peer"),
    "a head for another controller": signed(Kind.HEAD, good_head, to="c9"),
    "a head that names another controller": signed(Kind.HEAD, lambda p: replace(good_head(p), controller="c9")),
    "a head below the floor": signed(Kind.HEAD, lambda p: replace(good_head(p), version=0)),
    "a head signed before the one known": signed(
        Kind.HEAD, lambda p: p.keys.head(some_rows(1), at=START - timedelta(1))
    ),
    "another set under the same head": signed(Kind.HEAD, lambda p: replace(good_head(p), version=1)),
    "a delta with a flipped bit": flipped(Kind.DELTA, good_delta),
    "a delta of a peer": signed(Kind.DELTA, good_delta, by="peer"),
    "a delta of an old generation": signed(
        Kind.DELTA, lambda p: replace(good_delta(p), head=replace(good_head(p), version=0))
    ),
    "a delta whose hash differs": signed(
        Kind.DELTA, lambda p: replace(good_delta(p), changes=good_delta(p).changes[1:])
    ),
    "a delta of another shape": signed(Kind.DELTA, good_head),
    "a command with a flipped bit": flipped(Kind.COMMAND, command),
    "a command of a peer": signed(Kind.COMMAND, command, by="peer"),
    "a command for another controller": signed(Kind.COMMAND, command, to="c9"),
    "a command of another connection": signed(Kind.COMMAND, lambda p: replace(command(p), hello_nonce=bytes(16))),
    "a command that came before": signed(Kind.COMMAND, lambda p: replace(command(p), counter=2)),
    "a command too late": signed(Kind.COMMAND, lambda p: replace(command(p), expires_at=p.clock.now())),
    "a command nobody knows": signed(Kind.COMMAND, lambda p: replace(command(p), verb="unlock")),
    "modes with a flipped bit": flipped(Kind.MODES, lambda _: lockdown()),
    "modes that came before": signed(Kind.MODES, lambda _: lockdown(1)),
    "modes of a peer": signed(Kind.MODES, lambda _: lockdown(), by="peer"),
    "a key list of the cloud itself": signed(
        Kind.KEYS, lambda p: KeyList(9, START, (p.keys.peer.public(Kind.HEAD),)), to="*"
    ),
    "an older key list": lambda p: (Kind.KEYS, p.keys.key_list(0)),
    "bytes": lambda _: (Kind.DELTA, b"\x00\xff"),
    "presence on the wrong topic": signed(Kind.PRESENCE, lambda _: news(), by="peer", to=SITE),
}


@pytest.fixture(name="settled")
def _settled(place: Place) -> Place:
    """A controller with rules, modes, a command behind it and a line acked."""
    place.files.rows = some_rows(1)
    place.down(Kind.HEAD, place.keys.head(some_rows(1)))
    place.clock.advance(5)
    place.down(Kind.MODES, Modes(ME, 2, START, ()))
    place.down(Kind.COMMAND, replace(command(place), id="first", counter=2))
    assert place.released == [(FRONT, "first")]
    assert place.core.rules.generation == (1, 1)
    assert place.refusals() == []
    place.files.rows = None
    return place


def effects(place: Place) -> tuple[object, ...]:
    core = place.core
    journal = place.books.journal
    head = core.rules.head
    honest = core.sync.uplink.watermark == len(place.cloud.lines[journal.id])
    return (honest, head, core.rules.set_hash, core.trust.serial, core.sync.modes, len(place.released))


@pytest.mark.feature(12)
@pytest.mark.parametrize("forgery", sorted(FORGERIES))
def test_a_message_with_one_defect_has_no_effect_and_is_an_alarm(settled: Place, forgery: str) -> None:
    before = effects(settled)
    kind, envelope = FORGERIES[forgery](settled)
    settled.cloud.publish(kind, envelope)
    settled.clock.settle()
    assert effects(settled) == before
    assert [what for what, _ in settled.refusals()] == [kind.value]


def test_the_same_messages_without_the_defect_do_have_their_effect(settled: Place) -> None:
    settled.down(Kind.COMMAND, command(settled))
    settled.down(Kind.MODES, lockdown())
    settled.down(Kind.DELTA, good_delta(settled))
    settled.cloud.publish(Kind.KEYS, settled.keys.key_list(2))
    settled.clock.settle()
    assert settled.released[-1] == (FRONT, "cmd")
    assert settled.modes[-1] == lockdown()
    assert settled.core.rules.generation == (1, 2)
    assert settled.core.trust.serial == 2
    assert settled.refusals() == []


def test_a_replayed_release_opens_nothing_not_even_after_a_restart(settled: Place) -> None:
    settled.down(Kind.COMMAND, command(settled))
    settled.down(Kind.COMMAND, command(settled))
    assert [command for _, command in settled.released] == ["first", "cmd"]
    old = command(settled)
    settled.stop()
    settled.start()
    settled.down(Kind.COMMAND, replace(old, hello_nonce=settled.cloud.hellos[-1].nonce))
    assert len(settled.released) == 2
    assert ("command", "replayed") in settled.refusals()


def test_a_flood_of_forgeries_is_one_line_a_minute(settled: Place) -> None:
    for _ in range(500):
        settled.cloud.publish(Kind.ACK, b"\xd2\x84\x40")
    settled.clock.settle()
    settled.clock.advance(61)
    settled.cloud.publish(Kind.ACK, b"\xd2\x84\x40")
    assert len(settled.refusals()) == 2


def test_random_and_mutated_bytes_do_nothing(settled: Place) -> None:
    dice = random.Random(11)
    before = effects(settled)
    models = [pack({kind: envelope}) for kind, envelope in (FORGERIES[name](settled) for name in sorted(FORGERIES))]
    for _ in range(2_000):
        payload = (
            bytearray(dice.choice(models)) if dice.random() < 0.7 else bytearray(dice.randbytes(dice.randint(0, 200)))
        )
        for _ in range(dice.randint(1, 4)):
            if payload:
                payload[dice.randrange(len(payload))] = dice.randrange(256)
        settled.link.deliver(dice.choice((DOWN, STATE, "a/b", f"aldaba/1/{SITE}/{PEER}/presence")), bytes(payload))
    settled.clock.settle()
    assert effects(settled) == before


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


OF_C3 = (HolderId("h8"), Stay(ZoneId("z"), START, Order(START, "c3", "j", 1)))

BAD_NEWS: dict[str, Callable[[Keys], bytes]] = {
    "signed by the cloud": lambda k: seal(Kind.PRESENCE, SITE, news(7), k.cloud),
    "for another site": lambda k: seal(Kind.PRESENCE, "s9", news(7), k.peer),
    "of another controller": lambda k: seal(
        Kind.PRESENCE, SITE, replace(news(7), controller="c3", stays=(OF_C3,)), k.peer
    ),
    "older": lambda k: seal(Kind.PRESENCE, SITE, news(4), k.peer),
    "about another controller": lambda k: seal(
        Kind.PRESENCE,
        SITE,
        replace(news(7), stays=(OF_C3,)),
        k.peer,
    ),
}


@pytest.mark.parametrize("defect", sorted(BAD_NEWS))
def test_news_with_one_defect_moves_nobody_and_is_an_alarm(settled: Place, defect: str) -> None:
    topic = f"aldaba/1/{SITE}/{PEER}/presence"
    settled.link.deliver(topic, pack({Kind.PRESENCE: seal(Kind.PRESENCE, SITE, news(), settled.keys.peer)}))
    before = dict(settled.core.presences.stays())
    settled.link.deliver(topic, pack({Kind.PRESENCE: BAD_NEWS[defect](settled.keys)}))
    assert dict(settled.core.presences.stays()) == before
    assert [what for what, _ in settled.refusals()] == ["presence"]


@settings(max_examples=25, deadline=None)
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


def test_nobody_is_released_at_a_door_the_command_does_not_name(settled: Place) -> None:
    settled.down(Kind.COMMAND, replace(command(settled), door=DoorId("back")))
    assert settled.released[-1] == ("back", "cmd")
