"""Point 7: ten thousand random and mutated messages of each kind, and well-signed ones with odd bodies.

Nothing raises, nothing opens, nothing changes, and what was refused is an alarm.
Run with `-s` to see the distributions.
"""

import random
from collections.abc import Callable

import msgspec
import pytest

from aldaba_edge.peer_news import EACH_SECONDS
from aldaba_shared.envelope import SigningKey, seal
from aldaba_shared.ids import CredentialKey, ZoneId
from aldaba_shared.messages import Kind, Resend
from aldaba_shared.parcel import pack
from aldaba_shared.presence import PresenceRules, Zone, occupancy
from tests.edge.naive_cloud import DOWN
from tests.edge.places import FRONT, ME, PEER, SITE, key_of
from tests.edge.sync_place import Place, ack, command, effects, good_delta, good_head, lockdown, news
from tests.edge.test_refused_messages import FORGERIES
from tests.wounds import TIMES, mutated, odd, tally

SOME_ZONES = PresenceRules({ZoneId("z"): Zone(ZoneId("z"), presence_hours=12)}, "America/Lima")
NEWS = f"aldaba/1/{SITE}/{PEER}/presence"


def refused(place: Place) -> int:
    return sum(place.core.refusals.counts.values())


def outcome(place: Place, topic: str, payload: bytes) -> str:
    """What became of one message: the code of the alarm, or nothing, as for a kind of a later schema."""
    if topic == NEWS:
        place.clock.advance(EACH_SECONDS)  # news that comes faster waits for its turn
    before = dict(place.core.refusals.counts)
    place.link.deliver(topic, payload)
    return next((why for (_, why), n in place.core.refusals.counts.items() if n != before.get((_, why), 0)), "nothing")


@pytest.mark.system
@pytest.mark.parametrize(
    "kind",
    [Kind.HEAD, Kind.DELTA, Kind.COMMAND, Kind.PRESENCE, Kind.MODES, Kind.ACK, Kind.RESEND, Kind.KEYS],
)
def test_ten_thousand_broken_messages_of_a_kind_change_nothing_and_are_alarms(settled: Place, kind: Kind) -> None:
    """The seeds are messages with one defect already: what a wound leaves whole still must not count."""
    forged = [forge(settled) for _, forge in sorted(FORGERIES.items())]
    if kind is Kind.PRESENCE:
        forged = [
            (kind, seal(kind, SITE, news(), settled.keys.cloud)),
            (kind, seal(kind, "s9", news(), settled.keys.peer)),
        ]
    seeds = [pack({found: envelope}) for found, envelope in forged if found is kind]
    topic = NEWS if kind is Kind.PRESENCE else DOWN
    before, stays = effects(settled), dict(settled.core.presences.stays())
    counted = tally(
        kind.value,
        ((how, outcome(settled, topic, payload)) for how, payload in mutated(seeds, random.Random(kind.value))),
    )
    settled.clock.settle()
    assert effects(settled) == before
    assert dict(settled.core.presences.stays()) == stays
    assert refused(settled) > TIMES * 0.95, counted
    assert settled.refusals(), "and the books say so"


ODD_BODIES: dict[Kind, Callable[[Place], object]] = {
    Kind.HEAD: good_head,
    Kind.DELTA: good_delta,
    Kind.MODES: lambda _: lockdown(),
    Kind.COMMAND: command,
    Kind.ACK: ack,
    Kind.RESEND: lambda place: Resend(ME, place.books.journal.id, 1, place.cloud.batches[-1].nonce, place.clock.now()),
    Kind.PRESENCE: lambda _: news(),
}


@pytest.mark.system
@pytest.mark.parametrize("kind", sorted(ODD_BODIES))
def test_a_well_signed_message_with_an_odd_body_raises_nothing_and_opens_nothing(settled: Place, kind: Kind) -> None:
    """Another program of the cloud, or a later one, may sign what this one never would."""
    rng = random.Random(kind.value)
    key: SigningKey = settled.keys.peer if kind is Kind.PRESENCE else settled.keys.cloud
    to, topic = (SITE, NEWS) if kind is Kind.PRESENCE else (ME, DOWN)
    outcomes = []
    for _ in range(TIMES // 20):
        good = msgspec.to_builtins(ODD_BODIES[kind](settled), builtin_types=(bytes,))
        body = odd(good, rng)
        released = len(settled.released)
        outcomes.append(("signed", outcome(settled, topic, pack({kind: seal(kind, to, body, key)}))))
        settled.clock.settle()
        if len(settled.released) != released:
            assert isinstance(body, dict)
            same = ("controller", "verb", "hello_nonce")
            assert [body.get(name) for name in same] == [good[name] for name in same]
    settled.clock.advance(30)
    occupancy(settled.core.presences.stays(), ZoneId("z"), SOME_ZONES, settled.clock.now())
    counted = tally(f"odd {kind}", outcomes)
    assert counted["signed: malformed"] > TIMES // 100
    assert settled.core.rules.facts(FRONT, CredentialKey(key_of(0))).credential is not None, "the doors still decide"
