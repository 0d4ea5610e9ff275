"""SUN addresses of NTAG 424 DNA against the ones NXP prints."""

import json
from pathlib import Path
from typing import Any

import pytest

from aldaba_edge.codecs import ev2, ntag424
from aldaba_edge.codecs.ntag424 import Sun
from aldaba_shared.card_keys import key_set

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "nxp_an12196_sun.json").read_text())
KEYS = key_set(b"r" * 32, 1)
UID = bytes.fromhex("04de5f1eacc040")


@pytest.mark.feature(35)
@pytest.mark.parametrize("case", GOLDEN["aes"], ids=lambda case: case["id"])
def test_the_address_nxp_prints_says_its_uid_and_counter(case: dict[str, Any]) -> None:
    sun = ntag424.opened(bytes.fromhex(case["picc_data"]), bytes.fromhex(case["sdm_meta_read_key"]))
    assert sun == Sun(bytes.fromhex(case["expect"]["uid"]), case["expect"]["read_ctr"])
    assert ntag424.sun_mac(bytes.fromhex(case["sdm_file_read_key"]), sun).hex() == case["sdmmac"]


@pytest.mark.parametrize("case", GOLDEN["primitives"]["sdm_counter_vectors"], ids=lambda case: f"counter {case['ctr']}")
def test_the_counter_rises_with_every_tap_of_a_real_tag(case: dict[str, Any]) -> None:
    sun = ntag424.opened(bytes.fromhex(case["p"]), bytes.fromhex(case["k1"]))
    assert sun == Sun(bytes.fromhex(case["uid"]), case["ctr"])
    assert ntag424.sun_mac(bytes.fromhex(case["k2"]), sun).hex() == case["c"]


@pytest.mark.parametrize("name", ["sv1_enc", "sv2_mac"])
def test_session_keys_are_plain_cmacs(name: str) -> None:
    one = {part: bytes.fromhex(text) for part, text in GOLDEN["primitives"][name].items()}
    assert ev2.cmac(one["key"], one["msg"]) == one["cmac"]


def made(counter: int, uid: bytes = UID) -> tuple[bytes, bytes]:
    sun = Sun(uid, counter)
    plain = b"\xc7" + uid + counter.to_bytes(3, "little") + b"rando"
    return ev2.encrypt(KEYS.sun_meta, plain), ntag424.sun_mac(KEYS.sun(uid), sun)


def test_an_address_is_believed_with_the_set_that_made_it_whichever_it_is() -> None:
    picc, mac = made(7)
    assert ntag424.verified(picc, mac, [key_set(b"s" * 32, 2), KEYS]) == Sun(UID, 7)
    assert ntag424.verified(picc, mac, [key_set(b"s" * 32, 2)]) is None
    assert ntag424.verified(picc, mac[:-1] + bytes([mac[-1] ^ 1]), [KEYS]) is None
    assert ntag424.verified(made(8)[0], mac, [KEYS]) is None, "the MAC covers the counter"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://t.example/t?e=EF963FF7828658A599F3041510671E88&c=94EED9EE65337086", True),
        ("https://t.example/t?x=1&e=ef963ff7828658a599f3041510671e88&y=2&c=94eed9ee65337086", True),
        ("https://t.example/t?e=EF963FF7828658A599F3041510671E8&c=94EED9EE65337086", False),
        ("https://t.example/", False),
    ],
)
def test_an_address_without_both_parts_is_no_sun_address(address: str, *, found: bool) -> None:
    assert (ntag424.sun_of(address) is not None) is found
    assert ntag424.read_uri(ntag424.build_uri(address)) == address
