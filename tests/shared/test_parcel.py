import pytest

from aldaba_shared.messages import Kind
from aldaba_shared.parcel import pack, unpack
from aldaba_shared.wire import Malformed, encode


def test_a_message_gives_back_the_envelopes_it_was_given() -> None:
    assert unpack(pack({Kind.HEAD: b"h", Kind.MODES: b"m"})) == {Kind.HEAD: b"h", Kind.MODES: b"m"}


def test_a_kind_of_a_later_schema_is_left_out() -> None:
    assert unpack(encode({"head": b"h", "weather": b"w"})) == {Kind.HEAD: b"h"}


@pytest.mark.parametrize(
    "payload", [b"\xff", encode([b"h"]), encode({"head": 1}), encode({str(n): b"" for n in range(9)})]
)
def test_anything_else_is_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        unpack(payload)


def test_a_retained_message_that_is_taken_back_holds_nothing() -> None:
    assert unpack(b"") == {}
