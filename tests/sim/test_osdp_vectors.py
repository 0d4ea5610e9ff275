"""What the SIA prints for OSDP (annex E of the specification) and what was heard on a real line, against libosdp.

The program has no OSDP cryptography of its own. So the printed Secure Channel
is worked out here with plain AES, which must give the printed bytes, and then
libosdp is asked the printed question on the wire: its answers must follow from
the same computation for the random number it chose.
"""

import json
from binascii import crc_hqx
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from aldaba_edge.codecs.osdp import Answered, AnswerReader
from aldaba_sim.osdp_pd import OsdpPd

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "osdp.json").read_text("utf-8"))
PRINTED = {name: bytes.fromhex(value) for name, value in VECTORS["secure_channel"].items()}
FRAMES = [(one["dir"], bytes.fromhex(one["hex"])) for one in VECTORS["capture_plain"]["frames"]]
HEARD_AT = 101
CRC_START = 0x1D0F
CHALLENGE, CRYPTOGRAM = 0x76, 0x77
KEYED = 1
"""The security block says that the key is the reader's own and not the one of the factory."""

pytestmark = pytest.mark.feature(95)


def block(key: bytes, data: bytes) -> bytes:
    encryptor = Cipher(AES(key), ECB()).encryptor()  # noqa: S305 - as the standard derives its keys
    return encryptor.update(data) + encryptor.finalize()


def session(key: bytes, host: bytes, reader: bytes) -> dict[str, bytes]:
    """The keys and proofs of one Secure Channel, as the specification says (annex D)."""
    s_enc, s_mac1, s_mac2 = (block(key, bytes([1, which]) + host[:6] + bytes(8)) for which in (0x82, 0x01, 0x02))
    ours = block(s_enc, reader + host)
    return {
        "s_enc": s_enc,
        "s_mac1": s_mac1,
        "s_mac2": s_mac2,
        "pd_cryptogram": block(s_enc, host + reader),
        "cp_cryptogram": ours,
        "r_mac_i": block(s_mac2, block(s_mac1, ours)),
    }


def message(sequence: int, security: bytes, command: int, data: bytes) -> bytes:
    """A message to the reader 101 with a security block and a CRC."""
    body = bytes([1 + len(security), *security, command]) + data
    length = 5 + len(body) + 2
    framed = bytes([0x53, HEARD_AT]) + length.to_bytes(2, "little") + bytes([sequence | 0x0C]) + body
    return framed + crc_hqx(framed, CRC_START).to_bytes(2, "little")


@pytest.mark.parametrize("vector", VECTORS["crc16"], ids=lambda vector: vector["msg"])
def test_the_crc_of_this_test_is_the_printed_one(vector: dict[str, str]) -> None:
    assert crc_hqx(bytes.fromhex(vector["msg"]), CRC_START).to_bytes(2, "little").hex() == vector["crc_le"]


def test_the_secure_channel_of_this_test_is_the_printed_one() -> None:
    worked_out = session(PRINTED["scbk_d"], PRINTED["cp_random"], PRINTED["pd_random"])
    assert worked_out == {name: PRINTED[name] for name in worked_out}


def test_libosdp_proves_itself_to_the_printed_challenge_as_the_standard_says() -> None:
    reader, host = OsdpPd(HEARD_AT, PRINTED["scbk_d"]), PRINTED["cp_random"]
    answer = reader.hear(message(0, bytes([0x11, KEYED]), CHALLENGE, host))
    security, told = answer[5:8], answer[9:-2]
    assert (security[1], answer[8], len(told)) == (0x12, CHALLENGE, 32)
    random, cryptogram = told[8:16], told[16:]
    expected = session(PRINTED["scbk_d"], host, random)
    assert cryptogram == expected["pd_cryptogram"]
    answer = reader.hear(message(1, bytes([0x13, KEYED]), CRYPTOGRAM, expected["cp_cryptogram"]))
    assert (answer[6:8], answer[8], answer[9:-2]) == (bytes([0x14, 1]), 0x78, expected["r_mac_i"])


def test_libosdp_shuts_the_channel_to_a_host_that_does_not_know_the_key() -> None:
    reader, host = OsdpPd(HEARD_AT, PRINTED["scbk_d"]), PRINTED["cp_random"]
    reader.hear(message(0, bytes([0x11, KEYED]), CHALLENGE, host))
    answer = reader.hear(message(1, bytes([0x13, KEYED]), CRYPTOGRAM, bytes(16)))
    assert answer[5:7] == bytes([0x41, 5]), "a NAK: the encryption conditions are not met"


def test_libosdp_answers_a_poll_that_was_heard_on_a_real_line_with_the_bytes_that_were_heard() -> None:
    (_, poll), (_, acknowledged) = FRAMES[:2]
    assert OsdpPd(HEARD_AT, None).hear(poll) == acknowledged
    spoilt = poll[:-1] + bytes([poll[-1] ^ 1])
    assert OsdpPd(HEARD_AT, None).hear(spoilt) != acknowledged


def test_every_answer_of_a_real_reader_is_seen_and_known_to_be_in_clear() -> None:
    said = [frame for direction, frame in FRAMES if direction == "PD->ACU"]
    found = AnswerReader().feed(b"".join(said))
    by_nature = {0x41, 0x45, 0x46}
    assert found == [Answered(HEARD_AT, in_clear=frame[5] not in by_nature) for frame in said]
    assert any(one.in_clear for one in found)
