"""Point 7: ten thousand random and mutated passes, parcels and topics; all that comes of them is a clear refusal.

Run with `-s` to see the distributions.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import base45
import pytest
from cwt import COSE

from aldaba_shared import passes
from aldaba_shared.envelope import KeyRing, SigningKey
from aldaba_shared.events import read_line
from aldaba_shared.ids import ControllerId, DoorId, HolderId, SiteId
from aldaba_shared.messages import Kind
from aldaba_shared.parcel import pack, unpack
from aldaba_shared.reasons import Reason
from aldaba_shared.topics import Channel, address, topic
from aldaba_shared.wire import Malformed, encode
from tests.wounds import TIMES, mutated, odd, tally

KEY = SigningKey.generate(b"passes-1")
RING = KeyRing([KEY.public(Kind.PASS)])
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
VISIT = passes.Pass("n", HolderId("v"), SiteId("s"), (DoorId("street"),), NOON, NOON + timedelta(hours=2), b"0" * 16, 1)
TEXT = passes.issue(VISIT, KEY).encode()
CLAIMS = {1: "n", 2: "v", 3: ["site:s", "street"], 4: 1_800_000_000, 5: 0, 7: b"x", passes.USES_CLAIM: 1}


@pytest.mark.system
def test_of_ten_thousand_broken_passes_none_is_read() -> None:
    def outcome(text: bytes) -> str:
        found = passes.read(text, RING)
        if isinstance(found, passes.Pass):
            assert found == VISIT, "what is signed was not touched"
            return "the very pass"
        assert found is Reason.PASS_UNREADABLE
        return found.value

    rng = random.Random(41)
    token = base45.b45decode(TEXT)
    texts = list(mutated([TEXT], rng))[: TIMES // 2]
    tokens = [(f"token {kind}", base45.b45encode(bytes_)) for kind, bytes_ in mutated([token], rng)][: TIMES // 2]
    counted = tally("passes", ((kind, outcome(text)) for kind, text in texts + tokens))
    assert counted["wounded: pass_unreadable"] > 2_000
    assert counted["token wounded: pass_unreadable"] > 2_000


@pytest.mark.system
def test_a_well_signed_pass_with_an_odd_claim_is_unreadable_or_grants_no_more_than_it_says() -> None:
    cose = COSE.new(alg_auto_inclusion=True, kid_auto_inclusion=True)
    rng = random.Random(42)
    outcomes = []
    for _ in range(TIMES // 10):
        claims = odd(CLAIMS, rng)
        found = passes.read(base45.b45encode(cose.encode(encode(claims), KEY.cose)), RING)
        outcomes.append(("signed", "read" if isinstance(found, passes.Pass) else found.value))
        if isinstance(found, passes.Pass):
            facts = passes.facts(found, door=DoorId("room"), site=SiteId("s"), uses_so_far=0, cancelled=())
            assert (facts.refusal is Reason.PASS_WRONG_DOOR) is ("room" not in found.doors)
    assert len(tally("odd passes", outcomes)) == 2


@pytest.mark.system
@pytest.mark.parametrize(
    ("name", "seeds", "read"),
    [
        ("parcels", [pack({Kind.HEAD: b"h" * 40, Kind.MODES: b"m"})], unpack),
        (
            "topics",
            [topic(SiteId("s"), ControllerId("c"), Channel.DOWN).encode()],
            lambda b: address(b.decode("latin-1")),
        ),
    ],
)
def test_of_ten_thousand_broken_wrappings_each_is_read_or_malformed(
    name: str, seeds: list[bytes], read: Callable[[bytes], object]
) -> None:
    def outcome(data: bytes) -> str:
        try:
            return type(read(data)).__name__
        except Malformed as error:
            return error.code if "It was dropped" in str(error) else "unclear"

    counted = tally(name, ((kind, outcome(data)) for kind, data in mutated(seeds, random.Random(43))))
    assert counted["noise: malformed"] > 2_000
    assert sum(counted.values()) == TIMES
    assert not any("unclear" in outcome for outcome in counted)


TIMELESS = {
    "its own": b'{"sequence":2,"at":"2026-11-23T11:00:00","boot":"b","segment":0,"monotonic_us":1,'
    b'"event":{"kind":"door_opened","door":"front"}}',
    "the end of a mode": b'{"sequence":2,"at":"2026-11-23T11:00:00Z","boot":"b","segment":0,"monotonic_us":1,'
    b'"event":{"kind":"door_mode_changed","door":"front","mode":"locked","until":"2026-11-23T11:00:00","why":"x"}}',
}


@pytest.mark.parametrize("time", sorted(TIMELESS))
def test_a_line_with_a_time_that_names_no_zone_is_malformed(time: str) -> None:
    line = TIMELESS[time]
    assert read_line(line.replace(b'00"', b'00Z"'))
    with pytest.raises(Malformed, match="timezone"):
        read_line(line)
