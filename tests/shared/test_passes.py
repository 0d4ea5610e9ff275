import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import base45
import cwt
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aldaba_shared import passes
from aldaba_shared.envelope import KeyRing, SigningKey, seal
from aldaba_shared.ids import DoorId, HolderId, SiteId
from aldaba_shared.messages import Kind
from aldaba_shared.reasons import Reason

KEY = SigningKey.generate(b"passes-1")
RING = KeyRing([KEY.public(Kind.PASS)])
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
VISIT = passes.Pass(
    "network",
    HolderId("visitor"),
    SiteId("site"),
    (DoorId("street"), DoorId("room")),
    NOON,
    NOON + timedelta(hours=2),
    b"0123456789abcdef",
    uses=3,
)
TEXT = passes.issue(VISIT, KEY).encode()
VECTORS = json.loads((Path(__file__).parents[1] / "golden" / "base45.json").read_text("utf-8"))["base45"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["text"])
def test_the_text_of_a_pass_is_base45_as_the_rfc_has_it(vector: dict[str, str]) -> None:
    assert base45.b45encode(vector["text"].encode()) == vector["b45"].encode()


def test_a_pass_says_at_the_door_what_was_put_into_it() -> None:
    assert passes.read(TEXT, RING) == VISIT


def test_a_pass_is_a_cwt_to_other_programs_too() -> None:
    """The library's own reading of RFC 8392, which looks at the clock of this machine."""
    now = datetime.now(UTC)
    shown = replace(VISIT, valid_from=now - timedelta(days=1), valid_until=now + timedelta(days=1))
    claims = cwt.decode(base45.b45decode(passes.issue(shown, KEY)), KEY.cose)
    assert (claims[1], claims[2], claims[3], claims[7]) == (
        "network",
        "visitor",
        ["site:site", "street", "room"],
        VISIT.id,
    )


def test_a_pass_fits_an_alphanumeric_code_of_version_ten() -> None:
    assert len(TEXT) <= 311  # version 10, error correction M


def test_a_key_that_may_sign_other_things_signs_no_passes() -> None:
    assert passes.read(TEXT, KeyRing([KEY.public(Kind.HEAD)])) is Reason.PASS_UNREADABLE
    assert passes.read(TEXT, KeyRing()) is Reason.PASS_UNREADABLE


def test_no_other_envelope_is_a_pass() -> None:
    claims = {1: "n", 2: "h", 3: ["site:site", "street"], 4: 2_000_000_000, 5: 0, 7: b"x", passes.USES_CLAIM: 9}
    sealed = seal(Kind.PASS, "street", claims, KEY)
    assert passes.read(base45.b45encode(sealed), RING) is Reason.PASS_UNREADABLE


def test_a_text_longer_than_a_kibibyte_is_not_looked_at() -> None:
    assert passes.read(TEXT + b" " * 1024, RING) is Reason.PASS_UNREADABLE


@settings(max_examples=100)
@given(junk=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_random_bytes_are_no_pass(junk: bytes) -> None:
    event("base45" if set(junk) <= set(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:") else "bytes")
    assert passes.read(junk, RING) is Reason.PASS_UNREADABLE


@settings(max_examples=100)
@given(at=st.integers(0, len(TEXT) - 1), by=st.sampled_from(list(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")))
def test_a_pass_with_one_character_changed_is_no_pass(at: int, by: int) -> None:
    changed = TEXT[:at] + bytes([by]) + TEXT[at + 1 :]
    event("the same" if changed == TEXT else "changed")
    assert (passes.read(changed, RING) == VISIT) is (changed == TEXT)


@pytest.mark.parametrize(
    ("door", "uses", "cancelled", "refusal", "enabled"),
    [
        ("street", 0, (), None, True),
        ("street", 2, (), None, True),
        ("street", 3, (), Reason.PASS_USED_UP, True),
        ("cellar", 0, (), Reason.PASS_WRONG_DOOR, True),
        ("street", 0, (VISIT.id,), None, False),
    ],
)
def test_the_facts_of_a_pass(
    door: str, uses: int, cancelled: tuple[bytes, ...], refusal: Reason | None, enabled: bool
) -> None:
    facts = passes.facts(VISIT, door=DoorId(door), site=SiteId("site"), uses_so_far=uses, cancelled=cancelled)
    assert facts.refusal is refusal
    assert facts.credential is not None
    assert facts.credential.enabled is enabled
    assert bool(facts.rights) is (refusal is None)


def test_the_cancelled_passes_come_back_as_they_went() -> None:
    assert passes.read_cancelled(passes.cancelled_body([b"b", b"a"])) == {b"a", b"b"}
