"""The cloud end of the link, without a transport: what goes in, what comes out, what is refused."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from aldaba_cloud.access import publish
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fanout import Hub
from aldaba_cloud.fleet import alarms as alarm_books
from aldaba_cloud.fleet import books, service, store
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.keys import CloudKeys, load_keys, make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link.end import CloudEnd
from aldaba_cloud.live import Live
from aldaba_cloud.occupancy.service import zones_now
from aldaba_cloud.places.models import Door, Zone
from aldaba_cloud.places.store import add_door, add_zone, bind_door
from aldaba_shared.decide import DoorMode
from aldaba_shared.envelope import EnvelopeRefused, KeyRing, SigningKey, seal, unseal
from aldaba_shared.events import RulesApplied
from aldaba_shared.ids import ControllerId, DoorId, ZoneId
from aldaba_shared.messages import (
    Ack,
    Batch,
    Command,
    Delta,
    Head,
    Hello,
    Kind,
    Modes,
    Resend,
    SnapshotRequest,
)
from aldaba_shared.parcel import pack, unpack
from aldaba_shared.presence import STREET
from aldaba_shared.snapshot import COLUMNS, Row, set_hash
from tests.cloud.conftest import BARCELONA, GIRONA, NETWORK, HandClock
from tests.cloud.toy_controller import START, ToyController

FRONT, ROOM = DoorId("door_1"), DoorId("door_2")
OPEN_SPACE = ZoneId("zone_open")
SHAPES: dict[Kind, type[Any]] = {
    Kind.ACK: Ack,
    Kind.RESEND: Resend,
    Kind.HEAD: Head,
    Kind.MODES: Modes,
    Kind.DELTA: Delta,
    Kind.COMMAND: Command,
}


class Wire:
    """Everything the cloud sent, opened as the controller would open it."""

    def __init__(self, keys: CloudKeys) -> None:
        self.keys = keys
        self.sent: list[tuple[str, Kind, object, bool]] = []

    def __call__(self, to: str, payload: bytes, *, retain: bool) -> None:
        controller = to.split("/")[3]
        ring = KeyRing([self.keys.working.public(*SHAPES)])
        for kind, envelope in unpack(payload).items():
            if kind is not Kind.KEYS:
                self.sent.append((to, kind, unseal(kind, controller, envelope, ring, SHAPES[kind]), retain))

    def of(self, kind: Kind) -> list[object]:
        return [body for _, found, body, _ in self.sent if found is kind]


@pytest.fixture
def keyring(config: Config) -> Keyring:
    return Keyring(config.key_dir)


@pytest.fixture
def keys(keyring: Keyring, tmp_path: Path) -> CloudKeys:
    return make_keys(keyring, tmp_path / "offline" / "root.key", START)


@pytest.fixture
def wire(keys: CloudKeys) -> Wire:
    return Wire(keys)


@pytest.fixture
def end(database: Database, keyring: Keyring, keys: CloudKeys, clock: HandClock, wire: Wire) -> CloudEnd:
    return CloudEnd(database, keyring, keys, clock=clock, hub=Hub(), send=wire, live=Live())


@pytest.fixture
def toy(database: Database, keyring: Keyring) -> ToyController:
    """A paired controller with two doors."""
    toy = ToyController("ctl_1")
    toy.key = SigningKey.generate(b"ctl_1")
    with database.write() as db:
        work = Work(db, Scope(NETWORK), START)
        add_zone(work, Zone(OPEN_SPACE, BARCELONA, "Open space"))
        for door in (FRONT, ROOM):
            add_door(work, Door(door, BARCELONA, str(door), OPEN_SPACE, STREET))
        toy.sealed_key = keyring.seal(bytes(32))
        toy.join(work)
        for door in (FRONT, ROOM):
            bind_door(work, door, toy.id)
    toy.open()
    return toy


def up(toy: ToyController) -> str:
    return f"aldaba/1/{toy.site}/{toy.id}/up"


def say(end: CloudEnd, toy: ToyController, body: Batch | Hello) -> None:
    kind = Kind.BATCH if isinstance(body, Batch) else Kind.HELLO
    end.receive(up(toy), pack({kind: toy.sealed(body)}))


def alarms(database: Database) -> list[str]:
    with database.read() as db:
        return [one.kind for one in alarm_books.recent(Work(db, Scope(NETWORK), START))]


def lines_of(database: Database, toy: ToyController) -> int:
    with database.read() as db:
        return books.find_watermark(Work(db, Scope(NETWORK), START), toy.id, toy.journal).sequence


def test_a_batch_is_acknowledged_with_its_nonce_and_the_clouds_time(
    end: CloudEnd, toy: ToyController, wire: Wire, clock: HandClock
) -> None:
    clock.turn(seconds=5)
    batch = toy.batch()
    say(end, toy, batch)
    assert wire.of(Kind.ACK) == [Ack(toy.id, "j1", 1, batch.nonce, clock.now())]


def test_batches_that_waited_together_are_acknowledged_once_and_one_bad_message_among_them_harms_no_other(
    end: CloudEnd, toy: ToyController, wire: Wire, database: Database
) -> None:
    first = toy.batch()
    toy.write(RulesApplied(1, 1, bytes(32)))
    second = toy.batch(2)
    other = ToyController("ctl_2")
    with database.write() as db:
        other.join(Work(db, Scope(NETWORK), START))
    other.open()
    stranger = structs.replace(other.batch(), controller=toy.id)
    waiting = [(toy, first), (other, stranger), (other, other.batch()), (toy, second)]
    messages = [(up(one), pack({Kind.BATCH: one.sealed(body)})) for one, body in waiting]
    end.receive_all([*messages[:2], (up(toy), b"rubbish"), *messages[2:]])
    acks = [body for body in wire.of(Kind.ACK) if isinstance(body, Ack)]
    assert [(ack.controller, ack.watermark) for ack in acks] == [(toy.id, 2), (other.id, 1)]
    assert acks[0].nonce == second.nonce
    assert (lines_of(database, toy), lines_of(database, other)) == (2, 1)
    assert alarms(database) == ["message_refused", "message_refused"]


def test_a_hello_gets_an_answer_and_the_state_to_keep(end: CloudEnd, toy: ToyController, wire: Wire) -> None:
    say(end, toy, toy.hello())
    assert [kind for _, kind, _, _ in wire.sent] == [Kind.RESEND, Kind.MODES]
    assert [retain for _, _, _, retain in wire.sent] == [False, True]


def test_what_another_key_signed_is_refused_and_alarmed(
    end: CloudEnd, toy: ToyController, wire: Wire, database: Database
) -> None:
    batch = seal(Kind.BATCH, "cloud", toy.batch(), SigningKey.generate(toy.key.kid))
    end.receive(up(toy), pack({Kind.BATCH: batch}))
    assert wire.sent == []
    assert alarms(database) == ["message_refused"]
    assert lines_of(database, toy) == 0


@pytest.mark.parametrize(
    ("kind", "audience"), [(Kind.HELLO, "cloud"), (Kind.BATCH, "ctl_1"), (Kind.PRESENCE, "cloud")], ids=str
)
def test_an_envelope_for_something_else_is_no_batch(
    end: CloudEnd, toy: ToyController, database: Database, kind: Kind, audience: str
) -> None:
    end.receive(up(toy), pack({Kind.BATCH: seal(kind, audience, toy.batch(), toy.key)}))
    assert lines_of(database, toy) == 0
    assert alarms(database) == ["message_refused"]


@pytest.mark.usefixtures("toy")
def test_a_controller_that_is_not_paired_is_not_heard(end: CloudEnd, wire: Wire) -> None:
    stranger = ToyController("ctl_9")
    stranger.open()
    say(end, stranger, stranger.batch())
    assert wire.sent == []


def test_a_controller_is_heard_at_its_own_site_only(end: CloudEnd, toy: ToyController, wire: Wire) -> None:
    payload = pack({Kind.BATCH: toy.sealed(toy.batch())})
    end.receive(f"aldaba/1/{GIRONA}/{toy.id}/up", payload)
    assert wire.sent == []


def test_a_retired_controller_is_not_heard(end: CloudEnd, toy: ToyController, wire: Wire, database: Database) -> None:
    with database.write() as db:
        service.retire(Work(db, Scope(NETWORK), START), toy.id)
    say(end, toy, toy.batch())
    assert wire.sent == []


def test_who_floods_us_with_rubbish_raises_one_alarm_a_minute(
    end: CloudEnd, toy: ToyController, database: Database, clock: HandClock
) -> None:
    for _ in range(50):
        end.receive(up(toy), pack({Kind.BATCH: b"rubbish"}))
    assert len(alarms(database)) == 1
    clock.turn(minutes=2)
    end.receive(up(toy), pack({Kind.BATCH: b"rubbish"}))
    assert len(alarms(database)) == 2


@pytest.mark.system
def test_ten_thousand_mutated_messages_change_nothing(
    end: CloudEnd, toy: ToyController, wire: Wire, database: Database
) -> None:
    rng = random.Random(20261123)
    whole = pack({Kind.BATCH: toy.sealed(toy.batch())})
    for number in range(10_000):
        data = bytearray(whole)
        if number % 3 == 0:
            data = data[: rng.randrange(len(data))]
        elif number % 3 == 1:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        else:
            data = bytearray(rng.randbytes(rng.randrange(60)))
        end.receive(up(toy), bytes(data))
    taken = lines_of(database, toy)
    assert all(kind in (Kind.ACK, Kind.RESEND) for _, kind, _, _ in wire.sent)
    # A flipped bit in the unsigned map or the unprotected header may leave the signed part whole: then it is the batch.
    assert taken in (0, 1)
    assert lines_of(database, toy) == taken


def publish_rules(database: Database, keyring: Keyring) -> None:
    with database.write() as db:
        work = Work(db, Scope(NETWORK, frozenset({BARCELONA})), START)
        publish.publish(work, BARCELONA, keyring, controller_keys(work, keyring))


def change_rules(database: Database, keyring: Keyring) -> None:
    with database.write() as db:
        work = Work(db, Scope(NETWORK), START)
        add_zone(work, Zone(ZoneId("zone_new"), BARCELONA, "New"))
    publish_rules(database, keyring)


@pytest.mark.usefixtures("toy")
def test_published_rules_go_out_as_a_head_first_and_as_deltas_after(
    end: CloudEnd, wire: Wire, database: Database, keyring: Keyring
) -> None:
    publish_rules(database, keyring)
    end.tick()
    assert wire.of(Kind.DELTA) == []
    (head,) = wire.of(Kind.HEAD)[:1]
    assert isinstance(head, Head)
    change_rules(database, keyring)
    wire.sent.clear()
    end.tick()
    (delta,) = wire.of(Kind.DELTA)
    assert isinstance(delta, Delta)
    assert (delta.from_version, delta.head.version) == (head.version, head.version + 1)
    wire.sent.clear()
    end.tick()
    assert wire.sent == []


@pytest.mark.usefixtures("toy")
def test_a_head_is_signed_again_every_minute(
    *, end: CloudEnd, wire: Wire, database: Database, keyring: Keyring, clock: HandClock
) -> None:
    publish_rules(database, keyring)
    end.tick()
    wire.sent.clear()
    clock.turn(seconds=59)
    end.tick()
    assert wire.sent == []
    clock.turn(seconds=1)
    end.tick()
    (head,) = wire.of(Kind.HEAD)
    assert isinstance(head, Head)
    assert head.issued_at == clock.now()


def test_the_pages_see_which_rules_a_controller_has_confirmed(
    end: CloudEnd, toy: ToyController, wire: Wire, database: Database, keyring: Keyring
) -> None:
    publish_rules(database, keyring)
    end.tick()
    (head,) = wire.of(Kind.HEAD)[:1]
    assert isinstance(head, Head)
    toy.write(RulesApplied(head.epoch, head.version, head.set_hash))
    say(end, toy, toy.batch())
    with database.read() as db:
        (now,) = service.controllers_now(Work(db, Scope(NETWORK), START))
    assert now.controller.confirmed == head.generation
    assert not now.silent


def test_a_release_names_the_connection_it_is_for(
    end: CloudEnd, toy: ToyController, wire: Wire, database: Database
) -> None:
    hello = toy.hello()
    say(end, toy, hello)
    with database.write() as db:
        command = service.release(Work(db, Scope(NETWORK), START), FRONT)
    end.tick()
    (sent,) = wire.of(Kind.COMMAND)
    assert isinstance(sent, Command)
    assert (sent.id, sent.door, sent.hello_nonce, sent.counter) == (command, FRONT, hello.nonce, 1)
    assert sent.expires_at == START + service.COMMAND_LIVES


@pytest.mark.usefixtures("toy")
def test_a_door_that_was_never_heard_cannot_be_released_from_afar(database: Database) -> None:
    with database.write() as db, pytest.raises(service.DoorUnreachable, match="on the spot"):
        service.release(Work(db, Scope(NETWORK), START), FRONT)


@pytest.mark.usefixtures("toy")
def test_a_lockdown_reaches_every_door_of_the_site_and_is_kept_for_who_comes_later(
    end: CloudEnd, wire: Wire, database: Database
) -> None:
    end.tick()
    wire.sent.clear()
    with database.write() as db:
        assert service.set_site_mode(Work(db, Scope(NETWORK), START), BARCELONA, DoorMode.LOCKED_DOWN) == 2
    end.tick()
    ((_, _, modes, retain),) = [one for one in wire.sent if one[1] is Kind.MODES]
    assert isinstance(modes, Modes)
    assert retain
    assert modes.counter == 1
    assert {(one.door, one.mode) for one in modes.modes} == {
        (FRONT, DoorMode.LOCKED_DOWN),
        (ROOM, DoorMode.LOCKED_DOWN),
    }


@pytest.mark.usefixtures("toy")
def test_a_mode_ends_by_itself(database: Database, clock: HandClock) -> None:
    clock.turn(hours=2)
    with database.write() as db:
        service.set_mode(Work(db, Scope(NETWORK), START), FRONT, DoorMode.UNLOCKED, clock.now())
        assert store.list_modes(Work(db, Scope(NETWORK), START))
        assert store.list_modes(Work(db, Scope(NETWORK), clock.now())) == []


def request_of(toy: ToyController, clock: HandClock, nonce: bytes = b"n1") -> bytes:
    wanted = SnapshotRequest(toy.id, clock.now(), nonce, 0, 0)
    return seal(Kind.REQUEST, "cloud", wanted, toy.key)


def test_a_whole_rule_set_is_a_file_whose_rows_have_the_heads_hash(
    *, end: CloudEnd, toy: ToyController, database: Database, keyring: Keyring, clock: HandClock, tmp_path: Path
) -> None:
    publish_rules(database, keyring)
    path = tmp_path / "rules.db"
    path.write_bytes(end.snapshot(request_of(toy, clock)))
    with closing(sqlite3.connect(path)) as file:
        rows = [Row(table, row) for table in COLUMNS for row in file.execute(f"SELECT * FROM {table}")]  # noqa: S608 - our own names
        ((envelope, kept),) = file.execute("SELECT envelope, set_hash FROM head_")
    ring = KeyRing([load_keys(keyring).working.public(Kind.HEAD)])
    head = unseal(Kind.HEAD, toy.id, envelope, ring, Head)
    assert set_hash(rows) == head.set_hash == kept


def test_a_request_for_rules_works_once_and_not_for_long(
    end: CloudEnd, toy: ToyController, database: Database, keyring: Keyring, clock: HandClock
) -> None:
    publish_rules(database, keyring)
    request = request_of(toy, clock)
    end.snapshot(request)
    with pytest.raises(EnvelopeRefused, match="answered before"):
        end.snapshot(request)
    late = request_of(toy, clock, b"n2")
    clock.turn(minutes=6)
    with pytest.raises(EnvelopeRefused, match="five minutes"):
        end.snapshot(late)


@pytest.mark.feature(40)
def test_a_zone_says_how_many_are_in_and_how_old_that_is(
    end: CloudEnd, toy: ToyController, database: Database, clock: HandClock
) -> None:
    toy.tap("hld_ana", OPEN_SPACE, clock.now())
    toy.tap("hld_ben", OPEN_SPACE, clock.now())
    toy.tap("hld_ben", STREET, clock.now())
    say(end, toy, toy.batch())
    with database.read() as db:
        (fresh,) = zones_now(Work(db, Scope(NETWORK), clock.now()), BARCELONA)
    assert (fresh.count, fresh.counted, fresh.heard_at, fresh.stale_since) == (1, False, START, None)
    clock.turn(hours=1)
    with database.read() as db:
        (old,) = zones_now(Work(db, Scope(NETWORK), clock.now()), BARCELONA)
    assert old.stale_since == START
    clock.turn(hours=12)
    with database.read() as db:
        (ended,) = zones_now(Work(db, Scope(NETWORK), clock.now()), BARCELONA)
    assert ended.count == 0


def test_another_networks_controller_is_not_there(database: Database, toy: ToyController) -> None:
    with database.read() as db:
        other = Work(db, Scope(NETWORK, frozenset({GIRONA})), START)
        assert store.find_controller(other, ControllerId(toy.id)) is None
        assert books.recent_events(other) == []
