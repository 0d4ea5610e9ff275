"""The wire: what is signed cannot be changed, swapped or sent elsewhere, and junk is refused with a clear error."""

import random
from datetime import UTC, datetime

import cbor2
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_shared.envelope import EnvelopeRefused, KeyRing, SigningKey, seal, unseal
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ControllerId, SiteId
from aldaba_shared.messages import Delta, Head, Kind
from aldaba_shared.snapshot import EMPTY_SET, Change, Row, changed_hash, changes_between, row_hash, set_hash
from aldaba_shared.topics import Channel, address, topic
from aldaba_shared.wire import Malformed, decode, encode

CLOUD = SigningKey.generate(b"cloud-1")
STRANGER = SigningKey.generate(b"cloud-1")
RING = KeyRing([CLOUD.public(Kind.HEAD)])
HEAD = Head(ControllerId("c1"), 1, 7, bytes(32), datetime(2026, 11, 23, 9, tzinfo=UTC))
SEALED = seal(Kind.HEAD, "c1", HEAD, CLOUD)


def test_a_signed_head_arrives_as_it_was_sent() -> None:
    assert unseal(Kind.HEAD, "c1", SEALED, RING, Head) == HEAD


@pytest.mark.parametrize(
    ("kind", "audience", "sealed"),
    [
        pytest.param(Kind.HEAD, "c2", SEALED, id="for another door"),
        pytest.param(Kind.HEAD, "c1", seal(Kind.HEAD, "c1", HEAD, STRANGER), id="by a stranger with our kid"),
        pytest.param(Kind.DELTA, "c1", seal(Kind.DELTA, "c1", HEAD, CLOUD), id="a kind this key may not sign"),
        pytest.param(Kind.HEAD, "c1", seal(Kind.ACK, "c1", HEAD, CLOUD), id="signed as another kind"),
        pytest.param(Kind.HEAD, "c1", encode(HEAD), id="not signed at all"),
        pytest.param(Kind.HEAD, "c1", b"", id="nothing"),
    ],
)
def test_one_defect_is_enough_to_refuse(kind: Kind, audience: str, sealed: bytes) -> None:
    with pytest.raises(AldabaError):
        unseal(kind, audience, sealed, RING, Head)


def test_a_well_signed_body_of_another_shape_is_malformed() -> None:
    with pytest.raises(Malformed):
        unseal(Kind.HEAD, "c1", seal(Kind.HEAD, "c1", {"controller": 5}, CLOUD), RING, Head)


@pytest.mark.system
def test_ten_thousand_broken_envelopes_are_refused_with_a_clear_error() -> None:
    rng = random.Random(1)
    outcomes: dict[str, int] = {}
    for _ in range(10_000):
        broken = bytearray(SEALED if rng.random() < 0.7 else rng.randbytes(1 + rng.randrange(200)))
        for _ in range(rng.randrange(1, 4)):
            start = rng.randrange(len(broken))
            broken[start : start + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
            broken = broken or bytearray(b"\x00")
        if bytes(broken) == SEALED:
            continue
        try:
            unseal(Kind.HEAD, "c1", bytes(broken), RING, Head)
        except (EnvelopeRefused, Malformed) as error:
            outcomes[error.code] = outcomes.get(error.code, 0) + 1
        else:
            outcomes["accepted"] = outcomes.get("accepted", 0) + 1
    assert set(outcomes) == {"envelope_refused", "malformed"}, outcomes
    assert min(outcomes.values()) > 100, outcomes


ROWS = st.builds(
    lambda name, body: Row("zone", (name, body)),
    st.text("abcdef", min_size=1, max_size=2),
    st.binary(max_size=4),
)
SETS = st.lists(ROWS, max_size=8, unique_by=lambda row: row.key)


@given(before=SETS, after=SETS)
def test_a_delta_and_a_snapshot_end_in_the_same_hash(before: list[Row], after: list[Row]) -> None:
    changes = changes_between(before, after)
    event(f"put {sum(c.after is not None for c in changes)}, dropped {sum(c.after is None for c in changes)}")
    assert changed_hash(set_hash(before), changes) == set_hash(after)
    assert (set_hash(before) == set_hash(after)) is (sorted(before, key=repr) == sorted(after, key=repr))


VALUES = st.one_of(st.none(), st.text(), st.binary(), st.integers(-(2**63), 2**63 - 1))


@given(values=st.lists(VALUES, min_size=7, max_size=7))
def test_the_bytes_hashed_in_bulk_are_the_canonical_ones(values: list[str | bytes | int | None]) -> None:
    row = Row("credential", tuple(values))
    event(", ".join(sorted({type(value).__name__ for value in values})))
    assert set_hash([row]) == row_hash(row).to_bytes(32, "big")


def test_the_hash_of_a_set_knows_no_order() -> None:
    rows = [Row("zone", (str(number), b"")) for number in range(9)]
    assert set_hash(rows) == set_hash(reversed(rows)) != EMPTY_SET


def test_a_delta_travels_and_comes_back() -> None:
    row = Row("credential", (bytes(32), "id", "ana", "uid", 1, None, 1_800_000_000))
    delta = Delta(HEAD, 6, (Change(None, row), Change(row, None)))
    assert decode(encode(delta), Delta) == delta


def test_topics_name_site_controller_and_channel() -> None:
    name = topic(SiteId("bcn"), ControllerId("c1"), Channel.UP)
    assert name == "aldaba/1/bcn/c1/up"
    assert address(name) == (SiteId("bcn"), ControllerId("c1"), Channel.UP)


@pytest.mark.parametrize("name", ["", "aldaba/1/bcn/c1", "aldaba/2/bcn/c1/up", "aldaba/1/bcn/c1/sideways"])
def test_other_topics_are_none_of_ours(name: str) -> None:
    with pytest.raises(Malformed):
        address(name)


@pytest.mark.parametrize("name", ["", "+", "a/b", "#"])
def test_an_id_cannot_be_a_wildcard(name: str) -> None:
    with pytest.raises(Malformed):
        topic(SiteId(name), ControllerId("c1"), Channel.UP)


def test_a_body_that_cannot_be_encoded_spoils_no_later_one() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises((ValueError, RecursionError)):
        encode(loop)
    body = {"b": [1, [2, b"x"]], "a": {"long": 1, "z": None}}
    assert encode(body) == cbor2.dumps(body, canonical=True)
    assert encode(body) == encode(body)
