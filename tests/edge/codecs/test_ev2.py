"""EV2 secure messaging against the bytes NXP prints."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from aldaba_edge.codecs import ev2
from aldaba_edge.codecs.apdu import build_command, read_answer
from aldaba_edge.codecs.exchange import Exchange
from aldaba_edge.codecs.malformed import Malformed

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "nxp_ev2_secure_messaging.json").read_text())


def play(exchange: Exchange[Any], script: Iterable[tuple[str, str]]) -> Any:  # noqa: ANN401 - each exchange returns its own
    """Answer from a script, and insist on its commands."""
    lines = list(script)
    sent = next(exchange)
    while lines:
        command, answer = lines.pop(0)
        assert sent.hex() == command.lower()
        try:
            sent = exchange.send(bytes.fromhex(answer))
        except StopIteration as ended:
            assert not lines
            return ended.value
    raise AssertionError(f"more was said than the script has: {sent.hex()}")


def session_of(case: dict[str, Any], key_no: int = 0) -> ev2.Session:
    enc, mac, ti = (bytes.fromhex(case.get(name, "00" * 16)) for name in ("k_ses_enc", "k_ses_mac", "ti"))
    return ev2.Session(enc, mac, ti, key_no, case["cmd_ctr"])


@pytest.mark.feature(35)
@pytest.mark.parametrize("case", GOLDEN["auth_ev2_first"], ids=lambda case: case["id"])
def test_authentication_derives_the_keys_nxp_prints(case: dict[str, Any]) -> None:
    exchange = ev2.authenticate(case["key_no"], bytes.fromhex(case["key"]), bytes.fromhex(case["rnd_a"]))
    session = play(exchange, case["apdu"])
    assert (session.enc.hex(), session.mac.hex(), session.ti.hex()) == (
        case["k_ses_enc"],
        case["k_ses_mac"],
        case["ti"],
    )


@pytest.mark.parametrize("case", GOLDEN["auth_ev2_first"], ids=lambda case: case["id"])
def test_a_card_that_does_not_know_the_key_is_no_card_of_ours(case: dict[str, Any]) -> None:
    (ask, challenge), (_, good) = case["apdu"]
    exchange = ev2.authenticate(case["key_no"], bytes.fromhex(case["key"]), bytes.fromhex(case["rnd_a"]))
    next(exchange)
    exchange.send(bytes.fromhex(challenge))
    wrong = bytearray.fromhex(good)
    wrong[3] ^= 1
    with pytest.raises(StopIteration) as ended:
        exchange.send(bytes(wrong))
    assert ended.value.value == Malformed("ev2_card_not_genuine")
    assert ask


@pytest.mark.parametrize("case", GOLDEN["messages"], ids=lambda case: case["id"])
def test_a_command_and_its_answer_carry_the_macs_nxp_prints(case: dict[str, Any]) -> None:
    session = session_of(case)
    plain = bytes.fromhex(case["plain_apdu"])
    assert build_command(session.command(plain[1], plain[5:6])).hex() == case["mac_apdu"]
    answer = read_answer(bytes.fromhex(case["response"]))
    assert not isinstance(answer, Malformed)
    assert session.opened(answer) == bytes.fromhex(case["response_data"])
    assert session.opened(answer) == Malformed("ev2_answer_mac_wrong"), "the same answer cannot come twice"


@pytest.mark.parametrize("case", GOLDEN["write_full"], ids=lambda case: case["id"])
def test_encrypted_commands_are_those_nxp_prints(case: dict[str, Any]) -> None:
    session = session_of(case)
    header, plain = bytes.fromhex(case["header"]), bytes.fromhex(case["plain"])
    command = session.command(int(case["ins"], 16), header, plain, full=True)
    assert build_command(command).hex() == case["command"]
    answer = read_answer(bytes.fromhex(case["answer"]))
    assert not isinstance(answer, Malformed)
    assert session.opened(answer, full=True) == b""


@pytest.mark.parametrize("case", GOLDEN["change_key"], ids=lambda case: case["id"])
def test_keys_are_changed_with_the_bytes_nxp_prints(case: dict[str, Any]) -> None:
    session = session_of(case, case["session_key_no"])
    new = bytes.fromhex(case["new_key"])
    command = session.key_change(case["key_no"], new, case["version"], bytes.fromhex(case["old_key"]))
    assert build_command(command).hex() == case["command"]
    if case["crc32"]:
        assert ev2.crc32_nxp(new).hex() == case["crc32"]


def test_padding_comes_off_as_it_went_on() -> None:
    for length in range(40):
        plain = bytes(range(1, length + 1)) + b"\x80"
        assert ev2.unpadded(ev2.padded(plain)) == plain
    assert ev2.unpadded(bytes(16)) is None
    assert ev2.unpadded(b"\x80" + bytes(31)) is None
