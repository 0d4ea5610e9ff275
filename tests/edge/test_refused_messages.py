import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from aldaba_shared.envelope import EnvelopeRefused, SigningKey, seal
from aldaba_shared.ids import ControllerId, HolderId, ZoneId
from aldaba_shared.messages import (
    KeyList,
    Kind,
    PresenceNews,
    Resend,
)
from aldaba_shared.parcel import pack
from aldaba_shared.peers import SETTING, peers_body, read_peers
from aldaba_shared.presence import Order, Stay
from aldaba_shared.snapshot import Row
from tests.edge.naive_cloud import DOWN, STATE
from tests.edge.places import FRONT, ME, PEER, SITE, START, Keys, some_rows
from tests.edge.sync_place import Place, ack, command, effects, good_delta, good_head, lockdown, news

# Each of these is right but for one thing.

Forged = Callable[[Place], tuple[Kind, bytes]]


def signed(kind: Kind, body: Callable[[Place], object], *, by: str = "cloud", to: str = ME) -> Forged:
    return lambda place: (kind, seal(kind, to, body(place), getattr(place.keys, by)))


def flipped(kind: Kind, body: Callable[[Place], object]) -> Forged:
    def spoiled(place: Place) -> tuple[Kind, bytes]:
        envelope = bytearray(seal(kind, ME, body(place), place.keys.cloud))
        envelope[-3] ^= 1
        return kind, bytes(envelope)

    return spoiled


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


OF_C3 = (HolderId("h8"), Stay(ZoneId("z"), START, Order(START, "c3", "j", 1)))

BAD_NEWS: dict[str, Callable[[Keys], bytes]] = {
    "signed by the cloud": lambda k: seal(Kind.PRESENCE, SITE, news(7), k.cloud),
    "for another site": lambda k: seal(Kind.PRESENCE, "s9", news(7), k.peer),
    "of another controller": lambda k: seal(
        Kind.PRESENCE, SITE, replace(news(7), controller="c3", stays=(OF_C3,)), k.peer
    ),
    "older": lambda k: seal(Kind.PRESENCE, SITE, replace(news(4), at=START - timedelta(minutes=2)), k.peer),
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


NEW_PEER = SigningKey.generate(b"c9")
OF_C9 = (HolderId("bea"), Stay(ZoneId("floor"), START, Order(START, "c9", "j9", 1)))
FROM_C9 = seal(Kind.PRESENCE, SITE, PresenceNews(ControllerId("c9"), "j9", 1, START, (OF_C9,)), NEW_PEER)


def test_a_stranger_is_an_alarm_once_the_rules_had_a_minute_to_name_it(settled: Place) -> None:
    settled.link.deliver(f"aldaba/1/{SITE}/c9/presence", pack({Kind.PRESENCE: FROM_C9}))
    assert settled.refusals() == []
    settled.clock.advance(61)
    assert "bea" not in settled.core.presences.stays()
    assert settled.refusals() == [("presence", "envelope_refused")]


def test_a_new_peer_is_believed_when_the_rules_that_name_it_come_after_its_first_word(settled: Place) -> None:
    settled.link.deliver(f"aldaba/1/{SITE}/c9/presence", pack({Kind.PRESENCE: FROM_C9}))
    named = Row("setting", (SETTING, peers_body([NEW_PEER.public(Kind.PRESENCE)])))
    settled.follow(some_rows(1), [*some_rows(1), named], 2)
    settled.clock.advance(61)
    assert settled.core.presences.stays()[HolderId("bea")].zone == "floor"
    assert settled.refusals() == []


def test_a_peer_that_the_rules_name_may_sign_presence_and_nothing_else() -> None:
    ring = read_peers(peers_body([NEW_PEER.public(Kind.HEAD, Kind.PRESENCE)]))
    with pytest.raises(EnvelopeRefused):
        ring.trusted(NEW_PEER.kid, Kind.HEAD)


def test_a_retained_copy_that_comes_after_newer_news_is_no_alarm_and_moves_nobody(settled: Place) -> None:
    topic = f"aldaba/1/{SITE}/{PEER}/presence"
    elsewhere = replace(news(4), stays=(), at=START - timedelta(seconds=30))
    settled.link.deliver(topic, pack({Kind.PRESENCE: seal(Kind.PRESENCE, SITE, news(5), settled.keys.peer)}))
    before = dict(settled.core.presences.stays())
    settled.link.deliver(topic, pack({Kind.PRESENCE: seal(Kind.PRESENCE, SITE, elsewhere, settled.keys.peer)}))
    assert dict(settled.core.presences.stays()) == before
    assert settled.refusals() == []
