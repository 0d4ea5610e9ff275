"""What a world verifies only once is what was sealed in it, byte for byte; everything else is read by the library."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from unittest.mock import patch

import pytest
from cwt import COSE

from aldaba_shared.envelope import EnvelopeRefused, KeyRing, seal, unseal
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ControllerId
from aldaba_shared.messages import Head, Kind
from aldaba_sim.certain import Certainty

HEAD = Head(ControllerId("c1"), 1, 7, bytes(32), datetime(2026, 11, 23, 9, tzinfo=UTC))


@pytest.fixture
def certainly() -> Iterator[Certainty]:
    certainty = Certainty(Random(1))
    with certainty():
        yield certainty


def test_what_arrives_as_it_was_sealed_is_not_computed_again(certainly: Certainty) -> None:
    key = certainly.key(b"cloud-1")
    ring = KeyRing([key.public(Kind.HEAD)])
    sealed = seal(Kind.HEAD, "c1", HEAD, key)
    with patch.object(COSE, "decode", side_effect=AssertionError("the library was asked")):
        assert unseal(Kind.HEAD, "c1", sealed, ring, Head) == HEAD


def test_no_byte_audience_kind_or_key_passes_for_what_was_sealed(certainly: Certainty) -> None:
    key, stranger = certainly.key(b"cloud-1"), certainly.key(b"cloud-1")
    ring = KeyRing([key.public(Kind.HEAD, Kind.MODES)])
    sealed = seal(Kind.HEAD, "c1", HEAD, key)
    for place in range(len(sealed)):
        spoiled = bytearray(sealed)
        spoiled[place] ^= 1
        with pytest.raises(AldabaError):
            unseal(Kind.HEAD, "c1", bytes(spoiled), ring, Head)
    for kind, audience, keys in (
        (Kind.HEAD, "c2", ring),
        (Kind.MODES, "c1", ring),
        (Kind.HEAD, "c1", KeyRing([stranger.public(Kind.HEAD)])),
    ):
        with pytest.raises(EnvelopeRefused):
            unseal(kind, audience, sealed, keys, Head)


def test_an_envelope_of_before_the_world_is_read_by_the_library(certainly: Certainty) -> None:
    key = certainly.key(b"cloud-1")
    other = Certainty(Random(2))
    with other():
        sealed = seal(Kind.HEAD, "c1", HEAD, key)
    assert unseal(Kind.HEAD, "c1", sealed, KeyRing([key.public(Kind.HEAD)]), Head) == HEAD
