import json
from pathlib import Path

import pytest

from aldaba_edge.codecs import pkoc
from aldaba_edge.codecs.exchange import NotSuch, Proven, Refused, Verdict

CASE = json.loads((Path(__file__).parents[2] / "golden" / "pkoc.json").read_text())["cases"][0]
TRANSACTION, READER = bytes.fromhex(CASE["transaction"]), b"site".ljust(16, b"\0") + b"street".ljust(16, b"\0")
PUBLIC, SIGNATURE = bytes.fromhex(CASE["public_key"]), bytes.fromhex(CASE["signature"])


def say(*answers: bytes) -> tuple[Verdict, list[bytes]]:
    exchange = pkoc.authenticate(TRANSACTION, READER)
    heard = [next(exchange)]
    for answer in answers:
        try:
            heard.append(exchange.send(answer))
        except StopIteration as ended:
            return ended.value, heard
    raise AssertionError("it asks for more")


def signed(public: bytes = PUBLIC, signature: bytes = SIGNATURE) -> bytes:
    return bytes([0x5A, len(public)]) + public + bytes([0x9E, len(signature)]) + signature + b"\x90\x00"


@pytest.mark.feature(35)
def test_the_worked_example_of_psia_proves_its_public_key() -> None:
    verdict, heard = say(bytes.fromhex(CASE["select_answer"]), signed())
    assert verdict == Proven(PUBLIC)
    assert heard[0].hex() == CASE["select"]
    told = bytes.fromhex("8080000138" + "5c020100" + "4c10") + TRANSACTION + b"\x4d\x20" + READER + b"\x00"
    assert heard[1] == told


def test_a_card_without_the_application_is_of_another_kind() -> None:
    for answer in (b"\x6a\x82", b"\x6d\x00", b"\x6e\x00", b"", b"\x90"):
        assert say(answer)[0] == NotSuch()


@pytest.mark.parametrize(
    ("selected", "answer", "why"),
    [
        pytest.param(b"\x90\x00", b"", "pkoc_select_malformed", id="says yes and no version"),
        pytest.param(b"\x5c\x05\x01\x90\x00", b"", "pkoc_select_malformed", id="a length beyond the end"),
        pytest.param(b"\x5c\x02\x02\x00\x90\x00", b"", "pkoc_version_unknown", id="speaks another version only"),
        pytest.param(None, b"\x69\x85", "pkoc_will_not_sign", id="locked phone"),
        pytest.param(None, b"\x90", "pkoc_answer_malformed", id="half a status"),
        pytest.param(None, signed()[:-30] + b"\x90\x00", "pkoc_answer_malformed", id="cut"),
        pytest.param(None, signed(PUBLIC[:64]), "pkoc_answer_malformed", id="short key"),
        pytest.param(None, signed(b"\x02" + PUBLIC[1:]), "pkoc_answer_malformed", id="compressed key"),
        pytest.param(None, signed(PUBLIC[:-1] + b"\x00"), "pkoc_no_such_key", id="a point off the curve"),
        pytest.param(None, signed(signature=bytes(64)), "pkoc_signature_wrong", id="zeros for a signature"),
        pytest.param(None, signed()[:-2] + signed(), "pkoc_answer_malformed", id="a tag twice"),
    ],
)
def test_a_card_that_cannot_prove_itself_is_refused_for_one_reason(
    selected: bytes | None, answer: bytes, why: str
) -> None:
    selected = bytes.fromhex(CASE["select_answer"]) if selected is None else selected
    assert say(selected, answer)[0] == Refused(why)


def test_a_signature_over_another_transaction_opens_nothing() -> None:
    assert pkoc.verified(signed()[:-2], bytes(16)) == Refused("pkoc_signature_wrong")
    assert pkoc.verified(signed()[:-2], TRANSACTION) == Proven(PUBLIC)
